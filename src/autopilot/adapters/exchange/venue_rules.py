"""One exchange on which real money can be traded, in one value.

Only the exchange's own words prove that it rejected a new order: neither the class of ccxt's exception nor the HTTP
status does. Only a whole answer proves that a list is empty: ccxt reads a page of HTML as an empty list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autopilot.adapters.exchange.venue_orders import VenueOrders
from autopilot.domain.credentials import ExchangeKeys, KeyRights

BURST = 2.0
"""The cost of the requests that an exchange is sent at once, in ccxt's units."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The exchange rejected a new order: it does not exist. ``is_final``: sending it again would not help."""

    words: str
    is_final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueRules:
    """All that is one exchange's own. ``name`` is its name in ccxt.

    Its answers are read from the body of its last response. ``refusal`` of a new order, None if the answer proves no
    rejection; ``is_whole``: whether a query was answered in full; ``has_no_order``: whether the answer says that the
    order does not exist; ``cursor`` of a list's next page.

    ``key_problem`` describes an obvious fault of an API key, "" without any; ``key_hint`` helps to copy the key again.
    ``rights_method`` is the method of ccxt that returns the key's permissions, which ``rights`` reads.
    """

    name: str
    orders: VenueOrders
    refusal: Callable[[str | None], Refusal | None]
    is_whole: Callable[[str | None], bool]
    has_no_order: Callable[[str | None], bool] = lambda _: False
    cursor: Callable[[str | None], str] = lambda _: ""
    key_problem: Callable[[ExchangeKeys], str]
    key_hint: str
    rights_method: str
    rights: Callable[[Mapping[str, Any]], KeyRights]
    account_burst: float = BURST
    """As `BURST`, for requests about an account."""
    checks_request_time: bool = False
    """Whether the exchange rejects a request whose time is wrong. For the others that number is a nonce, which must not
    follow a wrong clock."""
    needs_coin_list: bool = False
    """Whether some coins have fewer decimals than their markets' amounts, which only the list of coins says."""
    coin_names: Mapping[str, str] = field(default_factory=dict)
    """The exchange's own names of coins, and the usual ones."""


def rights_from_flags(answer: Mapping[str, Any], *, trading: str, moving: Sequence[str]) -> KeyRights:
    """Permissions from an answer's flags by name. A flag that is missing or not a bool is unknown."""
    flags = [answer[name] for name in moving if isinstance(answer.get(name), bool)]
    can_trade = answer.get(trading)
    return KeyRights(can_trade if isinstance(can_trade, bool) else None, any(flags) if flags else None)
