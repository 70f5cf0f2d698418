"""Sizes, the vocabulary of rules, and what importing all of it costs."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.analysis.view import MarketView
from autopilot.domain.signal import SignalType, StrategyGroup, StrategySignal
from autopilot.strategies.base import Strategy
from autopilot.strategies.market_making.dca import Dca
from autopilot.strategies.market_making.market_making import MarketMaking
from autopilot.strategies.mean_reversion.grid import Grid
from autopilot.strategies.registry import StrategySet, builtin_strategies
from autopilot.strategies.rules import fired, fresh, once, ramp
from autopilot.strategies.trend_following.macd import Macd

BUY = StrategySignal(
    symbol="X/USD",
    signal_type=SignalType.BUY,
    strength=0.5,
    confidence=0.8,
    price=200.0,
    stop=192.0,
    target=216.0,
    strategy="macd",
    group=StrategyGroup.TREND_FOLLOWING,
    reason="",
)
BALANCE = Decimal(10_000)


@pytest.mark.parametrize(
    ("strategy", "signal", "quantity"),
    [
        (Macd(), BUY, "10"),  # 1 % of 10,000 at 0.8 is 80, over a loss of 8 a coin
        (Macd(), replace(BUY, stop=199.0), "50"),  # 80 coins would cost 16,000: all there is
        (Macd(), replace(BUY, confidence=0.4), "5"),
        (Macd(), replace(BUY, stop=200.0), "0"),
        (Macd(), replace(BUY, signal_type=SignalType.SELL), "0"),
        (Macd(), replace(BUY, signal_type=SignalType.NONE), "0"),
        (Grid(), BUY, "12.5"),
        (Grid(levels=8), BUY, "6.25"),
        (MarketMaking(), BUY, "2.5"),
        (Dca(), BUY, "3"),
        (Dca(), replace(BUY, strength=1.0), "4"),
    ],
)
def test_position_size(strategy: Strategy, signal: StrategySignal, quantity: str) -> None:
    assert strategy.calculate_position_size(signal, BALANCE) == Decimal(quantity)


@given(
    price=st.floats(1e-8, 1e6),
    distance=st.floats(0.003, 0.15),
    confidence=st.floats(0, 1),
    balance=st.decimals(0, 10**9, places=2),
)
def test_no_size_costs_more_than_the_balance(
    price: float, distance: float, confidence: float, balance: Decimal
) -> None:
    signal = replace(BUY, price=price, stop=price * (1 - distance), confidence=confidence)
    for strategy in builtin_strategies():
        quantity = strategy.calculate_position_size(signal, balance)
        assert 0 <= quantity * Decimal(repr(price)) <= balance * (1 + Decimal("1e-20"))


@given(state=st.lists(st.booleans(), max_size=30), candles=st.integers(1, 5))
def test_fresh_is_true_until_the_state_has_lasted(state: list[bool], candles: int) -> None:
    found = fresh(np.array(state, dtype=bool), candles)
    assert found.tolist() == [now and not (i >= candles and all(state[i - candles : i])) for i, now in enumerate(state)]


@pytest.mark.parametrize(
    ("value", "low", "high", "share"),
    [(5, 0, 10, 0.5), (-1, 0, 10, 0), (11, 0, 10, 1), (30, 40, 20, 0.5), (50, 40, 20, 0), (np.nan, 0, 1, 0)],
)
def test_ramp(value: float, low: float, high: float, share: float) -> None:
    assert ramp(np.array([value]), low, high).tolist() == [share]


def test_what_is_both_a_buy_and_a_sell_does_not_fire(view_of: Callable[..., MarketView]) -> None:
    view = view_of(np.full(40, 0.01))
    buy, sell = np.zeros(40, dtype=bool), np.zeros(40, dtype=bool)
    buy[[30, 35]] = sell[[30, 37]] = True
    buy[2] = True  # the average range is not known yet
    at, side = fired(view, buy, sell)
    assert at.tolist() == [35, 37]
    assert side.tolist() == [1.0, -1.0]


def test_measures_are_taken_once_a_view_and_not_kept_for_another(view_of: Callable[..., MarketView]) -> None:
    taken: list[tuple[str, int]] = []

    @once
    def measure(view: MarketView, key: str) -> int:
        taken.append((key, len(view.candles)))
        return len(view.candles)

    one, other = view_of(np.zeros(3)), view_of(np.zeros(4))
    assert [measure(one, "a"), measure(one, "a"), measure(one, "b"), measure(other, "a")] == [3, 3, 3, 4]
    assert taken == [("a", 3), ("b", 3), ("a", 4)]


def test_a_view_that_was_judged_can_be_sent_to_another_process(view_of: Callable[..., MarketView]) -> None:
    view = view_of(np.full(300, 0.001), mood=20.0, reference=np.full(300, 0.002))
    strategies = StrategySet(builtin_strategies())
    judged = strategies.evaluate(view)
    sent = strategies.evaluate(pickle.loads(pickle.dumps(view)))
    assert sent.signals == judged.signals


def test_importing_all_strategies_is_light() -> None:
    heavy = {"pandas", "ccxt", "sqlite3", "pydantic", "aiohttp", "typer", "rich", "lightgbm", "scipy", "socket"}
    code = "import sys, autopilot.strategies.registry; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {name for name in loaded if name in heavy} - talib_brings()


def talib_brings() -> set[str]:
    """TA-Lib imports pandas and polars where they are installed."""
    code = "import sys, talib; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
