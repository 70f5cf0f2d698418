"""An account that lost too much sells what it holds, once, whatever the exchange does meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from autopilot.domain.errors import AnswerLost, MarketUnavailable
from autopilot.domain.timeframe import MINUTE_MS
from autopilot.risk.limits import OnLimit, StopGuard

Open = Callable[..., Any]
ACCOUNT = "paper:moved"
BOUGHT = ("buy", "entry", "filled")
SOLD = ("sell", "protection", "filled")
CLOSE = {"on_daily_loss": OnLimit.CLOSE_POSITIONS, "max_daily_loss_pct": 0.3}
"""A position is worth a hundredth of the account, so that half its price is beyond the limit, and fees are not."""


async def holding(open_desk: Open, strategies: Any, *symbols: str, **limits: Any) -> Any:
    """A desk that holds all of its symbols."""
    desk = open_desk(strategies["says"](otherwise=1), symbols=symbols, **limits)
    await desk.hours(2)
    assert desk.orders() == [BOUGHT] * len(symbols)
    return desk


async def fall(desk: Any, *symbols: str, to: float = 0.4) -> None:
    """Ten minutes later these symbols cost less by that factor; then every symbol looks at its price."""
    desk.market.at_ms += 10 * MINUTE_MS
    for symbol in symbols:
        desk.market.prices[symbol] = to * float(desk.market.series[symbol].until(desk.market.at_ms).close[-1])
    for autopilot in desk.autopilots.values():
        await autopilot.run_cycle()


@pytest.mark.parametrize(("action", "sells"), [(OnLimit.STOP_ENTRIES, False), (OnLimit.CLOSE_POSITIONS, True)])
async def test_a_price_between_two_closes_closes_positions_where_it_is_to(
    open_desk: Open, strategies: Any, action: OnLimit, sells: bool
) -> None:
    desk = await holding(open_desk, strategies, "BTC/USD", **CLOSE | {"on_daily_loss": action})
    await fall(desk, "BTC/USD")
    assert (desk.orders()[1:] == [SOLD]) is sells
    assert (desk.ledger.positions(ACCOUNT) == ()) is sells


async def test_every_position_of_the_account_is_closed_and_nothing_is_bought_until_midnight(
    open_desk: Open, strategies: Any
) -> None:
    desk = await holding(open_desk, strategies, "BTC/USD", "ETH/USD", **CLOSE)
    await fall(desk, "BTC/USD")
    assert desk.orders()[2:] == [SOLD, SOLD]
    reasons = [reason for (reason,) in desk.rows("reason", "orders", "created_at_ms, rowid")]
    assert all("lost today, the limit is 0.3 %" in reason for reason in reasons[2:])
    desk.market.prices.clear()
    await desk.hours(1)
    assert len(desk.orders()) == 4, "nothing is held any more, and nothing is bought"
    assert desk.decided()[-1][1:] == ("denied", "DAILY_LOSS_REACHED")
    await desk.hours(2)
    assert desk.orders()[4:6] == [BOUGHT, BOUGHT], "a new day"


@pytest.mark.parametrize(
    "trouble",
    [
        {"submit": MarketUnavailable("away")},
        {"answer": AnswerLost("no answer")},
        {"balances": MarketUnavailable("away")},
        {"submit": MarketUnavailable("away"), "lookup": MarketUnavailable("away")},
    ],
    ids=["not sent", "answer lost", "balances unknown", "all away"],
)
async def test_nothing_is_sold_twice_when_the_exchange_fails(
    open_desk: Open, strategies: Any, trouble: dict[str, Exception]
) -> None:
    desk = await holding(open_desk, strategies, "BTC/USD", **CLOSE)
    desk.broker.trouble = dict(trouble)
    await fall(desk, "BTC/USD")
    await fall(desk, "BTC/USD")
    desk.broker.trouble = {}
    await fall(desk, "BTC/USD")
    await fall(desk, "BTC/USD")
    sales = [order for order in desk.orders() if order[0] == "sell"]
    assert sales.count(SOLD) == 1
    assert all(status in ("filled", "expired") for *_, status in sales)
    assert desk.ledger.positions(ACCOUNT) == ()


async def test_a_waiting_entry_ends_when_losses_close_positions(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["says"](otherwise=1, strength=0.5), symbols=("BTC/USD",), **CLOSE)
    await desk.hours(1)
    assert desk.orders() == [("buy", "entry", "open")]
    mark = desk.ledger.equity_mark(ACCOUNT, "USD")
    desk.account.keep(replace(mark, day_start_equity=2 * mark.equity))
    await fall(desk)
    assert desk.orders() == [("buy", "entry", "canceled")]


async def test_a_protection_is_told_in_the_decision(open_desk: Open, strategies: Any) -> None:
    """A stop-loss pauses the symbol; the decision after it says why nothing is bought."""
    desk = await holding(open_desk, strategies, "BTC/USD", stop_guard=StopGuard(symbol_stops=1, pause_candles=3))
    await fall(desk, "BTC/USD", to=0.09)
    assert desk.orders()[1:] == [("sell", "stop_loss", "filled")]
    desk.market.prices.clear()
    await desk.hours(3)
    assert [code for *_, code in desk.decided()[-3:]] == ["SYMBOL_STOPS_REACHED", "SYMBOL_STOPS_REACHED", None]
    last = desk.autopilot.record.last_decision
    assert [check.code for check in last.checks if check.passed].count("SYMBOL_STOPS_REACHED") == 1
