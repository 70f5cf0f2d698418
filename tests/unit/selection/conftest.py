from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from autopilot.domain.conditions import FeatureRow, MarketConditions, Regime
from autopilot.domain.timeframe import Timeframe

Conditions = Callable[..., MarketConditions]


@pytest.fixture(scope="session")
def conditions() -> Conditions:
    """Market conditions of an undecided market, with what the test says different."""

    def build(features: Mapping[str, float] | None = None, **different: object) -> MarketConditions:
        usual = {
            "symbol": "BTC/USD",
            "timeframe": Timeframe.H1,
            "candle_at_ms": 1_700_006_400_000,
            "price": 30_000.0,
            "regime": Regime.RANGING,
            "regime_strength": 0.3,
            "candles_in_regime": 7,
            "adx": 22.0,
            "rsi": 50.0,
            "atr": 150.0,
            "volatility": 0.005,
            "volatility_ratio": 1.0,
            "volume_ratio": 1.0,
            "external_signals": False,
        }
        given = features or {}
        row = FeatureRow(tuple(given), np.array(list(given.values())))
        return MarketConditions(**{**usual, **different}, features=row)

    return build
