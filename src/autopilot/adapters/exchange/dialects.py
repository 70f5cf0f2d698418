"""What exchanges do differently with orders of ours: how they carry our id, how they are found and canceled by it, and
how long one that got no answer may still turn up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from autopilot.adapters.exchange.gateway import Gateway, Query, Request
from autopilot.domain.credentials import KeyRights
from autopilot.domain.errors import ConfigError, MarketUnavailable
from autopilot.domain.order import Order, OrderType, Side
from autopilot.domain.timeframe import MINUTE_MS

Raw = Mapping[str, Any]
"""An order, or a trade, as ccxt's unified methods give it."""

CLOCKS_MS = 5 * MINUTE_MS
"""No clock of an exchange is further behind ours."""
_PAGE, _PAGE_OF_FILLS = 1000, 250
_BATCH = 19
"""Kraken tells of 20 trades at once; ccxt makes one empty question more of a number that 20 divides."""
_WITH_TRADES = {"trades": "true"}
"""In Kraken's spelling, which is not ccxt's."""
_KRAKEN_RIGHTS = ("query-funds", "query-open-trades", "query-closed-trades", "modify-trades", "close-trades")
_MOST_PAGES = 100


class Dialect:
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
        return _request(order, {"clientOrderId": order.client_order_id, "recvWindow": 10_000, **_trigger(order)})

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
        for _ in range(_MOST_PAGES):
            since = {"fromId": first_id}
            page = await gateway.query("fetch_order_trades", raw["id"], order.symbol, None, _PAGE, since)
            found += page
            if len(page) < _PAGE:
                return found
            first_id = max(int(each["id"]) for each in page) + 1
        raise _endless(gateway, len(found))

    async def cancel(self, gateway: Gateway, order: Order) -> None:
        """Raises AnswerLost, MarketUnavailable."""
        await gateway.cancel(None, order.symbol, {"clientOrderId": order.client_order_id})

    async def rights(self, gateway: Gateway) -> KeyRights:
        """Source: https://developers.binance.com/docs/wallet/account/api-key-permission."""
        told = await gateway.query("sapi_get_account_apirestrictions")
        moving = ("enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer")
        return _rights(told, trading="enableSpotAndMarginTrading", moving=moving)


class Kraken(Dialect):
    """Source: https://docs.kraken.com/api/docs/rest-api/add-order."""

    lands_within_ms: ClassVar[int] = 20_000
    """Past the order's ``deadline`` its engine takes it no more; the rest is for clocks and their books."""
    earning: ClassVar[str] = ".F"
    """Kraken Rewards. Source: https://docs.kraken.com/api/docs/rest-api/get-extended-balance."""

    def request(self, order: Order, until_ms: int) -> Request:
        deadline = datetime.fromtimestamp(until_ms / 1000, UTC).isoformat(timespec="milliseconds")
        # Without fciq the fee of a sale is taken in coins.
        more = {"deadline": deadline, "oflags": "fciq", **_trigger(order)}
        return _request(order, {"clientOrderId": order.client_order_id, **more})

    async def find(self, gateway: Gateway, order: Order) -> Raw | None:
        if order.exchange_order_id:
            return await gateway.find(order.exchange_order_id, order.symbol, _WITH_TRADES)
        by_id = {"clientOrderId": order.client_order_id, **_WITH_TRADES}
        # ``since`` would filter by the opening time in ccxt, after the exchange has done it by ours.
        queries: tuple[Query, ...] = ("fetch_open_orders", "fetch_closed_orders")
        for query in queries:
            mine = _ours(await gateway.query(query, order.symbol, None, None, by_id), order)
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


class Coinbase(Dialect):
    """It does not cancel by our id. Source: https://docs.cdp.coinbase.com/advanced-trade/reference."""

    lands_within_ms: ClassVar[int] = 150_000
    """A request's token lives for two minutes."""
    keeps_stops: ClassVar[bool] = False
    """Its stops become limit orders, which may never sell."""
    balance_params: ClassVar[Mapping[str, Any]] = {"v3": True}
    """The older list does not tell what open orders hold back."""

    def request(self, order: Order, until_ms: int) -> Request:  # noqa: ARG002
        ours: dict[str, Any] = {"client_order_id": order.client_order_id}
        if order.type is OrderType.MARKET and order.side is Side.BUY:
            # ccxt would spend an amount of money, which buys another quantity than the one that was approved. Source:
            # https://github.com/coinbase/coinbase-advanced-py/blob/master/CHANGELOG.md, 1.4.0.
            size = {"base_size": format(order.quantity, "f")}
            ours |= {"createMarketBuyOrderRequiresPrice": False, "order_configuration": {"market_market_ioc": size}}
        return _request(order, ours)

    async def find(self, gateway: Gateway, order: Order) -> Raw | None:
        since_ms, until = order.created_at_ms - CLOCKS_MS, {"until": order.updated_at_ms + CLOCKS_MS}
        by_id = {"order_ids": [order.exchange_order_id]} if order.exchange_order_id else {}
        return _ours(await _pages(gateway, "fetch_orders", since_ms, _PAGE, until | by_id), order)

    async def open_orders(self, gateway: Gateway, symbol: str) -> Sequence[Raw]:
        found = await _pages(gateway, "fetch_open_orders", None, _PAGE, {})
        return [each for each in found if each["symbol"] == symbol]

    async def trades(self, gateway: Gateway, order: Order, raw: Raw) -> Sequence[Raw]:  # noqa: ARG002
        return await _pages(gateway, "fetch_my_trades", None, _PAGE_OF_FILLS, {"order_ids": [raw["id"]]})

    async def cancel(self, gateway: Gateway, order: Order) -> None:
        found = await self.find(gateway, order)
        if found:
            await gateway.cancel(str(found["id"]), order.symbol, {})

    async def rights(self, gateway: Gateway) -> KeyRights:
        """Source: https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/data-api/get-api-key-permissions."""
        told = await gateway.query("v3_private_get_brokerage_key_permissions")
        return _rights(told, trading="can_trade", moving=("can_transfer",))


_DIALECTS: Mapping[str, Dialect] = {"binance": Dialect(), "coinbase": Coinbase(), "kraken": Kraken()}


def dialect_of(exchange: str) -> Dialect:
    """Raises ConfigError for an exchange on which orders cannot be found by our own id, or are not known to be."""
    if exchange not in _DIALECTS:
        raise ConfigError(
            f"real orders cannot be sent to {exchange}: it is not known how to find them again by our own id",
            hint=f"use one of {', '.join(sorted(_DIALECTS))}, or trade on paper",
        )
    return _DIALECTS[exchange]


def _trigger(order: Order) -> dict[str, Any]:
    return {"stopLossPrice": format(order.trigger_price, "f")} if order.type is OrderType.STOP else {}


def _rights(told: Mapping[str, Any], *, trading: str, moving: Sequence[str]) -> KeyRights:
    """Of flags by name; those that are not told are not known."""
    flags = [told[name] for name in moving if isinstance(told.get(name), bool)]
    can_trade = told.get(trading)
    return KeyRights(can_trade if isinstance(can_trade, bool) else None, any(flags) if flags else None)


def _request(order: Order, params: Mapping[str, Any]) -> Request:
    return Request(
        symbol=order.symbol,
        kind="limit" if order.type is OrderType.LIMIT else "market",
        side=order.side.value,
        amount=format(order.quantity, "f"),
        price=None if order.price is None else format(order.price, "f"),
        params=params,
    )


async def _pages(
    gateway: Gateway, query: Query, since_ms: int | None, size: int, params: Mapping[str, Any]
) -> Sequence[Raw]:
    """A list of Coinbase to its end, each once. Of all markets: for one ccxt sends a filter that is none any more,
    ``product_id``, and drops what is of others. Source:
    https://github.com/coinbase/coinbase-advanced-py/blob/master/CHANGELOG.md, 1.4.3."""
    found: dict[str, Raw] = {}
    more: dict[str, str] = {}
    for _ in range(_MOST_PAGES):
        page, cursor = await gateway.page(query, None, since_ms, size, {**params, **more})
        found |= {each["id"]: each for each in page}
        if not cursor:
            return tuple(found.values())
        more = {"cursor": cursor}
    raise _endless(gateway, len(found))


def _endless(gateway: Gateway, shown: int) -> MarketUnavailable:
    return MarketUnavailable(
        f"{gateway.name} shows {shown} orders or trades and no end of them",
        hint="something else trades there very often; stop it, or see on the exchange what became of the order",
    )


def _ours(orders: Sequence[Raw], order: Order) -> Raw | None:
    """By the exchange's id where it is known. By ours the latest: books that were begun anew may make an id again, and
    exchanges take it as soon as the first order is over."""
    if order.exchange_order_id:
        return next((each for each in orders if each["id"] == order.exchange_order_id), None)
    named = [each for each in orders if each.get("clientOrderId") == order.client_order_id and _is_recent(each, order)]
    return max(named, key=lambda each: each["timestamp"], default=None)


def _is_recent(raw: Raw, order: Order) -> bool:
    """Whether it cannot be from before this order was made."""
    return bool(raw["timestamp"] >= order.created_at_ms - CLOCKS_MS)
