"""Kraken: its orders, its answers, its keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from autopilot.adapters.exchange.key_shapes import decoded_base64
from autopilot.adapters.exchange.venue import (
    AccountReader,
    Query,
    Raw,
    Refusal,
    Request,
    VenueOrders,
    VenueRules,
    order_request,
    own_order,
    trigger_params,
)
from autopilot.adapters.json_text import json_object
from autopilot.domain.credentials import ExchangeKeys, KeyRights
from autopilot.domain.order import Order

_TRADES_PAGE = 19
"""Kraken returns 20 trades at once; ccxt sends one empty query more for a number that 20 divides."""
_WITH_TRADES = {"trades": "true"}
"""In Kraken's spelling, which is not ccxt's."""
_PERMISSIONS = ("query-funds", "query-open-trades", "query-closed-trades", "modify-trades", "close-trades")
_SECRET_BYTES = 64
_UNCLEAR = ("EService:Timeout", "EService:Unavailable", "EService:Busy", "EGeneral:Internal error", "EDatabase:")
"""The order may have been accepted before the error."""
_DUPLICATE = "cl_ord_id not unique"
"""An order with this id exists."""
_LATER = ("Rate limit", "Too many requests", "Throttled", "Temporary lockout", "Invalid nonce")
_LATE = ("Deadline elapsed", "arguments:deadline")
_NO_SUCH_ORDER = ("EOrder:Unknown order", "EOrder:Invalid order")


class KrakenOrders(VenueOrders):
    """Source: https://docs.kraken.com/api/docs/rest-api/add-order."""

    settles_within_ms: ClassVar[int] = 20_000
    """After the order's ``deadline`` the exchange does not take it; the rest is for clocks and the exchange's books."""
    reward_suffix: ClassVar[str] = ".F"
    """Kraken Rewards. Source: https://docs.kraken.com/api/docs/rest-api/get-extended-balance."""

    def request(self, order: Order, until_ms: int) -> Request:
        deadline = datetime.fromtimestamp(until_ms / 1000, UTC).isoformat(timespec="milliseconds")
        # Without fciq the fee of a sale is taken in coins.
        more = {"deadline": deadline, "oflags": "fciq", **trigger_params(order)}
        return order_request(order, {"clientOrderId": order.client_order_id, **more})

    async def find(self, account: AccountReader, order: Order) -> Raw | None:
        """Without the symbol, which ccxt no longer knows after the market is gone; Kraken does not need it."""
        if order.exchange_order_id:
            return await account.find(order.exchange_order_id, None, _WITH_TRADES)
        by_id = {"clientOrderId": order.client_order_id, **_WITH_TRADES}
        # ``since`` would filter by the opening time in ccxt, after the exchange has filtered by ours.
        queries: tuple[Query, ...] = ("fetch_open_orders", "fetch_closed_orders")
        for query in queries:
            found = own_order(await account.query(query, None, None, None, by_id), order)
            if found:
                return found
        return None

    async def trades(self, account: AccountReader, order: Order, raw: Raw) -> Sequence[Raw]:  # noqa: ARG002
        ids = [each["id"] for each in raw["trades"]]
        found: list[Raw] = []
        for first in range(0, len(ids), _TRADES_PAGE):
            page = {"trades": ids[first : first + _TRADES_PAGE]}
            found += await account.query("fetch_order_trades", raw["id"], None, None, None, page)
        return found


def _refusal(body: str | None) -> Refusal | None:
    """Reads ``{"error": ["EOrder:Insufficient funds"]}``."""
    answer = json_object(body)
    errors = answer.get("error")
    if not isinstance(errors, list) or not errors or answer.get("result"):
        return None
    words = "; ".join(str(each) for each in errors)
    if any(each in words for each in (*_UNCLEAR, _DUPLICATE)):
        return None
    return Refusal(words, is_final=not any(each in words for each in (*_LATER, *_LATE)))


def _is_whole(body: str | None) -> bool:
    """Reads ``{"error": [], "result": {…}}``."""
    answer = json_object(body)
    return answer.get("error") == [] and isinstance(answer.get("result"), dict)


def _has_no_order(body: str | None) -> bool:
    """For an order whose id Kraken gave. An empty answer proves nothing: a key may see a part of the history only."""
    errors = json_object(body).get("error")
    return isinstance(errors, list) and len(errors) == 1 and errors[0] in _NO_SUCH_ORDER


def _key_problem(keys: ExchangeKeys) -> str:
    secret = decoded_base64(keys.secret)
    if secret is not None and len(secret) == _SECRET_BYTES:
        return ""
    if len(decoded_base64(keys.api_key) or b"") == _SECRET_BYTES:
        return "the API key and the private key have changed places"
    if secret is None:
        return "the private key is not base64, or is cut off"
    return f"the private key has {len(secret)} bytes of {_SECRET_BYTES}"


def _rights(answer: Mapping[str, Any]) -> KeyRights:
    """Source: https://docs.kraken.com/api-reference/account-data/get-api-key-info."""
    names = answer["result"].get("permissions")
    if not isinstance(names, list):
        return KeyRights()
    missing = tuple(name for name in _PERMISSIONS if name not in names)
    return KeyRights(not missing, any("withdraw" in str(name) for name in names), missing)


KRAKEN = VenueRules(
    name="kraken",
    orders=KrakenOrders(),
    refusal=_refusal,
    is_whole=_is_whole,
    has_no_order=_has_no_order,
    key_problem=_key_problem,
    key_hint="its private key has 88 characters and ends with ==",
    rights_method="private_post_getapikeyinfo",
    rights=_rights,
    # 8 queries. Kraken counts each of them, up to 15, and forgets one in three seconds. Source:
    # https://docs.kraken.com/api/docs/guides/spot-rest-ratelimits.
    account_burst=24.0,
    counts_nonces=True,
    needs_coin_list=True,
)
