"""The first stage of a cycle: candles in, market conditions out."""

from __future__ import annotations

from autopilot.analysis.features import feature_row
from autopilot.analysis.view import MarketView
from autopilot.domain.conditions import FeatureRow, MarketConditions
from autopilot.domain.errors import CandleError

WINDOW = 1000
"""Candles per cycle: enough for every value to equal that on the whole history to 1e-9."""
MIN_CANDLES = WINDOW


class MarketAnalyzer:
    """Classifies the market at the last candle of a view."""

    def analyze(self, view: MarketView) -> MarketConditions:
        """The conditions at the last candle. Raises CandleError with fewer than `MIN_CANDLES` candles."""
        if len(view.candles) < MIN_CANDLES:
            raise CandleError(
                f"{view.symbol}: {len(view.candles)} candles of {view.timeframe} are too few to classify the market,"
                f" {MIN_CANDLES} are needed",
                hint="import more history with autopilot data import FILE",
            )
        return conditions_at(view, len(view.candles) - 1, feature_row(view, view.regimes))


def conditions_at(view: MarketView, index: int, row: FeatureRow) -> MarketConditions:
    """The conditions at one candle after the warm-up; ``row`` has its features."""
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
