"""A user closes a position, or a part of it, while its symbol runs: on a market that a test moves by hand."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from autopilot.adapters.store.views.bookkeeping import check_books
from autopilot.domain.errors import AnswerLost, MarketUnavailable
from autopilot.engine import liquidation
from autopilot.execution.paper import _Traded

Open = Callable[..., Any]
BTC = "BTC/USD"
STEP = Decimal("0.00001")


@pytest.fixture
async def holding(open_desk: Open, strategies: Any, start_ms: int) -> Any:
    """Bought with the first candle; the strategy says nothing later."""
    desk = open_desk(strategies["says"](sides={start_ms: 1}))
    await desk.hours(2)
    assert desk.account.position(BTC)
    return desk


def held(desk: Any) -> Decimal:
    position = desk.account.position(BTC)
    return position.quantity if position else Decimal(0)


def sales(desk: Any) -> list[Decimal]:
    rows = desk.database.rows("SELECT quantity FROM fills WHERE side = 'sell'")
    return [Decimal(row["quantity"]) for row in rows]


def assert_books_agree(desk: Any) -> None:
    assert check_books(desk.database.path).disagreements == ()


async def test_a_part_is_sold_and_the_levels_hold_for_the_rest(holding: Any) -> None:
    before = holding.account.position(BTC)
    part = (before.quantity / 3).quantize(STEP)
    result = await holding.liquidation.exit(BTC, part)
    assert (result.denied, result.sold, result.outcome.left) == (None, part, [])
    assert result.position == holding.account.position(BTC)
    assert (held(holding), sales(holding)) == (before.quantity - part, [part])
    assert (result.position.stop, result.position.target) == (before.stop, before.target)
    holding.market.prices[BTC] = float(before.stop) - 1
    holding.market.at_ms += 60_000
    await holding.autopilot.run_cycle()
    assert held(holding) == 0
    assert sum(sales(holding)) == before.quantity
    assert_books_agree(holding)


async def test_all_of_it_is_sold_and_the_symbol_runs_on(holding: Any) -> None:
    quantity = held(holding)
    result = await holding.liquidation.exit(BTC)
    assert (result.sold, result.position, result.outcome.sold) == (quantity, None, [BTC])
    decided = len(holding.decided())
    await holding.hours(2)
    assert len(holding.decided()) == decided + 2
    assert sales(holding) == [quantity]
    assert_books_agree(holding)


@pytest.mark.parametrize(
    ("choose", "code"),
    [
        (lambda quantity: quantity + STEP, "POSITION_TOO_SMALL"),
        (lambda quantity: quantity * 10, "POSITION_TOO_SMALL"),
        (lambda quantity: STEP + Decimal("0.000001"), "AMOUNT_NOT_IN_STEPS"),
        (lambda quantity: Decimal("1E-15"), "AMOUNT_NOT_IN_STEPS"),
        (lambda quantity: STEP, "AMOUNT_BELOW_MINIMUM"),
        (lambda quantity: quantity - STEP, "REST_BELOW_MINIMUM"),
    ],
)
async def test_a_quantity_that_is_not_possible_is_denied_by_its_code(
    holding: Any, choose: Callable[[Decimal], Decimal], code: str
) -> None:
    before, orders = held(holding), holding.orders()
    result = await holding.liquidation.exit(BTC, choose(before))
    assert result.denied is not None
    assert result.denied.code == code
    assert "E-" not in result.denied.detail
    assert (held(holding), holding.orders(), result.outcome.canceled) == (before, orders, [])


async def test_nothing_is_held(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["says"]())
    await desk.hours(1)
    denied = (await desk.liquidation.exit(BTC, Decimal("0.1"))).denied
    assert denied is not None
    assert denied.code == "POSITION_MISSING"


async def test_a_waiting_entry_alone_is_canceled(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["says"](strength=0.5, otherwise=1))
    await desk.autopilot.run_cycle()
    assert desk.orders() == [("buy", "entry", "open")]
    result = await desk.liquidation.exit(BTC)
    assert [order.purpose for order in result.outcome.canceled] == ["entry"]
    assert (result.sold, desk.orders()) == (0, [("buy", "entry", "canceled")])


@pytest.mark.parametrize("mode", ["pause", "panic"])
async def test_it_sells_in_every_mode(holding: Any, mode: str) -> None:
    await (holding.control.pause(None, "me") if mode == "pause" else holding.control.panic("me", flatten=False))
    part = (held(holding) / 2).quantize(STEP)
    assert (await holding.liquidation.exit(BTC, part)).sold == part
    assert (await holding.liquidation.exit(BTC)).position is None


@pytest.fixture
async def leaving(holding: Any) -> Any:
    """A take-profit waits above the price."""
    holding.database.connection.execute("UPDATE positions SET target = '1'")
    holding.market.at_ms += 1
    await holding.autopilot.run_cycle()
    assert ("sell", "take_profit", "open") in holding.orders()
    return holding


async def test_an_exit_that_waits_is_canceled_before_anything_is_sold(leaving: Any) -> None:
    before = held(leaving)
    part = (before / 2).quantize(STEP)
    result = await leaving.liquidation.exit(BTC, part)
    assert [order.purpose for order in result.outcome.canceled] == ["take_profit"]
    assert (sales(leaving), held(leaving)) == ([part], before - part)
    assert_books_agree(leaving)


@pytest.mark.parametrize("trouble", [MarketUnavailable("down"), AnswerLost("no answer")])
async def test_nothing_is_sold_while_the_end_of_another_sale_is_not_certain(leaving: Any, trouble: Exception) -> None:
    before = held(leaving)
    leaving.broker.trouble["cancel"] = trouble
    result = await leaving.liquidation.exit(BTC, (before / 2).quantize(STEP))
    assert (sales(leaving), held(leaving), result.sold) == ([], before, 0)
    assert any("are not sold" in left.what for left in result.outcome.left)
    leaving.broker.trouble.clear()
    assert (await leaving.liquidation.exit(BTC)).position is None
    assert sum(sales(leaving)) == before


@pytest.mark.parametrize("share", ["0.3", "0.5", "0.8", "1"])
async def test_what_the_canceled_order_sold_counts(leaving: Any, share: str) -> None:
    """The user wants half of it sold; the take-profit sold a part before it was canceled."""
    before = held(leaving)
    half, sold_first = (before / 2).quantize(STEP), (before * Decimal(share)).quantize(STEP)
    cancel = leaving.broker.behind.cancel

    async def filled_first(order: Any) -> Any:
        known, report = leaving.broker.behind._open[order.client_order_id]
        market = await leaving.market.market(BTC)
        offered = an_offer(sold_first, known.price, leaving.market.at_ms)
        leaving.broker.behind._trade(known, report, offered, market)
        return await cancel(order)

    leaving.broker.behind.cancel = filled_first
    result = await leaving.liquidation.exit(BTC, half)
    assert sum(sales(leaving)) == max(half, sold_first)
    assert (result.sold, held(leaving)) == (max(half, sold_first), before - max(half, sold_first))
    assert_books_agree(leaving)


def an_offer(quantity: Decimal, price: Decimal, at_ms: int) -> Any:
    return _Traded(quantity, price, True, at_ms)


async def test_a_cycle_that_hangs_is_waited_for_only_so_long(holding: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liquidation, "LOCK_TIMEOUT_S", 0.02)
    before = held(holding)
    async with holding.account.lock.for_cycle():
        result = await holding.liquidation.exit(BTC)
    assert (result.sold, result.position.quantity) == (0, before)
    assert "kept the account busy" in result.outcome.left[0].what
