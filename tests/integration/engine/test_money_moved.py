"""Money that is paid in or taken out, and trades that the books do not know of yet, are no gain and no loss."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.timeframe import MINUTE_MS
from autopilot.risk.limits import OnLimit

Open = Callable[..., Any]
ACCOUNT = "paper:moved"
BOUGHT = ("buy", "entry", "filled")
CLOSE = {"on_daily_loss": OnLimit.CLOSE_POSITIONS, "on_drawdown": OnLimit.CLOSE_POSITIONS, "max_daily_loss_pct": 3.0}


def pay_in(desk: Any, amount: int) -> None:
    """Past us: at the exchange."""
    balances = desk.broker.behind._balances
    desk.broker.behind._balances = balances | {"USD": balances["USD"] + amount}


async def look(desk: Any) -> None:
    """Ten minutes later every symbol sees to its position."""
    desk.market.at_ms += 10 * MINUTE_MS
    for autopilot in desk.autopilots.values():
        await autopilot.run_cycle()


@pytest.mark.parametrize("amount", [-9_000, -500, 500, 50_000])
async def test_nothing_is_sold_or_denied_because_money_moved(open_desk: Open, strategies: Any, amount: int) -> None:
    desk = open_desk(strategies["says"](otherwise=1), **CLOSE)
    await desk.hours(2)
    before = desk.ledger.equity_mark(ACCOUNT, "USD")
    pay_in(desk, amount)
    await look(desk)
    assert desk.orders() == [BOUGHT]
    await desk.hours(1)
    after = desk.ledger.equity_mark(ACCOUNT, "USD")
    assert after.own_cash - before.own_cash == amount
    assert after.start_equity == 10_000 + amount
    assert abs(after.equity - before.equity - amount) < 20, "but for the price"
    lost = [1 - mark.equity / mark.peak_equity for mark in (before, after)]
    assert abs(lost[1] - lost[0]) < Decimal("0.01")
    assert desk.decided()[-1][1:] == ("denied", "POSITION_OPEN")


async def test_a_loss_is_one_after_money_was_taken_out(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["says"](otherwise=1), **CLOSE)
    await desk.hours(2)
    pay_in(desk, -9_850)
    await look(desk)
    assert desk.orders() == [BOUGHT]
    desk.market.prices["BTC/USD"] = 0.8 * float(desk.market.series["BTC/USD"].until(desk.market.at_ms).close[-1])
    await look(desk)
    assert desk.orders()[1:] == [("sell", "protection", "filled")], "a hundredth of the account is most of it by now"


async def test_a_purchase_of_another_symbol_that_is_not_told_yet_is_no_loss(open_desk: Open, strategies: Any) -> None:
    """It filled at the exchange, and its symbol's cycle cannot ask about it."""
    limits = CLOSE | {"max_daily_loss_pct": 0.5}
    desk = open_desk(strategies["says"](otherwise=1), symbols=("BTC/USD", "ETH/USD"), **limits)
    await desk.hours(2)
    assert desk.orders() == [BOUGHT, BOUGHT]
    before = desk.ledger.equity_mark(ACCOUNT, "USD")
    eth = next(held for held in desk.ledger.positions(ACCOUNT) if held.symbol == "ETH/USD")
    with desk.database.transaction(durable=True) as connection:
        connection.execute("DELETE FROM positions WHERE symbol = 'ETH/USD'")
        connection.execute("DELETE FROM fills WHERE symbol = 'ETH/USD'")
        connection.execute("UPDATE orders SET status = 'open', filled = '0' WHERE symbol = 'ETH/USD'")
        told = desk.broker.behind._balances["USD"] - before.own_cash + eth.cost
        connection.execute("UPDATE traded_cash SET amount = ?", (str(told),))
    desk.broker.trouble = {"lookup": MarketUnavailable("away")}
    await look(desk)
    desk.broker.trouble = {}
    await look(desk)
    assert desk.orders() == [BOUGHT, BOUGHT]
    assert desk.ledger.equity_mark(ACCOUNT, "USD") == before
