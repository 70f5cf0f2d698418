"""Time-series momentum: a price that rose over several horizons tends to rise further."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from autopilot.analysis.entries import Numbers, Truths, either
from autopilot.analysis.moment import MarketMoment
from autopilot.analysis.view import Market
from autopilot.strategies.base import Below, StrategyGroup, suits
from autopilot.strategies.rules import (
    LONGEST_WINDOW,
    MIN_MOVE,
    RANGE_CANDLES,
    WEEK_CANDLES,
    Rule,
    Take,
    once,
    ramp,
    window_of,
)


@dataclass(frozen=True)
class Momentum(Rule):
    """Buys when the returns over two horizons, in units of their volatility, become large on high volume; sells when
    they become large and negative.

    Rule: the returns of ``short`` and ``long`` candles, each divided by the volatility expected over as many candles,
    have the same sign and a mean beyond ``entry``; the volume of the last 12 candles exceeds ``volume`` times that of
    the last ``long`` ones. The signal lasts for ``hold`` candles. Strength grows with the short horizon's return,
    confidence with the volume and with the long horizon's return.

    Parameters: short, long (candles), entry (standard deviations), volume (ratio), hold (candles).

    Source: Moskowitz, Ooi and Pedersen, "Time series momentum", Journal of Financial Economics 104 (2012); they scale
    by volatility too.

    Typical failure: momentum crashes: a sharp reversal after a long run comes before the short horizon notices.
    """

    name = "momentum"
    group = StrategyGroup.MOMENTUM
    regime_fit = suits(trending_up=0.8, trending_down=0.7, ranging=0.1, volatile=0.8, quiet=0.1)
    stop_ranges = 2.5
    target_ranges = 6.0
    constraints = (
        Below(0, "short"),
        Below("short", "long"),
        Below("long", LONGEST_WINDOW + 1),
        Below(0, "hold"),
    )

    short: int = 24
    long: int = 168
    entry: float = 1.0
    volume: float = 1.0
    hold: int = 3

    @property
    def candles_needed(self) -> int:
        return window_of(self.hold + max(self.long + 1, WEEK_CANDLES), RANGE_CANDLES)

    def sides(self, of: Market) -> tuple[Truths, Truths]:
        return of.fresh(self.hold, self._is_rising), of.fresh(self.hold, self._is_falling)

    def weights(self, take: Take) -> tuple[Numbers, Numbers]:
        volume, long = take(_volume, self.long), take(_return, self.long)
        return (
            0.2 + 0.8 * ramp(abs(take(_return, self.short)), 0.75, 2.5),
            0.5 + 0.25 * ramp(volume, 1.0, 1.8) + 0.2 * ramp(abs(long), 0.5, 1.75),
        )

    def words(self, at: MarketMoment) -> str:
        return (
            f"return of {self.short} candles {_return(at, self.short):+.2f} and of {self.long} candles "
            f"{_return(at, self.long):+.2f} standard deviations (mean beyond ±{self.entry:g} needed), volume "
            f"{_volume(at, self.long):.2f} times the usual (above {self.volume:g} needed)"
        )

    def _is_rising(self, of: Market) -> Truths:
        return self._is_backed(of) & (self._score(of) > self.entry)

    def _is_falling(self, of: Market) -> Truths:
        return self._is_backed(of) & (self._score(of) < -self.entry)

    def _is_backed(self, of: Market) -> Truths:
        return (_return(of, self.short) * _return(of, self.long) > 0) & (_volume(of, self.long) > self.volume)

    def _score(self, of: Market) -> Numbers:
        return 0.5 * (_return(of, self.short) + _return(of, self.long))


@once
def _return(of: Market, candles: int) -> Numbers:
    """The return of so many candles, in standard deviations."""
    return of.indicators.roc(candles) / ((of.indicators.volatility(168) + MIN_MOVE) * candles**0.5)


@once
def _volume(of: Market, candles: int) -> Numbers:
    """The volume of the last 12 candles over the usual one of so many."""
    usual = of.indicators.volume_sum(candles) * (12 / candles)
    return of.indicators.volume_sum(12) / either(usual > 0, usual, inf)
