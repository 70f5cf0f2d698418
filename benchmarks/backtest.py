"""How long a backtest takes: the engine by itself, the whole autopilot, the whole process, and how that grows."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import talib

from autopilot.adapters.imports.candle_files import import_path
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.analysis.view import MarketView
from autopilot.backtest.choices import strategy_choices
from autopilot.backtest.decided import BacktestSymbol
from autopilot.backtest.engine import Backtest
from autopilot.config.paths import find_paths
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.candles import Candles
from autopilot.domain.market import Market
from autopilot.domain.signal import SignalArrays, StrategyGroup
from autopilot.domain.timeframe import Timeframe
from autopilot.execution.paper_settings import PaperSettings
from autopilot.performance.outcomes import TradingCost
from autopilot.risk.limits import RiskLimits
from autopilot.selection.strategy_rules import StrategyProfile
from autopilot.strategies.base import Strategy, suits
from autopilot.strategies.registry import StrategySet
from autopilot.training.data.series import SymbolData, symbol_series
from benchmarks.memory import memory
from benchmarks.running import autopilot, configured, real_candles
from benchmarks.table import Figure, print_table

LENGTHS = (10_000, 100_000, 1_000_000)
ENGINE_GOAL_S = 0.4
WHOLE_GOALS_S = {10_000: 1.5, 60_000: 3.0, 1_000_000: 20.0}
WHOLE_MEMORY_GOAL_MB = 2048.0
LIMITLESS = RiskLimits(
    max_drawdown_pct=100.0, max_daily_loss_pct=100.0, max_consecutive_losses=1000, cooldown_candles=0
)
MARKET = Market(
    symbol="BTC/USD",
    base="BTC",
    quote="USD",
    amount_step=Decimal("0.00000001"),
    price_step=Decimal("0.1"),
    min_amount=Decimal("0.00001"),
    min_cost=Decimal("0.5"),
    maker_fee=Decimal("0.0004"),
    taker_fee=Decimal("0.0004"),
)


@dataclass(frozen=True)
class Cross(Strategy):
    """EMA 12 over 26 with an RSI below 70 buys, under sells."""

    name = "cross"
    group = StrategyGroup.TREND_FOLLOWING
    regime_fit = suits(trending_up=1.0, trending_down=1.0, ranging=0.0, volatile=0.0, quiet=0.0)

    def signals(self, view: MarketView) -> SignalArrays:
        close = view.candles.close
        above = talib.EMA(close, 12) > talib.EMA(close, 26)
        crossed = np.append(False, above[1:] != above[:-1])
        side = np.where(crossed & above & (talib.RSI(close, 14) < 70.0), 1, np.where(crossed & ~above, -1, 0))
        speaks = np.abs(side).astype(np.float64)
        length = len(close)
        return SignalArrays(side.astype(np.int8), speaks, speaks, np.full(length, 0.02), np.full(length, 0.5))

    def explain(self, view: MarketView, index: int) -> str:
        return f"close {view.candles.close[index]:.2f}"


def run() -> None:
    figures = []
    for length in LENGTHS:
        seconds, trips = _engine(length)
        goal = ENGINE_GOAL_S if length == LENGTHS[-1] else None
        figures.append(Figure(f"{length:,} candles, {trips:,} round trips", seconds, "s", goal))
    print_table("The engine alone: EMA 12/26 cross with an RSI filter, one symbol", figures)
    whole = [_whole(_made(length), f"{length:,} made up") for length in LENGTHS]
    folder = real_candles()
    if folder:
        whole.insert(1, _whole(folder / "BINANCE_BTC-USDT_1h.csv.gz", "60,000 real", last=60_000))
    for rows in whole:
        print_table("autopilot backtest --no-model --no-compare, whole process", rows)


def _engine(length: int) -> tuple[float, int]:
    """(seconds from arrays to the last fill, round trips)."""
    candles, strategies = _made(length), StrategySet((Cross(),))
    settings = replace(
        AutopilotConfig(min_confidence_threshold=0.0, max_trades_per_day=100_000).trading(
            "BTC/USD", exchange="made up", timeframe=Timeframe.M1, interval_s=60.0, auto_execute=True
        ),
        limits=LIMITLESS,
    )
    begin = time.perf_counter()
    history = SymbolData("BTC/USD", candles, None, None, (), 0)
    series = symbol_series(history, strategies, TradingCost(0.001), 1000)
    profile = StrategyProfile("cross", StrategyGroup.TREND_FOLLOWING, {})
    traded = BacktestSymbol(MARKET, settings, series, strategy_choices(length, 1000, [profile], "cross"))
    outcome = asyncio.run(Backtest("bench", [traded], strategies, PaperSettings()).run(lambda *_: None))
    return time.perf_counter() - begin, len(outcome.books.round_trips)


def _whole(candles: Candles | Path, name: str, last: int | None = None) -> list[Figure]:
    with configured({"exchange": "there"}) as directory:
        with closing(open_database(find_paths(None, directory, {}).database)) as database:
            store = SqliteCandles(database)
            if isinstance(candles, Path):
                report = import_path(store, candles)[0]
                candles = store.load_candles(report.exchange, report.symbol, report.timeframe)
            store.save_candles("there", "BTC/USD", candles[-last:] if last else candles)
        timeframe = candles.timeframe.value
        begin = time.perf_counter()
        with memory() as used_mb:
            asked = ("--symbol", "BTC/USD", "--timeframe", timeframe, "--no-model", "--no-compare", "--json")
            found = json.loads(autopilot(directory, "backtest", *asked))
        seconds = time.perf_counter() - begin
    length = min(last or len(candles), len(candles))
    remark = f"{found['signals']:,} signals, {found['metrics']['trades']:,} round trips"
    return [
        Figure(f"{name} candles", seconds, "s", WHOLE_GOALS_S.get(length), remark),
        Figure("largest memory", max(used_mb), "MB", WHOLE_MEMORY_GOAL_MB if length == LENGTHS[-1] else None),
    ]


def _made(length: int) -> Candles:
    random = np.random.default_rng(1)
    close = 20_000.0 * np.exp(np.cumsum(random.normal(0.0, 0.0008, length)))
    opened = np.concatenate([[20_000.0], close[:-1]])
    high = np.maximum(opened, close) * (1.0 + np.abs(random.normal(0.0, 0.0003, length)))
    low = np.minimum(opened, close) * (1.0 - np.abs(random.normal(0.0, 0.0003, length)))
    at_ms = np.arange(length, dtype=np.int64) * Timeframe.M1.ms
    return Candles.from_arrays(Timeframe.M1, at_ms, opened, high, low, close, random.uniform(10.0, 50.0, length))
