"""Markets made on purpose, so that a rule must fire, or must not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from autopilot.analysis.view import MarketView, market_view
from autopilot.domain.candles import Candles
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, Timeframe

START_MS = 19_000 * DAY_MS


@pytest.fixture
def view_of() -> Callable[..., MarketView]:
    """Hourly candles from the log returns of their closes, the wicks 0.1 % beyond the body."""

    def build(
        steps: Sequence[float] | np.ndarray,
        *,
        volume: np.ndarray | float = 100.0,
        reference: np.ndarray | None = None,
        mood: float | None = None,
        wick: float = 0.001,
    ) -> MarketView:
        candles = _candles(np.asarray(steps, dtype=float), volume, wick)
        sentiment = None
        if mood is not None:
            sentiment = SentimentSeries("mood", candles.open_at_ms[::24], np.full(len(candles.open_at_ms[::24]), mood))
        return market_view("X/USD", candles, None if reference is None else _candles(reference, 100.0, wick), sentiment)

    return build


def _candles(steps: np.ndarray, volume: np.ndarray | float, wick: float) -> Candles:
    close = 100.0 * np.exp(np.cumsum(steps))
    opened = np.concatenate([[100.0], close[:-1]])
    return Candles.from_arrays(
        Timeframe.H1,
        START_MS + np.arange(len(steps), dtype=np.int64) * HOUR_MS,
        opened,
        np.maximum(opened, close) * (1.0 + wick),
        np.minimum(opened, close) * (1.0 - wick),
        close,
        np.broadcast_to(np.asarray(volume, dtype=float), len(steps)).copy(),
    )
