"""Lists that are longer than a page, and lists that are behind: what is proven by them, and what is not yet."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from loopback_exchange import Refused, Why

from autopilot.adapters.exchange.venues import coinbase as coinbase_rules
from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.order import OrderStatus, OrderType
from autopilot.domain.timeframe import MINUTE_MS


@pytest.mark.parametrize("page", [1000, 100])
async def test_an_order_on_coinbase_is_looked_for_to_the_end_of_the_list(coinbase: Any, page: int) -> None:
    """Newest first, of all markets; a page may be a smaller one than was asked for."""
    coinbase.exchange.page = page
    coinbase.exchange.faults["orders"] = ["reset after"]
    order = coinbase.intend(OrderType.LIMIT)
    await coinbase.follow()
    for _ in range(2 * page):
        coinbase.exchange.foreign_order("ETH")
    coinbase.clock.at_ms += coinbase.pause_ms
    await coinbase.follow()
    assert coinbase.order(order).status is OrderStatus.OPEN
    assert [each.client_order_id for each in await coinbase.broker.open_orders("BTC/USD")] == [order.client_order_id]


@pytest.mark.parametrize("fault", ["500 before", "null", "truncated"])
async def test_some_pages_do_not_prove_that_an_order_is_nowhere(coinbase: Any, fault: str) -> None:
    coinbase.exchange.page = 100
    for _ in range(250):
        coinbase.exchange.foreign_order()
    coinbase.exchange.faults["orders"] = ["reset before"]
    order = coinbase.intend(OrderType.LIMIT)
    await coinbase.follow()
    coinbase.clock.at_ms += coinbase.pause_ms
    coinbase.exchange.faults["orders/historical/batch"] = ["", "", fault]
    with pytest.raises(MarketUnavailable):
        await coinbase.desk.follow(coinbase.market)
    assert coinbase.order(order).status is OrderStatus.UNKNOWN
    await coinbase.follow()
    assert coinbase.order(order).status is OrderStatus.EXPIRED


async def test_a_list_without_an_end_proves_nothing(coinbase: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coinbase_rules, "MAX_PAGES", 3)
    coinbase.exchange.page = 100
    for _ in range(301):
        coinbase.exchange.foreign_order()
    coinbase.exchange.faults["orders"] = ["reset before"]
    order = coinbase.intend(OrderType.LIMIT)
    await coinbase.follow()
    coinbase.clock.at_ms += coinbase.pause_ms
    with pytest.raises(MarketUnavailable, match="shows 300 orders or trades and no end of them"):
        await coinbase.desk.follow(coinbase.market)
    assert coinbase.order(order).status is OrderStatus.UNKNOWN


@pytest.mark.parametrize(
    ("name", "trades", "requests"),
    [
        ("coinbase", 250, 1),
        ("coinbase", 251, 2),
        ("coinbase", 501, 3),
        ("binance", 999, 1),
        ("binance", 1000, 2),
        ("binance", 2001, 3),
    ],
)
async def test_an_order_in_more_trades_than_a_page_has(open_live: Any, name: str, trades: int, requests: int) -> None:
    async with open_live(name) as live:
        order = live.intend(OrderType.LIMIT, quantity="0.05")
        await live.follow()
        (theirs,) = live.exchange.named(order.client_order_id)
        for _ in range(trades - 1):
            live.exchange.fill(theirs, Decimal("0.00001"))
        live.exchange.fill(theirs, theirs.quantity)
        await live.follow()
        assert live.order(order).status is OrderStatus.FILLED
        live.assert_agreed()
        _, asking = live.exchange.asking
        assert [call for call, _ in live.exchange.asked].count(asking) == requests


async def test_what_is_told_on_two_pages_is_counted_once(coinbase: Any) -> None:
    """The list grows while it is read: four of six trades are told, two of them twice, which add up."""
    coinbase.exchange.page = 2
    order = coinbase.intend(OrderType.LIMIT, quantity="0.006")
    await coinbase.follow()
    (theirs,) = coinbase.exchange.named(order.client_order_id)
    for _ in range(6):
        coinbase.exchange.fill(theirs, Decimal("0.001"))
    plain, trades, shown = coinbase.exchange._fills, coinbase.exchange.trades, iter((4, 5, 6))

    def growing(fields: Any) -> Any:
        coinbase.exchange.trades = dict(list(trades.items())[: next(shown)])
        return plain(fields)

    coinbase.exchange._fills = growing
    await coinbase.follow()
    assert (coinbase.order(order).status.is_final, coinbase.order(order).filled) == (False, Decimal("0.004"))
    coinbase.exchange._fills = plain
    await coinbase.follow()
    assert coinbase.order(order).status is OrderStatus.FILLED
    coinbase.assert_agreed()


async def test_what_is_known_is_found_on_coinbase_among_however_many(coinbase: Any) -> None:
    order = coinbase.intend(OrderType.LIMIT)
    await coinbase.follow()
    for _ in range(1500):
        coinbase.exchange.foreign_order()
    (theirs,) = coinbase.exchange.named(order.client_order_id)
    coinbase.exchange.fill(theirs, theirs.quantity)
    await coinbase.follow()
    assert coinbase.order(order).status is OrderStatus.FILLED
    coinbase.assert_agreed()


@pytest.mark.parametrize("kind", [OrderType.MARKET, OrderType.LIMIT])
async def test_an_order_on_binance_is_known_before_its_trades_are(binance: Any, kind: OrderType) -> None:
    """And is not sent again: the list of all orders, which nobody asks for, is as far behind."""
    binance.exchange.lag_ms = 2 * MINUTE_MS
    binance.exchange.faults["POST order"] = ["reset after"]
    order = binance.intend(kind)
    await binance.follow()
    (theirs,) = binance.exchange.named(order.client_order_id)
    binance.exchange.fill(theirs, theirs.quantity)
    binance.clock.at_ms += MINUTE_MS
    await binance.follow()
    assert binance.order(order).exchange_order_id == theirs.order_id
    assert (binance.order(order).status.is_final, binance.ledger.positions(binance.account)) == (False, ())
    binance.clock.at_ms += MINUTE_MS
    await binance.follow()
    assert binance.order(order).status is OrderStatus.FILLED
    binance.assert_agreed()


async def test_an_order_is_open_until_its_trades_add_up(binance: Any) -> None:
    binance.exchange.lag_ms = 2 * MINUTE_MS
    order = binance.intend(OrderType.LIMIT)
    await binance.follow()
    (theirs,) = binance.exchange.named(order.client_order_id)
    seen = []
    for part in ("0.004", "0.006", "0", "0"):
        binance.exchange.fill(theirs, Decimal(part))
        await binance.follow()
        seen.append((str(binance.order(order).status), str(binance.order(order).filled)))
        binance.clock.at_ms += MINUTE_MS
    assert seen == [
        ("partially_filled", "0"),
        ("partially_filled", "0"),
        ("partially_filled", "0.004"),
        ("filled", "0.010"),
    ]
    binance.assert_agreed()


async def test_an_order_that_was_said_to_be_nowhere_is_not_made_twice(binance: Any) -> None:
    """Sent again, the second is refused as a duplicate, which says that the first is there."""
    binance.exchange.faults["POST order"] = ["reset after"]
    order = binance.intend(OrderType.LIMIT)
    await binance.follow()
    plain = binance.exchange._get

    def absent(fields: Any) -> Any:
        raise Refused(Why.ABSENT)

    binance.exchange._get = absent
    binance.clock.at_ms += binance.pause_ms
    await binance.follow()
    assert [call for call, _ in binance.exchange.asked].count("POST order") == 2
    assert binance.order(order).status is OrderStatus.UNKNOWN
    binance.exchange._get = plain
    await binance.follow()
    assert binance.order(order).status is OrderStatus.OPEN
    binance.assert_agreed()
