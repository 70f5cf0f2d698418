"""The relative strength index returning from an extreme."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.analysis.entries import Numbers, Truths, both, either
from autopilot.analysis.moment import MarketMoment
from autopilot.analysis.view import Market
from autopilot.strategies.base import Below, StrategyGroup, suits
from autopilot.strategies.rules import (
    LONGEST_WILDER,
    RANGE_CANDLES,
    TREND_CANDLES,
    Rule,
    Take,
    adx,
    ramp,
    settled,
    window_of,
)


@dataclass(frozen=True)
class Rsi(Rule):
    """Buys when RSI rises back through the oversold level, sells when it falls back through the overbought one.

    Rule: RSI is above ``oversold`` now and was below it at some time in the last ``memory`` candles (mirrored for a
    sell); the signal stands for ``hold`` candles after the re-entry. Strength grows with the depth that RSI
    reached; confidence grows with that depth and shrinks with ADX, since a trend keeps RSI at its extreme.

    Parameters: period (candles), oversold, overbought (0..100), memory, hold (candles).

    Source: J. Welles Wilder, "New Concepts in Technical Trading Systems" (1978).

    Typical failure: buys every pause of a crash; in a strong trend the extreme is the normal state.
    """

    name = "rsi"
    group = StrategyGroup.MEAN_REVERSION
    regime_fit = suits(trending_up=0.3, trending_down=0.1, ranging=0.9, volatile=0.3, quiet=0.6)
    stop_ranges = 2.0
    target_ranges = 3.0
    constraints = (
        Below(1, "period"),
        Below("period", LONGEST_WILDER + 1),
        Below(0, "oversold"),
        Below("oversold", "overbought"),
        Below("overbought", 100),
        Below(0, "memory"),
        Below(0, "hold"),
    )

    period: int = 14
    oversold: float = 30.0
    overbought: float = 70.0
    memory: int = 8
    hold: int = 2

    @property
    def candles_needed(self) -> int:
        return window_of(max(self.hold, self.memory) + settled(2 * self.period - 1) + 1, RANGE_CANDLES, TREND_CANDLES)

    def sides(self, of: Market) -> tuple[Truths, Truths]:
        return (
            both(of.fresh(self.hold, self._is_above_oversold), lambda: self._depth_below(of) > 0),
            both(of.fresh(self.hold, self._is_below_overbought), lambda: self._depth_above(of) > 0),
        )

    def weights(self, take: Take) -> tuple[Numbers, Numbers]:
        depth = either(take.side > 0, take(self._depth_below), take(self._depth_above))
        return (
            0.3 + 0.7 * ramp(depth, 0.0, 12.0),
            0.5 + 0.25 * ramp(depth, 0.0, 10.0) + 0.2 * ramp(take(adx), 40, 18),
        )

    def words(self, at: MarketMoment) -> str:
        recent = [at.back(ago).indicators.rsi(self.period) for ago in range(self.memory)]
        return (
            f"RSI {recent[0]:.0f}, between {min(recent):.0f} and {max(recent):.0f} over {self.memory} candles "
            f"(oversold {self.oversold:g}, overbought {self.overbought:g}); ADX {at.indicators.adx():.0f}"
        )

    def _is_above_oversold(self, of: Market) -> Truths:
        return _rsi(of, self.period) > self.oversold

    def _is_below_overbought(self, of: Market) -> Truths:
        return _rsi(of, self.period) < self.overbought

    def _depth_below(self, of: Market) -> Numbers:
        """The depth that RSI reached below its limit within the memory."""
        return self.oversold - of.lowest(self.memory, _rsi, self.period)

    def _depth_above(self, of: Market) -> Numbers:
        return of.highest(self.memory, _rsi, self.period) - self.overbought


def _rsi(of: Market, period: int) -> Numbers:
    return of.indicators.rsi(period)
