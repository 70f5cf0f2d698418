"""Kraken: its orders, its refusals, its keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

from autopilot.adapters.exchange.answers import Refusal, json_object
from autopilot.adapters.exchange.gateway import Gateway, Query, Request
from autopilot.adapters.exchange.key_shapes import SIGNING_BYTES, decoded_base64
from autopilot.adapters.exchange.venue_orders import Raw, VenueOrders, order_request, own_order, trigger_params
from autopilot.domain.credentials import ExchangeKeys, KeyRights
from autopilot.domain.order import Order

_BATCH = 19
"""Kraken tells of 20 trades at once; ccxt makes one empty question more of a number that 20 divides."""
_WITH_TRADES = {"trades": "true"}
"""In Kraken's spelling, which is not ccxt's."""
_KRAKEN_RIGHTS = ("query-funds", "query-open-trades", "query-closed-trades", "modify-trades", "close-trades")


class Kraken(VenueOrders):
    """Source: https://docs.kraken.com/api/docs/rest-api/add-order."""

    lands_within_ms: ClassVar[int] = 20_000
    """Past the order's ``deadline`` its engine takes it no more; the rest is for clocks and their books."""
    earning: ClassVar[str] = ".F"
    """Kraken Rewards. Source: https://docs.kraken.com/api/docs/rest-api/get-extended-balance."""

    def request(self, order: Order, until_ms: int) -> Request:
        deadline = datetime.fromtimestamp(until_ms / 1000, UTC).isoformat(timespec="milliseconds")
        # Without fciq the fee of a sale is taken in coins.
        more = {"deadline": deadline, "oflags": "fciq", **trigger_params(order)}
        return order_request(order, {"clientOrderId": order.client_order_id, **more})

    async def find(self, gateway: Gateway, order: Order) -> Raw | None:
        if order.exchange_order_id:
            return await gateway.find(order.exchange_order_id, order.symbol, _WITH_TRADES)
        by_id = {"clientOrderId": order.client_order_id, **_WITH_TRADES}
        # ``since`` would filter by the opening time in ccxt, after the exchange has done it by ours.
        queries: tuple[Query, ...] = ("fetch_open_orders", "fetch_closed_orders")
        for query in queries:
            mine = own_order(await gateway.query(query, order.symbol, None, None, by_id), order)
            if mine:
                return mine
        return None

    async def trades(self, gateway: Gateway, order: Order, raw: Raw) -> Sequence[Raw]:
        ids = [each["id"] for each in raw["trades"]]
        found: list[Raw] = []
        for first in range(0, len(ids), _BATCH):
            batch = {"trades": ids[first : first + _BATCH]}
            found += await gateway.query("fetch_order_trades", raw["id"], order.symbol, None, None, batch)
        return found

    async def rights(self, gateway: Gateway) -> KeyRights:
        """Source: https://docs.kraken.com/api-reference/account-data/get-api-key-info."""
        told = await gateway.query("private_post_getapikeyinfo")
        names = told["result"].get("permissions")
        if not isinstance(names, list):
            return KeyRights()
        missing = tuple(name for name in _KRAKEN_RIGHTS if name not in names)
        return KeyRights(not missing, any("withdraw" in str(name) for name in names), missing)


def kraken_key_problem(keys: ExchangeKeys) -> str:
    secret = decoded_base64(keys.secret)
    if secret is not None and len(secret) == SIGNING_BYTES:
        return ""
    if len(decoded_base64(keys.api_key) or b"") == SIGNING_BYTES:
        return "the API key and the private key have changed places"
    if secret is None:
        return "the private key is not base64, or is cut off"
    return f"the private key has {len(secret)} bytes of {SIGNING_BYTES}"


_KRAKEN_UNCLEAR = ("EService:Timeout", "EService:Unavailable", "EService:Busy", "EGeneral:Internal error", "EDatabase:")
"""It may have been accepted before that."""
_KRAKEN_TWICE = "cl_ord_id not unique"
"""An order of this id is there."""
_KRAKEN_LATER = ("Rate limit", "Too many requests", "Throttled", "Temporary lockout", "Invalid nonce", "mode")
_KRAKEN_LATE = ("Deadline elapsed", "arguments:deadline")
_KRAKEN_ABSENT = ("EOrder:Unknown order", "EOrder:Invalid order")


def kraken_refusal(body: str | None) -> Refusal | None:
    """``{"error": ["EOrder:Insufficient funds"]}``."""
    answer = json_object(body)
    errors = answer.get("error")
    if not isinstance(errors, list) or not errors or answer.get("result"):
        return None
    words = "; ".join(str(each) for each in errors)
    if any(each in words for each in (*_KRAKEN_UNCLEAR, _KRAKEN_TWICE)):
        return None
    return Refusal(words, is_final=not any(each in words for each in (*_KRAKEN_LATER, *_KRAKEN_LATE)))


def kraken_answered(body: str | None) -> bool:
    """``{"error": [], "result": {…}}``."""
    answer = json_object(body)
    return answer.get("error") == [] and isinstance(answer.get("result"), dict)


def kraken_absent(body: str | None) -> bool:
    """Of an order whose id Kraken itself gave. That an answer is empty proves nothing: a key may be for a part of the
    history only."""
    errors = json_object(body).get("error")
    return isinstance(errors, list) and len(errors) == 1 and errors[0] in _KRAKEN_ABSENT
