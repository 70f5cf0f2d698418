"""The first stage of a cycle: candles in, market conditions out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.analysis.features import FEATURE_NAMES, feature_row, features, outside_row
from autopilot.analysis.moment import MarketMoment
from autopilot.analysis.regime import LEAST_CANDLES, REGIMES, RegimeAt
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
        return self.analyze_at(view.at(-1))

    def analyze_at(self, moment: MarketMoment) -> MarketConditions:
        """`analyze` for the view's last candle, of which this is the moment."""
        whole = len(moment.past.view.candles) >= WINDOW
        return _conditions(moment, moment.regimes, feature_row(moment) if whole else outside_row(moment))

    def analyze_series(self, view: MarketView) -> SeriesConditions:
        """The conditions at any candle that has `WINDOW` candles, its own included."""
        _, table = features(view, view.regimes)
        return SeriesConditions(view, np.ascontiguousarray(table[WINDOW - 1 :]))


@dataclass(frozen=True, slots=True, eq=False)
class SeriesConditions:
    """The conditions at the candles of one view. ``features`` float64[m, k] as from `features`, from candle
    `WINDOW` - 1 on."""

    view: MarketView
    features: FloatArray

    def at(self, index: int) -> MarketConditions:
        """Those at candle ``index``: `WINDOW` - 1 or later."""
        row = FeatureRow(FEATURE_NAMES, self.features[index - WINDOW + 1])
        return _conditions(self.view.at(index), self.view.regimes.at(index), row)


def _conditions(moment: MarketMoment, regime: RegimeAt, row: FeatureRow) -> MarketConditions:
    view, of = moment.past.view, moment.indicators
    return MarketConditions(
        symbol=view.symbol,
        timeframe=view.timeframe,
        candle_at_ms=moment.open_at_ms,
        price=of.close,
        regime=REGIMES[regime.codes],
        regime_strength=regime.strength,
        candles_in_regime=regime.candles_in_regime,
        adx=of.adx(),
        rsi=of.rsi(),
        atr=of.atr(),
        volatility=of.volatility(),
        volatility_ratio=of.volatility_ratio(),
        volume_ratio=of.volume_ratio(),
        external_signals=view.has_external_at(moment.place),
        features=row,
    )
