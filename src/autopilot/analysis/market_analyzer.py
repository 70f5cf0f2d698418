"""The first stage of a cycle: candles in, market conditions out."""

from __future__ import annotations

from autopilot.analysis.features import feature_row, outside_row
from autopilot.analysis.regime import LEAST_CANDLES
from autopilot.analysis.view import MarketView
from autopilot.domain.conditions import MarketConditions
from autopilot.domain.errors import CandleError
from autopilot.domain.passed_candles import MORE_HISTORY

WINDOW = 1000
"""Candles per cycle: enough for every value to equal that on the whole history to 1e-9."""


class MarketAnalyzer:
    """Classifies the market at the last candle of a view."""

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
        indicators, regimes = view.indicators, view.regimes
        return MarketConditions(
            symbol=view.symbol,
            timeframe=view.timeframe,
            candle_at_ms=view.candles.last_at_ms,
            price=float(view.candles.close[-1]),
            regime=regimes.regime(-1),
            regime_strength=float(regimes.strength[-1]),
            candles_in_regime=int(regimes.candles_in_regime[-1]),
            adx=float(indicators.adx()[-1]),
            rsi=float(indicators.rsi()[-1]),
            atr=float(indicators.atr()[-1]),
            volatility=float(indicators.volatility()[-1]),
            volatility_ratio=float(indicators.volatility_ratio()[-1]),
            volume_ratio=float(indicators.volume_ratio()[-1]),
            external_signals=view.has_external_at(-1),
            features=feature_row(view, regimes) if len(view.candles) >= WINDOW else outside_row(view),
        )
