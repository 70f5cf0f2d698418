"""Quoting around a center in a quiet market, decided at candle closes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from autopilot.strategies.base import (
    Below,
    FloatArray,
    MarketView,
    SignalArrays,
    Strategy,
    StrategyGroup,
    StrategySignal,
    quantity_for,
    suits,
)
from autopilot.strategies.rules import (
    LONGEST_EMA,
    TREND_CANDLES,
    WEEK_CANDLES,
    assemble,
    fired,
    lagged,
    once_per_view,
    ramp,
    settled,
    window_of,
)

SHARE = Decimal("0.05")


@dataclass(frozen=True)
class MarketMaking(Strategy):
    """Buys below and sells above a center while the market is quiet, to earn the spread between both quotes.

    Rule: the center is EMA(centre). Each quote is half a spread from it: ``sigmas`` standard deviations of one candle's
    return over a day, but at least ``min_half_spread_pct``, which must cover the fees. The market is quiet if the
    volatility of a day is below ``quiet`` times that of a week and the center moves by less than half a spread over 12
    candles. A close beyond a quote in a quiet market is a signal. Strength grows with the distance beyond the quote,
    confidence in a quieter market.

    Parameters: centre (candles), sigmas (standard deviations), min_half_spread_pct (percent of the price), quiet
    (ratio).

    Source: the spread in proportion to volatility around a reservation price of Avellaneda and Stoikov,
    "High-frequency trading in a limit order book", Quantitative Finance 8 (2008), reduced to what candles can show:
    no order book, no queue, no inventory term.

    Typical failure: adverse selection: the close that reaches the quote starts a move out of the quiet market.
    """

    name = "market_making"
    group = StrategyGroup.MARKET_MAKING
    regime_fit = suits(trending_up=0.1, trending_down=0.0, ranging=0.6, volatile=0.0, quiet=1.0)
    constraints = (
        Below(1, "centre"),
        Below("centre", LONGEST_EMA + 1),
        Below(0, "sigmas"),
        Below(0, "quiet"),
    )

    centre: int = 12
    sigmas: float = 1.5
    min_half_spread_pct: float = 0.2
    quiet: float = 1.0

    @property
    def candles_needed(self) -> int:
        return window_of(settled(self.centre) + 12, WEEK_CANDLES, TREND_CANDLES)

    def signals(self, view: MarketView) -> SignalArrays:
        of = view.indicators
        offset, drift, _ = self._measures(view)
        calm, way = of.volatility_ratio(), abs(drift)
        quiet = (calm < self.quiet) & (way < 1.0)
        at, side = fired(view, quiet & (offset < -1.0), quiet & (offset > 1.0))
        stillness = 0.1 * ramp(way[at], 1.0, 0.2) + 0.1 * ramp(of.adx()[at], 30, 15)
        return assemble(
            view,
            at,
            side,
            strength=0.3 + 0.6 * ramp(abs(offset[at]), 1.0, 2.0),
            confidence=0.5 + 0.25 * ramp(calm[at], self.quiet, 0.6 * self.quiet) + stillness,
            stop_ranges=2.0,
            target_ranges=2.0,
        )

    def explain(self, view: MarketView, index: int) -> str:
        offset, drift, half_spread = self._measures(view)
        return (
            f"close {offset[index]:+.2f} half spreads (of {100 * half_spread[index]:.2f} %) from EMA {self.centre} "
            f"(quotes at ±1), which moved {drift[index]:+.2f} in 12 candles; volatility "
            f"{view.indicators.volatility_ratio()[index]:.2f} times the week's (below {self.quiet:g} needed)"
        )

    def calculate_position_size(self, signal: StrategySignal, balance: Decimal) -> Decimal:
        """5 % of the balance per quote, so that inventory builds slowly."""
        return quantity_for(signal, balance, SHARE)

    @once_per_view
    def _measures(self, view: MarketView) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Distance of the close from the center and the center's movement, in half spreads; half a spread as a
        fraction."""
        of, close = view.indicators, view.candles.close
        centre = of.ema(self.centre)
        half_spread = np.maximum(of.volatility() * self.sigmas, self.min_half_spread_pct / 100.0)
        unit = half_spread * close
        return (close - centre) / unit, (centre - lagged(centre, 12)) / unit, half_spread
