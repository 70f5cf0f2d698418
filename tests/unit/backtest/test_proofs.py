"""Whoever looks ahead is found, with the array and the candle; whoever does not is left alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from autopilot.analysis.rolling import lagged
from autopilot.analysis.view import MarketView
from autopilot.backtest.proofs import ProofFinding, prove, spread_cuts
from autopilot.domain.candles import Candles, FloatArray
from autopilot.domain.signal import SignalArrays, StrategyGroup
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.strategies.base import Strategy, suits
from autopilot.strategies.registry import StrategySet, builtin_strategies
from autopilot.training.data.series import SymbolData

LENGTH = 1300
Confidence = Callable[[MarketView], FloatArray]


@dataclass(frozen=True)
class Suspect(Strategy):
    """Its confidence is the suspicious array; it buys now and then."""

    said: Confidence

    name: ClassVar[str] = "suspect"
    group: ClassVar[StrategyGroup] = StrategyGroup.MOMENTUM
    regime_fit = suits(trending_up=1.0, trending_down=1.0, ranging=1.0, volatile=1.0, quiet=1.0)

    def signals(self, view: MarketView) -> SignalArrays:
        length = len(view.candles)
        side = np.ones(length, dtype=np.int8)
        confidence = np.clip(np.nan_to_num(self.said(view)), 0.0, 1.0)
        return SignalArrays(side, np.ones(length), confidence, np.full(length, 0.02), np.full(length, 0.04))

    def explain(self, view: MarketView, index: int) -> str:
        return ""


@pytest.fixture(scope="module")
def history() -> SymbolData:
    random = np.random.default_rng(2)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, LENGTH)))
    opened = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(opened, close) * 1.002, np.minimum(opened, close) * 0.998
    at_ms = np.arange(LENGTH, dtype=np.int64) * HOUR_MS
    own = Candles.from_arrays(Timeframe.H1, at_ms, opened, high, low, close, random.uniform(1, 9, LENGTH))
    other = Candles.from_arrays(Timeframe.H1, at_ms, opened * 2, high * 2, low * 2, close * 2, own.volume)
    return SymbolData("ETH/USD", own, other, None, (), 0)


def quiet(*_: int) -> None:
    """Nobody watches."""


def proved(history: SymbolData, said: Confidence) -> tuple[ProofFinding, ...]:
    return prove(history, StrategySet((Suspect(said),)), spread_cuts(LENGTH, 6), quiet)


def share(values: FloatArray) -> FloatArray:
    """Any numbers in (0, 1)."""
    return 0.5 + np.arctan(values * 20.0) / np.pi


def returns(view: MarketView) -> FloatArray:
    close = view.candles.close
    return np.concatenate([[0.0], close[1:] / close[:-1] - 1.0])


@pytest.mark.parametrize(
    "said",
    [
        lambda view: share(np.append(returns(view)[1:], 0.0)),
        lambda view: share(np.convolve(returns(view), np.ones(5) / 5, mode="same")),
        lambda view: share(view.candles.close / view.candles.close.mean() - 1.0),
        lambda view: share(np.append(view.reference_close[1:] / view.reference_close[:-1] - 1.0, 0.0)),
    ],
    ids=["the next return", "a centred mean", "the mean of the whole", "the reference's next return"],
)
def test_looking_ahead_is_found(history: SymbolData, said: Confidence) -> None:
    ahead = [each for each in proved(history, said) if each.proof == "look-ahead"]
    assert [(each.owner, each.column) for each in ahead] == [("suspect", "confidence")]


def test_the_bar_is_named(history: SymbolData) -> None:
    cut = spread_cuts(LENGTH, 6)[0]
    (found,) = proved(history, lambda view: share(np.append(returns(view)[1:], 0.0)))[:1]
    assert found.candle_at_ms == cut * HOUR_MS
    assert found.whole != pytest.approx(0.5)
    assert found.part == 0.5


def test_a_memory_longer_than_a_live_cycle_s_is_found(history: SymbolData) -> None:
    found = proved(history, lambda view: share(view.candles.close / view.candles.close[0] - 1.0))
    assert {(each.proof, each.owner, each.column) for each in found} == {("warm-up", "suspect", "confidence")}


class Boastful(Suspect):
    """Looks 300 candles back."""

    said_to_need: ClassVar[int]

    @property
    def candles_needed(self) -> int:
        return self.said_to_need


@pytest.mark.parametrize(("needs", "found"), [(300, [("warm-up", "confidence")]), (301, []), (1_000, [])])
def test_a_strategy_that_needs_more_candles_than_it_says_is_found(
    history: SymbolData, needs: int, found: list[tuple[str, str]]
) -> None:
    class Said(Boastful):
        said_to_need = needs

    one = Said(lambda view: share(view.candles.close / lagged(view.candles.close, 300) - 1.0))
    proofs = prove(history, StrategySet((one,)), spread_cuts(LENGTH, 4), quiet)
    assert [(each.proof, each.column) for each in proofs] == found


def test_a_strategy_that_raises_is_found_and_ends_nothing(history: SymbolData) -> None:
    def broken(view: MarketView) -> FloatArray:
        raise ValueError("no such thing")

    (found,) = proved(history, broken)
    assert (found.proof, found.owner) == ("failed", "suspect")
    assert "no such thing" in found.detail


def test_what_is_built_in_looks_nowhere_ahead(history: SymbolData) -> None:
    strategies = StrategySet(builtin_strategies())
    assert prove(history, strategies, spread_cuts(LENGTH, 4), quiet) == ()


@pytest.mark.parametrize(("length", "expected"), [(0, 0), (1000, 0), (1001, 1), (1300, 7)])
def test_cuts_have_a_window_before_them_and_a_candle_after(length: int, expected: int) -> None:
    cuts = spread_cuts(length, 7)
    assert len(cuts) <= expected
    assert (length - 2 in cuts) is (expected > 0)
    assert all(999 <= cut <= length - 2 for cut in cuts)
