"""One analysis cycle of one symbol, on one core, beside indicators alone."""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from autopilot.adapters.exchange.offline_markets.simulated_market import BLOCK, block_number, make_block
from autopilot.analysis.market_analyzer import WINDOW, MarketAnalyzer
from autopilot.analysis.view import market_view
from autopilot.domain.candles import Candles
from autopilot.domain.conditions import FeatureRow
from autopilot.domain.decision import CandleBasis
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.selection.strategy_rules import StrategyProfile
from autopilot.selection.strategy_selector import StrategySelector
from autopilot.strategies.registry import StrategySet, builtin_strategies
from benchmarks import indicators
from benchmarks.table import Figure, print_table

BATCHES, BATCH = 20, 25
GOAL_MS = 3.0
_SEED = 1
_START_MS = 1_704_067_200_000


def run() -> None:
    own, reference = (_candles(symbol) for symbol in ("ETH/USD", "BTC/USD"))
    arrays = indicators.on_arrays(own[: indicators.LENGTH])
    frame = indicators.on_frame(own[: indicators.LENGTH])
    with one_core():
        times = _by_turns(_cycle(own, reference), arrays, frame)
    ours, lean, frames = (statistics.median(itertools.chain(*batches)) * 1000 for batches in times)
    cold = statistics.median(batch[0] for batch in times[0]) * 1000
    count = len(indicators.INDICATORS)
    print_table(
        f"Analysis cycle of one symbol, {WINDOW:,} candles (median of {BATCHES * BATCH}, one core)",
        [
            Figure(
                "cycle: indicators, features, 14 strategies", ours, "ms", GOAL_MS, f"{cold:.3g} ms after other work"
            ),
            Figure(f"{count} TA-Lib indicators, {indicators.LENGTH} candles, arrays", lean, "ms"),
            Figure(f"{count} TA-Lib indicators, {indicators.LENGTH} candles, DataFrame", frames, "ms"),
        ],
    )


def _cycle(own: Candles, reference: Candles) -> Callable[[], None]:
    """Each call decides the next candle: nothing is left over from the one before."""
    analyzer = MarketAnalyzer()
    strategies = StrategySet(builtin_strategies())
    selector = StrategySelector(
        [StrategyProfile(one.name, one.group, one.regime_fit) for one in strategies], model=None
    )
    days = np.arange(own.open_at_ms[0] // DAY_MS, own.last_at_ms // DAY_MS + 1) * DAY_MS
    mood = SentimentSeries("made up", days, np.random.default_rng(_SEED).uniform(10, 90, len(days)))
    record: dict[str, float] = {}
    ends = iter(range(WINDOW, len(own)))

    def decide() -> None:
        end = next(ends)
        candles = own[end - WINDOW : end]
        view = market_view("ETH/USD", candles, reference.until(candles.last_at_ms)[-WINDOW:], mood)
        conditions = analyzer.analyze(view)
        evaluation = strategies.evaluate(view)
        selection = selector.select(conditions, evaluation.signals, record, no_state, CandleBasis(WINDOW, 0, None, ()))
        evaluation.explained(selection.strategy)

    return decide


def no_state() -> FeatureRow:
    """Asked for where there is a model."""
    return FeatureRow((), np.empty(0))


def _candles(symbol: str) -> Candles:
    candles = make_block(_SEED, symbol, Timeframe.H1, block_number(Timeframe.H1, _START_MS)).candles
    assert len(candles) > BLOCK // 2
    return candles


def _by_turns(*works: Callable[[], None]) -> list[list[list[float]]]:
    """Seconds of each call, in batches: those of one work keep its data near, and taking turns lets whatever else the
    machine does fall on all alike."""
    for work in works:
        work()
    times: list[list[list[float]]] = [[] for _ in works]
    for _ in range(BATCHES):
        for work, batches in zip(works, times, strict=True):
            batches.append([_seconds(work) for _ in range(BATCH)])
    return times


def _seconds(work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


@contextmanager
def one_core() -> Iterator[None]:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
