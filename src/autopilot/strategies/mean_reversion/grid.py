"""A grid of prices around a slowly moving center."""

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
    LONGEST_WINDOW,
    TREND_CANDLES,
    WEEK_CANDLES,
    assemble,
    fired,
    lagged,
    once_per_view,
    ramp,
    stretch,
    window_of,
)


@dataclass(frozen=True)
class Grid(Strategy):
    """Buys when the price falls through a grid line below the center, sells when it rises through a line above.

    Rule: the center is SMA(period), with ``levels`` lines on each side, ``spacing`` apart. The unit of spacing is the
    standard deviation of a random walk from its average, with the week's volatility (the root of a third of the
    period's variance). The price itself must move through the line; a moving center is no signal. Outside the band the
    grid is broken and gives no signal. Lines closer than ``min_spacing_pct`` would only pay fees and give no signal.
    Strength grows with the line's distance from the center, confidence as the market loses direction.

    Parameters: period (candles), spacing (standard deviations), levels (lines per side), min_spacing_pct (percent of
    the center).

    Source: Taranto and Khan, "Gambler's ruin problem and bi-directional grid constrained trading and investment
    strategies", Investment Management and Financial Innovations 17 (2020).

    Typical failure: a trend leaves the band and the grid is fully invested on the wrong side.
    """

    name = "grid"
    group = StrategyGroup.MEAN_REVERSION
    regime_fit = suits(trending_up=0.2, trending_down=0.0, ranging=0.9, volatile=0.2, quiet=0.7)
    constraints = (
        Below(1, "period"),
        Below("period", LONGEST_WINDOW + 1),
        Below(0, "spacing"),
        Below(1, "levels"),
    )

    period: int = 168
    spacing: float = 0.6
    levels: int = 4
    min_spacing_pct: float = 0.3

    @property
    def candles_needed(self) -> int:
        return window_of(max(self.period, WEEK_CANDLES) + 1, TREND_CANDLES)

    def signals(self, view: MarketView) -> SignalArrays:
        of, close = view.indicators, view.candles.close
        position = self._position(view)
        cell, moved = np.floor(position), close - lagged(close, 1)
        crossed = cell - lagged(cell, 1)
        inside = (abs(position) < self.levels) & (self._spacing_pct(view) > self.min_spacing_pct)
        at, side = fired(
            view,
            inside & (cell < -1.0) & (crossed < 0) & (moved < 0),
            inside & (cell >= 1.0) & (crossed > 0) & (moved > 0),
        )
        aimless = 0.2 * ramp(of.adx()[at], 35, 18) + 0.25 * ramp(of.efficiency(24)[at], 0.5, 0.1)
        return assemble(
            view,
            at,
            side,
            strength=0.3 + 0.7 * ramp(abs(position[at]), 1.0, self.levels - 0.5),
            confidence=0.5 + aimless,
            stop_ranges=3.0,
            target_ranges=2.0,
        )

    def explain(self, view: MarketView, index: int) -> str:
        position = self._position(view)
        return (
            f"price {position[index]:+.2f} lines from SMA {self.period} after {position[max(index - 1, 0)]:+.2f} "
            f"(grid of ±{self.levels}, {self._spacing_pct(view)[index]:.2f} % apart); "
            f"ADX {view.indicators.adx()[index]:.0f}"
        )

    def calculate_position_size(self, signal: StrategySignal, balance: Decimal) -> Decimal:
        """An equal part of the balance for each line on the buying side."""
        return quantity_for(signal, balance, Decimal(1) / self.levels)

    @once_per_view
    def _position(self, view: MarketView) -> FloatArray:
        """Distance from the center in lines."""
        return stretch(self.period, view) * (1.0 / self.spacing)

    def _spacing_pct(self, view: MarketView) -> FloatArray:
        """Distance between two lines in percent of the center."""
        return np.asarray(view.indicators.volatility(168) * (100.0 * self.spacing * (self.period / 3.0) ** 0.5))
