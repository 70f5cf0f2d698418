"""The first stage of a cycle: candles in, market conditions out."""

from __future__ import annotations

from autopilot.analysis.features import feature_row, outside_row
from autopilot.analysis.moment import MarketMoment
from autopilot.analysis.regime import LEAST_CANDLES, REGIMES
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
        return self.analyze_at(view.at(-1))

    def analyze_at(self, moment: MarketMoment) -> MarketConditions:
        """`analyze` for the view's last candle, of which this is the moment."""
        regime, view = moment.regimes, moment.view
        return MarketConditions(
            symbol=view.symbol,
            timeframe=view.timeframe,
            candle_at_ms=moment.open_at_ms,
            price=moment.close,
            regime=REGIMES[regime.codes],
            regime_strength=regime.strength,
            candles_in_regime=regime.candles_in_regime,
            adx=moment.adx(),
            rsi=moment.rsi(),
            atr=moment.atr(),
            volatility=moment.volatility(),
            volatility_ratio=moment.volatility_ratio(),
            volume_ratio=moment.volume_ratio(),
            external_signals=view.has_external_at(-1),
            features=feature_row(moment) if len(view.candles) >= WINDOW else outside_row(moment),
        )
