"""A grid of prices around a slowly moving center."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from autopilot.analysis.entries import Numbers, Truths, floor
from autopilot.analysis.moment import MarketMoment
from autopilot.analysis.view import Market
from autopilot.strategies.base import Below, StrategyGroup, StrategySignal, quantity_for, suits
from autopilot.strategies.rules import (
    LONGEST_WINDOW,
    TREND_CANDLES,
    WEEK_CANDLES,
    Rule,
    Take,
    adx,
    ramp,
    stretch,
    window_of,
)


@dataclass(frozen=True)
class Grid(Rule):
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
    stop_ranges = 3.0
    target_ranges = 2.0
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

    def sides(self, of: Market) -> tuple[Truths, Truths]:
        position, close = self._position(of), of.indicators.close
        cell, moved = floor(position), close - of.earlier(1, _close)
        crossed = cell - of.earlier(1, self._cell)
        inside = (abs(position) < self.levels) & (self._spacing_pct(of) > self.min_spacing_pct)
        return (
            inside & (cell < -1.0) & (crossed < 0) & (moved < 0),
            inside & (cell >= 1.0) & (crossed > 0) & (moved > 0),
        )

    def weights(self, take: Take) -> tuple[Numbers, Numbers]:
        aimless = 0.2 * ramp(take(adx), 35, 18) + 0.25 * ramp(take(_efficiency), 0.5, 0.1)
        return 0.3 + 0.7 * ramp(abs(take(self._position)), 1.0, self.levels - 0.5), 0.5 + aimless

    def words(self, at: MarketMoment) -> str:
        return (
            f"price {self._position(at):+.2f} lines from SMA {self.period} after {self._position(at.back(1)):+.2f} "
            f"(grid of ±{self.levels}, {self._spacing_pct(at):.2f} % apart); ADX {at.indicators.adx():.0f}"
        )

    def _position(self, of: Market) -> Numbers:
        """Distance from the center in lines."""
        return stretch(of, self.period) * (1.0 / self.spacing)

    def _cell(self, of: Market) -> Numbers:
        return floor(self._position(of))

    def _spacing_pct(self, of: Market) -> Numbers:
        """Distance between two lines in percent of the center."""
        return of.indicators.volatility(168) * (100.0 * self.spacing * (self.period / 3.0) ** 0.5)

    def calculate_position_size(self, signal: StrategySignal, balance: Decimal) -> Decimal:
        """An equal part of the balance for each line on the buying side."""
        return quantity_for(signal, balance, Decimal(1) / self.levels)


def _close(of: Market) -> Numbers:
    return of.indicators.close


def _efficiency(of: Market) -> Numbers:
    return of.indicators.efficiency(24)
