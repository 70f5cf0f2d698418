"""A stop and a target touched in one candle: the stop, unless finer candles say otherwise."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pytest

from autopilot.analysis.view import MarketView
from autopilot.backtest.choices import strategy_choices
from autopilot.backtest.decided import BacktestSymbol
from autopilot.backtest.engine import Backtest, BacktestResult
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.candles import Candles
from autopilot.domain.market import Market
from autopilot.domain.order import Purpose
from autopilot.domain.signal import SignalArrays, StrategyGroup
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS, Timeframe
from autopilot.execution.paper_settings import PaperSettings
from autopilot.performance.outcomes import TradingCost
from autopilot.selection.strategy_rules import StrategyProfile
from autopilot.strategies.base import Strategy, suits
from autopilot.strategies.registry import StrategySet
from autopilot.training.data.series import SymbolData, symbol_series

BOUGHT_AT, TOUCHED_AT, LENGTH = 1003, 1005, 1010
ROW = tuple[float, float, float, float, float]
FLAT: ROW = (100.0, 100.5, 99.5, 100.0, 1000.0)
BOTH: ROW = (100.0, 106.0, 95.0, 100.0, 1000.0)
STILL: ROW = (100.0, 100.0, 100.0, 100.0, 1.0)
UP: ROW = (100.0, 106.0, 100.0, 105.0, 250.0)
DOWN: ROW = (105.0, 105.0, 95.0, 100.0, 250.0)
MARKET = Market(
    symbol="BTC/USD",
    base="BTC",
    quote="USD",
    amount_step=Decimal("0.00000001"),
    price_step=Decimal("0.01"),
    min_amount=Decimal("0.0001"),
    min_cost=Decimal(1),
    maker_fee=Decimal(0),
    taker_fee=Decimal(0),
)


@dataclass(frozen=True)
class Once(Strategy):
    """Buys at one candle, with a stop 2 % below and a target 4 % above."""

    name = "once"
    group = StrategyGroup.MOMENTUM
    regime_fit = suits(trending_up=1.0, trending_down=1.0, ranging=1.0, volatile=1.0, quiet=1.0)

    def signals(self, view: MarketView) -> SignalArrays:
        length = len(view.candles)
        side = np.zeros(length, dtype=np.int8)
        side[BOUGHT_AT] = 1
        speaks = side.astype(np.float64)
        return SignalArrays(side, speaks, speaks, np.full(length, 0.02), np.full(length, 0.04))

    def explain(self, view: MarketView, index: int) -> str:
        return "it is time"


def hours(*rows: ROW) -> Candles:
    return Candles.from_rows(Timeframe.H1, [(at * HOUR_MS, *row) for at, row in enumerate(rows)])


def quarters(*rows: ROW) -> Candles:
    """Of the candle in which both are touched."""
    begin = TOUCHED_AT * HOUR_MS
    return Candles.from_rows(Timeframe.M15, [(begin + at * 15 * MINUTE_MS, *row) for at, row in enumerate(rows)])


def run(detail: Candles | None) -> BacktestResult:
    candles = hours(*[FLAT] * TOUCHED_AT, BOTH, *[FLAT] * (LENGTH - TOUCHED_AT - 1))
    strategies = StrategySet((Once(),))
    series = symbol_series(SymbolData("BTC/USD", candles, None, None, (), 0), strategies, TradingCost(0.0))
    settings = AutopilotConfig(min_confidence_threshold=0.0).trading(
        "BTC/USD", exchange="made up", timeframe=Timeframe.H1, interval_s=60.0, auto_execute=True
    )
    choices = strategy_choices(LENGTH, 1000, [StrategyProfile("once", StrategyGroup.MOMENTUM, {})], "once")
    traded = BacktestSymbol(MARKET, settings, series, choices, detail)
    engine = Backtest("test", [traded], strategies, PaperSettings(slippage_bps=0.0))
    return asyncio.run(engine.run(lambda *_: None))


@pytest.mark.parametrize(
    ("detail", "purpose", "looked_into"),
    [
        pytest.param(None, Purpose.STOP_LOSS, 0, id="no finer candles"),
        pytest.param(quarters(STILL, UP, DOWN, STILL), Purpose.TAKE_PROFIT, 1, id="first the target"),
        pytest.param(quarters(STILL, DOWN, UP, STILL), Purpose.STOP_LOSS, 1, id="first the stop"),
        pytest.param(quarters(STILL, BOTH, STILL), Purpose.STOP_LOSS, 1, id="both in one finer candle"),
        pytest.param(quarters(UP, STILL), Purpose.STOP_LOSS, 0, id="the finer candles of the fall are missing"),
        pytest.param(quarters(UP, STILL).since(10**12), Purpose.STOP_LOSS, 0, id="finer candles of another time"),
    ],
)
def test_what_was_touched_first(detail: Candles | None, purpose: Purpose, looked_into: int) -> None:
    outcome = run(detail)
    (trip,) = outcome.books.round_trips
    assert trip.exit_purpose is purpose
    assert outcome.looked_into == looked_into


def test_an_exit_happens_when_the_finer_candle_says() -> None:
    (trip,) = run(quarters(STILL, UP, DOWN, STILL)).books.round_trips
    begin = TOUCHED_AT * HOUR_MS
    assert begin + 15 * MINUTE_MS < trip.closed_at_ms <= begin + 45 * MINUTE_MS
    (coarse,) = run(None).books.round_trips
    assert coarse.closed_at_ms == begin + HOUR_MS
