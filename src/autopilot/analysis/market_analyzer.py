"""The first stage of a cycle: candles in, market conditions out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.analysis.features import FEATURE_NAMES, feature_row, features, outside_row
from autopilot.analysis.regime import LEAST_CANDLES
from autopilot.analysis.view import MarketView
from autopilot.domain.candles import FloatArray
from autopilot.domain.conditions import FeatureRow, MarketConditions
from autopilot.domain.errors import CandleError
from autopilot.domain.passed_candles import MORE_HISTORY

WINDOW = 1000
"""Candles per cycle: enough for every value to equal that on the whole history to 1e-9."""


class MarketAnalyzer:
    """Classifies the market at one candle of a view."""

    def analyze(self, view: MarketView) -> MarketConditions:
        """The conditions at the last candle. With fewer than `WINDOW` candles, the volatility is ranked among a shorter
        past, and of the features only those of the reference and of sentiment are given. Raises CandleError with fewer
        than `LEAST_CANDLES`."""
        if len(view.candles) < LEAST_CANDLES:
            raise CandleError(
                f"{view.symbol}: {len(view.candles)} candles of {view.timeframe} are too few to classify the market,"
                f" {LEAST_CANDLES} are needed",
                hint=MORE_HISTORY,
            )
        whole = len(view.candles) >= WINDOW
        return _conditions(view, -1, feature_row(view, view.regimes) if whole else outside_row(view))

    def analyze_series(self, view: MarketView) -> SeriesConditions:
        """The conditions at any candle that has `WINDOW` candles, its own included."""
        _, table = features(view, view.regimes)
        return SeriesConditions(view, np.ascontiguousarray(table))


@dataclass(frozen=True, slots=True, eq=False)
class SeriesConditions:
    """The conditions at the candles of one view. ``features`` float64[n, k] as from `features`."""

    view: MarketView
    features: FloatArray

    def at(self, index: int) -> MarketConditions:
        """Those at candle ``index``: `WINDOW` - 1 or later."""
        return _conditions(self.view, index, FeatureRow(FEATURE_NAMES, self.features[index]))


def _conditions(view: MarketView, index: int, row: FeatureRow) -> MarketConditions:
    indicators, regimes = view.indicators, view.regimes
    return MarketConditions(
        symbol=view.symbol,
        timeframe=view.timeframe,
        candle_at_ms=int(view.candles.open_at_ms[index]),
        price=float(view.candles.close[index]),
        regime=regimes.regime(index),
        regime_strength=float(regimes.strength[index]),
        candles_in_regime=int(regimes.candles_in_regime[index]),
        adx=float(indicators.adx()[index]),
        rsi=float(indicators.rsi()[index]),
        atr=float(indicators.atr()[index]),
        volatility=float(indicators.volatility()[index]),
        volatility_ratio=float(indicators.volatility_ratio()[index]),
        volume_ratio=float(indicators.volume_ratio()[index]),
        external_signals=view.has_external_at(index),
        features=row,
    )
