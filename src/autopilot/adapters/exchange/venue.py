"""The parts that all exchanges share on which real money can be traded, and the form of each one's own, in ``venues/``.

Only the exchange's own words prove that it rejected a new order: neither the class of ccxt's exception nor the HTTP
status does. Only a whole answer proves that a list is empty: ccxt reads a page of HTML as an empty list.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from autopilot.domain.credentials import ExchangeKeys, KeyRights
from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.order import Order, OrderType
from autopilot.domain.timeframe import MINUTE_MS

Raw = Mapping[str, Any]
"""An order, or a trade, as ccxt's unified methods return it."""
Query = Literal[
    "fetch_balance",
    "fetch_closed_orders",
    "fetch_my_trades",
    "fetch_open_orders",
    "fetch_order",
    "fetch_order_trades",
    "fetch_orders",
    "fetch_ticker",
    "fetch_time",
]
"""Every method of ccxt that reads an account. There is no method among them that could move money away."""
MAX_CLOCK_LAG_MS = 5 * MINUTE_MS
"""The clock of an exchange is never further behind ours."""
PAGE = 1000
MAX_PAGES = 100
BURST = 2.0
"""The cost of the requests that an exchange is sent at once, in ccxt's units."""


@dataclass(frozen=True, slots=True)
class Request:
    """A new order in ccxt's form: ``kind`` is limit or market, ``params`` are the exchange's own."""

    symbol: str
    kind: str
    side: str
    amount: str
    price: str | None
    params: Mapping[str, Any]


class AccountReader(Protocol):
    """The part of `Gateway` that looks for orders and cancels them. Methods raise MarketUnavailable."""

    name: str
    """The exchange's name."""

    async def query(self, method: Query, *arguments: Any) -> Any:
        """The result of ccxt's unified ``method``, from a whole answer only."""

    async def page(self, method: Query, *arguments: Any) -> tuple[Sequence[Any], str]:
        """One page of a list, and the cursor of the next page: empty after the last page."""

    async def find(self, exchange_order_id: str | None, symbol: str | None, params: Mapping[str, Any]) -> Raw | None:
        """One order; None if the exchange's own words say that it does not exist."""

    async def cancel(self, exchange_order_id: str | None, symbol: str, params: Mapping[str, Any]) -> None:
        """Request a cancellation; only a query shows its result. Raises AnswerLost if the request may not have arrived.
        An order that does not exist, or is over, is no error."""


class VenueOrders(ABC):
    """How one exchange takes our order id, and how an order is found and canceled by that id."""

    settles_within_ms: ClassVar[int]
    """An order that does not show this long after the last moment of sending it does not exist."""
    keeps_stops: ClassVar[bool] = True
    """Whether the exchange takes orders that sell at market when the price touches a trigger."""
    balance_params: ClassVar[Mapping[str, Any]] = {}
    """Parameters of the query for balances."""
    reward_suffix: ClassVar[str] = ""
    """The ending of a currency's name if its balance earns rewards; such a balance can be spent like any other."""

    @abstractmethod
    def request(self, order: Order, until_ms: int) -> Request:
        """A new order that the exchange takes until ``until_ms`` by its own clock."""

    @abstractmethod
    async def find(self, account: AccountReader, order: Order) -> Raw | None:
        """The order, by our id while the exchange's id is unknown; None if it does not show. Raises
        MarketUnavailable."""

    @abstractmethod
    async def trades(self, account: AccountReader, order: Order, raw: Raw) -> Sequence[Raw]:
        """All trades of a found order; trades of other orders may be among them. Raises MarketUnavailable."""

    async def open_orders(self, account: AccountReader, symbol: str) -> Sequence[Raw]:
        """All open orders of the symbol, other people's and other programs' included. Raises MarketUnavailable."""
        found: Sequence[Raw] = await account.query("fetch_open_orders", symbol)
        return found

    async def cancel(self, account: AccountReader, order: Order) -> None:
        """Raises AnswerLost, MarketUnavailable."""
        await account.cancel(None, order.symbol, {"clientOrderId": order.client_order_id})


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
    counts_nonces: bool = False
    """Whether each request of a key needs a higher number than all before it."""
    needs_coin_list: bool = False
    """Whether some coins have fewer decimals than their markets' amounts, which only the list of coins says."""


def trigger_params(order: Order) -> dict[str, Any]:
    """The trigger price of a stop order; empty for every other order."""
    return {"stopLossPrice": format(order.trigger_price, "f")} if order.type is OrderType.STOP else {}


def order_request(order: Order, params: Mapping[str, Any]) -> Request:
    """``order`` with the exchange's own ``params``."""
    return Request(
        symbol=order.symbol,
        kind="limit" if order.type is OrderType.LIMIT else "market",
        side=order.side.value,
        amount=format(order.quantity, "f"),
        price=None if order.price is None else format(order.price, "f"),
        params=params,
    )


def endless_list(exchange: str, shown: int) -> MarketUnavailable:
    """The error for a list that goes on after `MAX_PAGES` pages."""
    return MarketUnavailable(
        f"{exchange} shows {shown} orders or trades and no end of them",
        hint="something else trades there very often; stop it, or see on the exchange what became of the order",
    )


def own_order(orders: Sequence[Raw], order: Order) -> Raw | None:
    """``order`` among the exchange's orders: by the exchange's id if we know it, else the latest with our id.

    Our ids may repeat after the database was replaced, and an exchange takes an id again once its first order is over.
    """
    if order.exchange_order_id:
        return next((each for each in orders if each["id"] == order.exchange_order_id), None)
    same_id = [each for each in orders if each.get("clientOrderId") == order.client_order_id and is_recent(each, order)]
    return max(same_id, key=lambda each: each["timestamp"], default=None)


def is_recent(raw: Raw, order: Order) -> bool:
    """Whether the exchange's order cannot be older than ``order``. One that was created by a clock ahead of the
    exchange's counts from when it was sent."""
    return bool(raw["timestamp"] >= min(order.created_at_ms, order.updated_at_ms) - MAX_CLOCK_LAG_MS)


def rights_from_flags(answer: Mapping[str, Any], *, trading: str, moving: Sequence[str]) -> KeyRights:
    """Permissions from an answer's flags by name. A flag that is missing or not a bool is unknown."""
    flags = [answer[name] for name in moving if isinstance(answer.get(name), bool)]
    can_trade = answer.get(trading)
    return KeyRights(can_trade if isinstance(can_trade, bool) else None, any(flags) if flags else None)
