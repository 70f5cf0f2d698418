"""Buying on a schedule while conditions allow."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from autopilot.domain.money import to_decimal
from autopilot.domain.timeframe import HOUR_MS, utc_text
from autopilot.strategies.base import (
    Below,
    BoolArray,
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
    RANGE_CANDLES,
    WEEK_CANDLES,
    assemble,
    fired,
    once_per_view,
    ramp,
    stretch,
    window_of,
)

SHARE = Decimal("0.04")


@dataclass(frozen=True)
class Dca(Strategy):
    """Buys a small, even part once per period, with more confidence below the mean; sells far above the mean.

    Rule: the first candle of each period of ``every_hours`` on the UTC clock is due. A due candle buys if the close is
    between ``deepest`` and ``dearest`` standard deviations from SMA(period), and the volatility of a day is below
    ``burst`` times that of a week. It sells if the close is above ``trim`` standard deviations. Strength and confidence
    grow with the discount to the mean; confidence also grows in a quieter market.

    Parameters: every_hours (hours), period (candles), dearest, deepest, trim (standard deviations), burst (ratio).

    Source: dollar-cost averaging after Benjamin Graham, "The Intelligent Investor" (1949); selling into excess is
    Michael Edleson's value averaging (1988).

    Typical failure: keeps buying through a long decline; holds cash too long in a rising market.
    """

    name = "dca"
    group = StrategyGroup.MARKET_MAKING
    regime_fit = suits(trending_up=0.4, trending_down=0.1, ranging=0.5, volatile=0.1, quiet=0.8)
    constraints = (
        Below(0, "every_hours"),
        Below(1, "period"),
        Below("period", LONGEST_WINDOW + 1),
        Below("deepest", "dearest"),
        Below("dearest", "trim"),
        Below(0, "burst"),
    )

    every_hours: int = 24
    period: int = 168
    dearest: float = 1.0
    deepest: float = -3.0
    trim: float = 2.5
    burst: float = 1.5

    @property
    def candles_needed(self) -> int:
        return window_of(self.period, WEEK_CANDLES, RANGE_CANDLES)

    def signals(self, view: MarketView) -> SignalArrays:
        of = view.indicators
        due, deviation, calm = self._due(view), stretch(self.period, view), of.volatility_ratio()
        at, side = fired(
            view,
            due & (deviation < self.dearest) & (deviation > self.deepest) & (calm < self.burst),
            due & (deviation > self.trim),
        )
        cheap = ramp(deviation[at], self.dearest, -2.0)
        price = np.where(side > 0, cheap, ramp(deviation[at], self.trim, self.trim + 1.0))
        return assemble(
            view,
            at,
            side,
            strength=0.3 + 0.6 * price,
            confidence=0.5 + 0.3 * price + 0.15 * ramp(calm[at], 1.2, 0.7),
            stop_ranges=4.0,
            target_ranges=4.0,
        )

    def explain(self, view: MarketView, index: int) -> str:
        of, every_ms = view.indicators, self.every_hours * HOUR_MS
        opened = int(view.candles.open_at_ms[index])
        due = "due now" if self._due(view)[index] else f"next due {utc_text((opened // every_ms + 1) * every_ms)}"
        return (
            f"{due}; price {stretch(self.period, view)[index]:+.2f} standard deviations from SMA {self.period} "
            f"(buys between {self.deepest:g} and {self.dearest:g}), volatility "
            f"{of.volatility_ratio()[index]:.2f} times the week's"
        )

    def calculate_position_size(self, signal: StrategySignal, balance: Decimal) -> Decimal:
        """4 % of the balance each time, up to twice as much in a deep dip."""
        return quantity_for(signal, balance, SHARE * (1 + to_decimal(signal.strength)))

    @once_per_view
    def _due(self, view: MarketView) -> BoolArray:
        """The first present candle of each period, so that a missing candle does not skip a buy."""
        period = view.candles.open_at_ms // (self.every_hours * HOUR_MS)
        return np.diff(period, prepend=period[:1]) > 0
