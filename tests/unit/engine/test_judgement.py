"""A sell signal while the exchange refuses the exit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from orders import an_order

from autopilot.config.schema import AutopilotConfig
from autopilot.domain.market import Market
from autopilot.domain.order import OrderType, Purpose, Side
from autopilot.domain.portfolio import Portfolio, Position
from autopilot.domain.refusal import RefusedExit
from autopilot.domain.selection import DecidedBy, GroupScore, Selection
from autopilot.domain.signal import SignalType, StrategyGroup, StrategySignal
from autopilot.domain.timeframe import Timeframe
from autopilot.engine.judgement import Judgement, judge
from autopilot.risk.decision_context import DecisionContext
from autopilot.risk.limits import RiskLimits
from autopilot.strategies.registry import load_strategies

NOW_MS = 100 * Timeframe.H1.ms
MARKET = Market("BTC/USD", "BTC", "USD", *map(Decimal, ("0.0001", "0.01", "0.001", "5", "0.001", "0.002")))
PRICE, ONE, NOTHING = Decimal(100), Decimal(1), Decimal(0)
GROUP = StrategyGroup.TREND_FOLLOWING
REFUSED = an_order("exit", side=Side.SELL, purpose=Purpose.STOP_LOSS, detail="kraken rejected it: ETrade:User Locked")


def sell(refused: RefusedExit | None) -> Judgement:
    money = ONE, PRICE, PRICE, NOTHING, NOTHING
    held = Position("paper:test", "BTC/USD", *money, PRICE / 2, None, "macd", None, 0, ONE, PRICE, NOTHING)
    worth = (Decimal(1_000),) * 4
    portfolio = Portfolio("paper:test", "USD", *worth, NOTHING, {"BTC/USD": held}, refused_exit=refused)
    selection = Selection(DecidedBy.RULES, GROUP, "macd", 1.0, 1.0, (GroupScore(GROUP, 1.0, ""),), ())
    signal = StrategySignal("BTC/USD", SignalType.SELL, 0.9, 1.0, 100.0, 90.0, 110.0, "macd", GROUP, "")
    settings = AutopilotConfig().trading(
        "BTC/USD", exchange="simulated", timeframe=Timeframe.H1, interval_s=60.0, auto_execute=True
    )
    context = DecisionContext(
        market=MARKET,
        timeframe=settings.timeframe,
        portfolio=portfolio,
        limits=RiskLimits(),
        last_close=PRICE,
        price=PRICE,
        closed_at_ms=NOW_MS,
        now_ms=NOW_MS,
        decision_id="d",
    )
    return judge(signal, selection, next(each for each in load_strategies() if each.name == "macd"), settings, context)


def test_it_sends_no_order_beside_the_attempts_at_the_earlier_exit() -> None:
    denied = sell(RefusedExit(REFUSED, REFUSED, 3)).denied
    assert denied
    assert denied.code == "EXIT_REFUSED"
    assert "ETrade:User Locked" in denied.detail


@pytest.mark.parametrize("kind", [None, OrderType.STOP])
def test_a_refused_stop_order_holds_no_exit_back(kind: OrderType | None) -> None:
    stop = replace(REFUSED, type=kind) if kind else None
    assert sell(RefusedExit(stop, stop, 3) if stop else None).order
