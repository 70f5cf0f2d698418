"""The price coming back inside its Bollinger bands."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.analysis.entries import Numbers, Truths, both, either
from autopilot.analysis.moment import MarketMoment
from autopilot.analysis.view import Market
from autopilot.strategies.base import Below, StrategyGroup, suits
from autopilot.strategies.rules import (
    LONGEST_WINDOW,
    TREND_CANDLES,
    WEEK_CANDLES,
    Rule,
    Take,
    adx,
    ramp,
    volatility_ratio,
    window_of,
)


@dataclass(frozen=True)
class BollingerMeanReversion(Rule):
    """Buys when the close returns from below the lower band, sells when it returns from above the upper band.

    Rule: %b (0 at the lower band, 1 at the upper) is inside now and was outside within the last ``memory`` candles,
    and the volatility of a day is below ``burst`` times that of a week. Strength grows with the distance that the close
    was outside; confidence is higher with stable bands and a low ADX.

    Parameters: period (candles), width (standard deviations), memory (candles), burst (ratio).

    Source: John Bollinger, "Bollinger on Bollinger Bands" (2001), method III (reversals).

    Typical failure: "walking the band": in a breakout the price leaves the bands, returns barely, and continues.
    """

    name = "bollinger_mean_reversion"
    group = StrategyGroup.MEAN_REVERSION
    regime_fit = suits(trending_up=0.2, trending_down=0.1, ranging=1.0, volatile=0.2, quiet=0.6)
    stop_ranges = 2.0
    target_ranges = 2.0
    constraints = (
        Below(1, "period"),
        Below("period", LONGEST_WINDOW + 1),
        Below(0, "width"),
        Below(0, "memory"),
        Below(0, "burst"),
    )

    period: int = 20
    width: float = 2.0
    memory: int = 3
    burst: float = 1.5

    @property
    def candles_needed(self) -> int:
        return window_of(self.period + self.memory, WEEK_CANDLES, TREND_CANDLES)

    def sides(self, of: Market) -> tuple[Truths, Truths]:
        back = of.fresh(1, self._is_inside) & (of.indicators.volatility_ratio() < self.burst)
        return both(back, lambda: self._depth_below(of) > 0), both(back, lambda: self._depth_above(of) > 0)

    def weights(self, take: Take) -> tuple[Numbers, Numbers]:
        outside = either(take.side > 0, take(self._depth_below), take(self._depth_above))
        return (
            0.3 + 0.7 * ramp(outside, 0.0, 0.2),
            0.5 + 0.25 * ramp(take(volatility_ratio), self.burst, 0.9) + 0.2 * ramp(take(adx), 35, 18),
        )

    def words(self, at: MarketMoment) -> str:
        recent = [_position(at.back(ago), self.period, self.width) for ago in range(self.memory)]
        return (
            f"%b {recent[0]:.2f}, between {min(recent):.2f} and {max(recent):.2f} over {self.memory} candles "
            f"(0 lower band, 1 upper band); volatility {at.indicators.volatility_ratio():.2f} times the week's "
            f"(below {self.burst:g} needed), ADX {at.indicators.adx():.0f}"
        )

    def _is_inside(self, of: Market) -> Truths:
        return abs(_position(of, self.period, self.width) - 0.5) < 0.5

    def _depth_below(self, of: Market) -> Numbers:
        """How far the close was below the lower band within the memory."""
        return -of.lowest(self.memory, _position, self.period, self.width)

    def _depth_above(self, of: Market) -> Numbers:
        return of.highest(self.memory, _position, self.period, self.width) - 1.0


def _position(of: Market, period: int, width: float) -> Numbers:
    return of.indicators.bollinger_position(period, width)
