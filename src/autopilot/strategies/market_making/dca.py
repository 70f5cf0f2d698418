"""Buying on a schedule while conditions allow."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from autopilot.analysis.entries import Numbers, Truths, either
from autopilot.analysis.moment import MarketMoment
from autopilot.analysis.view import Market
from autopilot.domain.money import to_decimal
from autopilot.domain.timeframe import HOUR_MS, utc_text
from autopilot.strategies.base import Below, StrategyGroup, StrategySignal, quantity_for, suits
from autopilot.strategies.rules import (
    LONGEST_WINDOW,
    RANGE_CANDLES,
    WEEK_CANDLES,
    Rule,
    Take,
    ramp,
    stretch,
    volatility_ratio,
    window_of,
)

SHARE = Decimal("0.04")


@dataclass(frozen=True)
class Dca(Rule):
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
    stop_ranges = 4.0
    target_ranges = 4.0
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

    def sides(self, of: Market) -> tuple[Truths, Truths]:
        due, deviation = self._due(of), stretch(of, self.period)
        calm = of.indicators.volatility_ratio() < self.burst
        return (
            due & (deviation < self.dearest) & (deviation > self.deepest) & calm,
            due & (deviation > self.trim),
        )

    def weights(self, take: Take) -> tuple[Numbers, Numbers]:
        deviation = take(stretch, self.period)
        cheap, dear = ramp(deviation, self.dearest, -2.0), ramp(deviation, self.trim, self.trim + 1.0)
        price = either(take.side > 0, cheap, dear)
        return 0.3 + 0.6 * price, 0.5 + 0.3 * price + 0.15 * ramp(take(volatility_ratio), 1.2, 0.7)

    def words(self, at: MarketMoment) -> str:
        every_ms = self.every_hours * HOUR_MS
        due = "due now" if self._due(at) else f"next due {utc_text((at.open_at_ms // every_ms + 1) * every_ms)}"
        return (
            f"{due}; price {stretch(at, self.period):+.2f} standard deviations from SMA {self.period} "
            f"(buys between {self.deepest:g} and {self.dearest:g}), volatility "
            f"{at.indicators.volatility_ratio():.2f} times the week's"
        )

    def _due(self, of: Market) -> Truths:
        """The first present candle of each period, so that a missing candle does not skip a buy."""
        return _period(of, self.every_hours) > of.earlier(1, _period, self.every_hours)

    def calculate_position_size(self, signal: StrategySignal, balance: Decimal) -> Decimal:
        """4 % of the balance each time, up to twice as much in a deep dip."""
        return quantity_for(signal, balance, SHARE * (1 + to_decimal(signal.strength)))


def _period(of: Market, hours: int) -> Numbers:
    """The number of the period in which the candle opens."""
    return of.open_at_ms // (hours * HOUR_MS)
