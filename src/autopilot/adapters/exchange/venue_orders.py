"""What exchanges do differently with orders of ours: how they carry our id, how they are found and canceled by it, and
how long one that got no answer may still turn up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from autopilot.adapters.exchange.gateway import Gateway, Request
from autopilot.domain.credentials import KeyRights
from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.order import Order, OrderType
from autopilot.domain.timeframe import MINUTE_MS

Raw = Mapping[str, Any]
"""An order, or a trade, as ccxt's unified methods give it."""
CLOCKS_MS = 5 * MINUTE_MS
"""No clock of an exchange is further behind ours."""
PAGE = 1000
MAX_PAGES = 100


class VenueOrders:
    """As Binance does it. ``lands_within_ms``: how long after the last moment at which an order is sent it is there and
    can be found, or never will be."""

    lands_within_ms: ClassVar[int] = 60_000
    """recvWindow, 10 s, and time for their books to show it: users were told of no order more than 10 s after it was
    made."""
    keeps_stops: ClassVar[bool] = True
    """Whether it takes orders that sell at market when a price is touched."""
    balance_params: ClassVar[Mapping[str, Any]] = {}
    """What goes with the question for balances."""
    earning: ClassVar[str] = ""
    """How the name of a coin ends that earns meanwhile, and is spent as if it did not."""

    def request(self, order: Order, until_ms: int) -> Request:  # noqa: ARG002 - some exchanges take it
        """What sends a new order; ``until_ms`` by the exchange's clock."""
        return order_request(
            order, {"clientOrderId": order.client_order_id, "recvWindow": 10_000, **trigger_params(order)}
        )

    async def find(self, gateway: Gateway, order: Order) -> Raw | None:
        """The order, by our id where the exchange's is not known. Raises MarketUnavailable.

        Binance's list of all orders comes from its database and is behind; a single order comes from memory. Source:
        https://developers.binance.com/docs/binance-spot-api-docs/rest-api/account-endpoints.
        """
        if order.exchange_order_id:
            return await gateway.find(order.exchange_order_id, order.symbol, {})
        # Of orders that had an id one after another it tells the latest.
        found = await gateway.find(None, order.symbol, {"origClientOrderId": order.client_order_id})
        return found if found and _is_recent(found, order) else None

    async def open_orders(self, gateway: Gateway, symbol: str) -> Sequence[Raw]:
        """All that is open there, whoever made it. Raises MarketUnavailable."""
        found: Sequence[Raw] = await gateway.query("fetch_open_orders", symbol)
        return found

    async def trades(self, gateway: Gateway, order: Order, raw: Raw) -> Sequence[Raw]:
        """All trades of a found order, and perhaps others. Raises MarketUnavailable."""
        found: list[Raw] = []
        first_id = 0
        for _ in range(MAX_PAGES):
            since = {"fromId": first_id}
            page = await gateway.query("fetch_order_trades", raw["id"], order.symbol, None, PAGE, since)
            found += page
            if len(page) < PAGE:
                return found
            first_id = max(int(each["id"]) for each in page) + 1
        raise endless_list(gateway, len(found))

    async def cancel(self, gateway: Gateway, order: Order) -> None:
        """Raises AnswerLost, MarketUnavailable."""
        await gateway.cancel(None, order.symbol, {"clientOrderId": order.client_order_id})

    async def rights(self, gateway: Gateway) -> KeyRights:
        """Source: https://developers.binance.com/docs/wallet/account/api-key-permission."""
        told = await gateway.query("sapi_get_account_apirestrictions")
        moving = ("enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer")
        return rights_from_flags(told, trading="enableSpotAndMarginTrading", moving=moving)


def trigger_params(order: Order) -> dict[str, Any]:
    return {"stopLossPrice": format(order.trigger_price, "f")} if order.type is OrderType.STOP else {}


def rights_from_flags(told: Mapping[str, Any], *, trading: str, moving: Sequence[str]) -> KeyRights:
    """Of flags by name; those that are not told are not known."""
    flags = [told[name] for name in moving if isinstance(told.get(name), bool)]
    can_trade = told.get(trading)
    return KeyRights(can_trade if isinstance(can_trade, bool) else None, any(flags) if flags else None)


def order_request(order: Order, params: Mapping[str, Any]) -> Request:
    return Request(
        symbol=order.symbol,
        kind="limit" if order.type is OrderType.LIMIT else "market",
        side=order.side.value,
        amount=format(order.quantity, "f"),
        price=None if order.price is None else format(order.price, "f"),
        params=params,
    )


def endless_list(gateway: Gateway, shown: int) -> MarketUnavailable:
    return MarketUnavailable(
        f"{gateway.name} shows {shown} orders or trades and no end of them",
        hint="something else trades there very often; stop it, or see on the exchange what became of the order",
    )


def own_order(orders: Sequence[Raw], order: Order) -> Raw | None:
    """By the exchange's id where it is known. By ours the latest: books that were begun anew may make an id again, and
    exchanges take it as soon as the first order is over."""
    if order.exchange_order_id:
        return next((each for each in orders if each["id"] == order.exchange_order_id), None)
    named = [each for each in orders if each.get("clientOrderId") == order.client_order_id and _is_recent(each, order)]
    return max(named, key=lambda each: each["timestamp"], default=None)


def _is_recent(raw: Raw, order: Order) -> bool:
    """Whether it cannot be from before this order was made."""
    return bool(raw["timestamp"] >= order.created_at_ms - CLOCKS_MS)
