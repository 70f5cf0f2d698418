"""What is Kraken's own: trades by twenties, permissions by call, rewards, deadlines, and how often it may be asked."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from kraken_exchange import PERMISSIONS

from autopilot.domain.credentials import KeyRights
from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.order import OrderStatus, OrderType
from autopilot.domain.timeframe import MINUTE_MS

ALL = ("query-funds", "query-open-trades", "query-closed-trades", "modify-trades", "close-trades")
UNKNOWN = "EOrder:Unknown order"


async def fill_in(live: Any, pieces: int) -> Any:
    """A purchase, filled in so many trades, which our books have not heard of."""
    quantity = Decimal(pieces) / 1000
    live.exchange.balances["USD"] = 100_000 * quantity
    order = live.intend(OrderType.LIMIT, quantity=str(quantity))
    await live.follow()
    (theirs,) = live.exchange.named(order.client_order_id)
    for _ in range(pieces):
        live.exchange.fill(theirs, Decimal("0.001"))
    assert theirs.status == "closed"
    return order


def since(live: Any, count: int) -> list[str]:
    """The calls after the first ``count``."""
    return [call for call, _ in live.exchange.asked[count:]]


@pytest.mark.parametrize("pieces", [1, 19, 20, 21, 40, 60])
async def test_an_order_is_booked_in_however_many_trades_it_was_filled(live: Any, pieces: int) -> None:
    order = await fill_in(live, pieces)
    await live.follow()
    assert live.order(order).status is OrderStatus.FILLED
    live.assert_agreed()


async def test_what_is_known_is_asked_about_in_one_question_and_its_trades_in_another(live: Any) -> None:
    order = live.intend(OrderType.LIMIT)
    await live.follow()
    before = len(live.exchange.asked)
    await live.follow()
    assert since(live, before) == ["QueryOrders"]
    live.exchange.fill(live.exchange.named(order.client_order_id)[0], Decimal("0.01"))
    await live.follow()
    assert since(live, before) == ["QueryOrders", "QueryOrders", "QueryTrades"]
    live.assert_agreed()


@pytest.mark.parametrize(
    ("fault", "is_absent"),
    [(UNKNOWN, True), ("EOrder:Invalid order", True), ("EGeneral:Permission denied", False), ("no result", False)],
)
async def test_only_krakens_own_words_say_that_there_is_no_order(live: Any, fault: str, is_absent: bool) -> None:
    order = live.intend(OrderType.LIMIT)
    await live.follow()
    live.clock.at_ms += live.pause_ms
    live.exchange.faults["QueryOrders"] = [fault]
    if is_absent:
        assert await live.broker.lookup(live.order(order)) is None
    else:
        with pytest.raises(MarketUnavailable):
            await live.broker.lookup(live.order(order))


async def test_an_answer_without_the_order_does_not_say_that_there_is_none(
    live: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key may be for a part of the history only."""
    order = live.intend(OrderType.LIMIT)
    await live.follow()
    live.clock.at_ms += live.pause_ms
    monkeypatch.setattr(live.exchange, "_do_QueryOrders", lambda fields: {})
    with pytest.raises(MarketUnavailable, match="could not find order"):
        await live.broker.lookup(live.order(order))


async def test_an_id_that_is_taken_is_an_order_that_is_looked_up(live: Any) -> None:
    """It was sent, we never knew, and it was sent again."""
    order = live.intend(OrderType.LIMIT)
    live.exchange.place(order.client_order_id, "BTC", "buy", "limit", order.quantity, order.price)
    await live.follow()
    assert live.order(order).status is OrderStatus.UNKNOWN
    await live.follow()
    assert live.order(order).status is OrderStatus.OPEN
    live.assert_agreed()


@pytest.mark.parametrize("missing", ALL)
async def test_a_key_that_lacks_a_right_is_told_by_its_name(live: Any, missing: str) -> None:
    live.exchange.permissions.remove(missing)
    assert await live.broker.rights() == KeyRights(can_trade=False, can_move_money=False, missing=(missing,))


async def test_a_key_with_all_rights_lacks_none(live: Any) -> None:
    assert set(ALL) == {name for needed in PERMISSIONS.values() for name in needed}
    assert await live.broker.rights() == KeyRights(can_trade=True, can_move_money=False)
    live.exchange.permissions.append("withdraw-funds")
    assert await live.broker.rights() == KeyRights(can_trade=True, can_move_money=True)


async def test_what_earns_rewards_can_be_spent(live: Any) -> None:
    await fill_in(live, 10)
    live.exchange.rewarded = {"BTC": Decimal("0.008"), "USD": Decimal(600)}
    live.intend(OrderType.LIMIT)
    await live.follow()
    shown = await live.broker.balances()
    assert set(shown) == {"USD", "BTC", "ETH"}
    assert (shown["BTC"].total, shown["BTC"].free) == (Decimal("0.01"), Decimal("0.01"))
    assert shown["USD"].total == live.exchange.balances["USD"]
    assert shown["USD"].total - shown["USD"].free == Decimal("299.701") * Decimal("1.004"), "with its fee"
    assert (await live.desk.reconcile(live.market)).words == ()


@pytest.mark.parametrize("suffix", ["S", "B", "M"])
async def test_what_is_bound_cannot_be_spent(live: Any, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = live.exchange._do_BalanceEx
    bound = {f"XBT.{suffix}": {"balance": "5", "hold_trade": "0"}}
    monkeypatch.setattr(live.exchange, "_do_BalanceEx", lambda fields: plain(fields) | bound)
    assert (await live.broker.balances())["BTC"].total == 0


async def test_an_order_with_too_little_time_left_is_not_sent(live: Any) -> None:
    order = replace(live.intend(OrderType.LIMIT), updated_at_ms=live.clock.at_ms)
    live.clock.at_ms += 7_000
    with pytest.raises(MarketUnavailable, match="moment passed"):
        await live.broker.submit(order, live.market)
    assert live.exchange.asked == []
    live.clock.at_ms -= 1_000
    await live.broker.submit(order, live.market)
    assert live.exchange.named(order.client_order_id)


async def test_a_refusal_lets_the_markets_be_read_again(live: Any) -> None:
    """The step of amounts became coarser within the day."""
    live.exchange.lot_decimals = 3
    volumes = []
    for fault in ("", "EGeneral:Invalid arguments:volume", ""):
        live.clock.at_ms += 11 * MINUTE_MS
        live.exchange.faults["AddOrder"] = [fault]
        live.intend(OrderType.LIMIT, quantity="0.0051")
        await live.follow()
        volumes.append(next(fields["volume"] for call, fields in reversed(live.exchange.asked) if call == "AddOrder"))
        live.exchange.lot_decimals = 4 if fault else 3
    assert volumes == ["0.005", "0.005", "0.0051"]
