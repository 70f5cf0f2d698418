"""The price leaving its channel on volume."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.analysis.entries import Numbers, Truths, either
from autopilot.analysis.moment import MarketMoment
from autopilot.analysis.view import Market
from autopilot.strategies.base import Below, StrategyGroup, suits
from autopilot.strategies.rules import (
    LONGEST_WINDOW,
    RANGE_CANDLES,
    WEEK_CANDLES,
    Rule,
    Take,
    atr,
    once,
    ramp,
    volatility_ratio,
    window_of,
)


@dataclass(frozen=True)
class VolatilityBreakout(Rule):
    """Buys a close above the channel of the candles before it on high volume, sells a close below it.

    Rule: the close exceeds the highest high of the ``channel`` candles before by ``margin`` average true ranges, with
    ``volume`` times the usual volume, and did not do so on the candle before. Strength grows with the distance of
    the breakout, confidence with the volume and after a quiet market (volatility of a day over that of a week).

    Parameters: channel (candles), margin (average true ranges), volume (ratio to the median of 48 candles).

    Source: Richard Donchian's four-week rule, as the Turtles traded it (Faith, "Way of the Turtle", 2007); the margin
    in ATR follows Keltner's bands (1960).

    Typical failure: the false breakout: stops are swept above the channel and the price falls back inside.
    """

    name = "volatility_breakout"
    group = StrategyGroup.MOMENTUM
    regime_fit = suits(trending_up=0.5, trending_down=0.5, ranging=0.2, volatile=1.0, quiet=0.3)
    stop_ranges = 2.0
    target_ranges = 6.0
    constraints = (
        Below(1, "channel"),
        Below("channel", LONGEST_WINDOW + 1),
    )

    channel: int = 55
    margin: float = 0.1
    volume: float = 1.5

    @property
    def candles_needed(self) -> int:
        return window_of(self.channel + 2, WEEK_CANDLES + 1, RANGE_CANDLES + 2)

    def sides(self, of: Market) -> tuple[Truths, Truths]:
        loud = of.indicators.volume_ratio() > self.volume
        return loud & of.fresh(1, self._is_above), loud & of.fresh(1, self._is_below)

    def weights(self, take: Take) -> tuple[Numbers, Numbers]:
        excess = either(take.side > 0, take(_excess_above, self.channel), take(_excess_below, self.channel))
        return (
            0.3 + 0.7 * ramp(excess, self.margin, 1.5),
            0.5 + 0.25 * ramp(take(_volume), self.volume, 4.0) + 0.2 * ramp(take(_volatility_before), 1.3, 0.7),
        )

    def words(self, at: MarketMoment) -> str:
        above, below = _excess_above(at, self.channel), _excess_below(at, self.channel)
        return (
            f"close {above:+.2f} ATR from the high and {-below:+.2f} from the low of the {self.channel} candles before "
            f"(breakout: {self.margin:g} beyond), volume {at.indicators.volume_ratio():.2f} times the usual "
            f"(above {self.volume:g} needed)"
        )

    def _is_above(self, of: Market) -> Truths:
        return _excess_above(of, self.channel) > self.margin

    def _is_below(self, of: Market) -> Truths:
        return _excess_below(of, self.channel) > self.margin


@once
def _excess_above(of: Market, channel: int) -> Numbers:
    """Distance of the close above the channel's high, in the ATR of the candle before."""
    return (of.indicators.close - of.indicators.donchian(channel)[0]) / of.earlier(1, atr)


@once
def _excess_below(of: Market, channel: int) -> Numbers:
    """Distance of the close below the channel's low, in the ATR of the candle before."""
    return (of.indicators.donchian(channel)[1] - of.indicators.close) / of.earlier(1, atr)


def _volume(of: Market) -> Numbers:
    return of.indicators.volume_ratio()


def _volatility_before(of: Market) -> Numbers:
    return of.earlier(1, volatility_ratio)
