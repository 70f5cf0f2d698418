"""One analysis cycle of one symbol, for the row of the table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace

import numpy as np

from autopilot.adapters.exchange.offline_markets.simulated_market import BLOCK, block_number, make_block
from autopilot.analysis.market_analyzer import WINDOW, MarketAnalyzer
from autopilot.analysis.view import market_view
from autopilot.domain.candles import Candles
from autopilot.domain.conditions import FeatureRow, MarketConditions
from autopilot.domain.decision import CandleBasis
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.selection.strategy_rules import profiles_of
from autopilot.selection.strategy_selector import StrategySelector
from autopilot.strategies.live import LiveMarket
from autopilot.strategies.registry import Evaluation, StrategySet, builtin_strategies

COMPARED = 300
"""Candles whose live reading is compared with that of the whole window."""
_SEED = 1
_START_MS = 1_704_067_200_000


class Cycle:
    """Decides one candle after the other."""

    def __init__(self, own: Candles, reference: Candles, *, live: bool = True) -> None:
        strategies = StrategySet(builtin_strategies())
        days = np.arange(own.open_at_ms[0] // DAY_MS, own.last_at_ms // DAY_MS + 1) * DAY_MS
        self.market = LiveMarket(MarketAnalyzer(), strategies)
        self._mood = SentimentSeries("made up", days, np.random.default_rng(_SEED).uniform(10, 90, len(days)))
        self._own, self._reference, self._live = own, reference, live
        self._selector = StrategySelector(profiles_of(strategies), model=None)
        self._ends = iter(range(WINDOW, len(own)))

    def read(self) -> tuple[MarketConditions, Evaluation]:
        candles = self._own[(end := next(self._ends)) - WINDOW : end]
        view = market_view("ETH/USD", candles, self._reference.until(candles.last_at_ms)[-WINDOW:], self._mood)
        return self.market.read(view) if self._live else self.market.read_whole(view)

    def decide(self) -> None:
        conditions, evaluation = self.read()
        selection = self._selector.select(
            conditions, evaluation.signals, {}, no_state, CandleBasis(WINDOW, 0, None, ())
        )
        evaluation.explained(selection.strategy)


def _compared(own: Candles, reference: Candles) -> int:
    """How many live readings equal those of the whole window to the last bit."""
    live, whole = Cycle(own, reference), Cycle(own, reference, live=False)
    equal = 0
    for _ in range(COMPARED):
        (seen, said), (expected, signals) = live.read(), whole.read()
        same = replace(seen, features=expected.features)
        equal += (
            [getattr(same, each.name) for each in fields(same)]
            == [getattr(expected, each.name) for each in fields(expected)]
            and np.array_equal(seen.features.values, expected.features.values)
            and said.signals == signals.signals
        )
    return equal


def no_state() -> FeatureRow:
    """Asked for where there is a model."""
    return FeatureRow((), np.empty(0))


def _candles(symbol: str) -> Candles:
    candles = make_block(_SEED, symbol, Timeframe.H1, block_number(Timeframe.H1, _START_MS)).candles
    assert len(candles) > BLOCK // 2
    return candles


@contextmanager
def one_core() -> Iterator[None]:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
