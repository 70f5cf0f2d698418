"""The first stage of a cycle: candles in, market conditions out."""

from __future__ import annotations

from autopilot.analysis.features import feature_row
from autopilot.analysis.view import MarketView
from autopilot.domain.conditions import MarketConditions
from autopilot.domain.errors import CandleError

WINDOW = 1000
"""Candles a cycle looks at: with them every value equals that on the whole history to 1e-9."""
MIN_CANDLES = WINDOW


class MarketAnalyzer:
    """Judges the market at the last candle of a view."""

    def analyze(self, view: MarketView) -> MarketConditions:
        """Raises CandleError when the view has fewer than `MIN_CANDLES` candles."""
        if len(view.candles) < MIN_CANDLES:
            raise CandleError(
                f"{view.symbol}: {len(view.candles)} candles of {view.timeframe} are too few to judge the market,"
                f" {MIN_CANDLES} are needed",
                hint="autopilot data download or data import bring more history",
            )
        indicators = view.indicators
        regimes = view.regimes
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
            external_signals=view.has_external,
            features=feature_row(view, regimes),
        )
