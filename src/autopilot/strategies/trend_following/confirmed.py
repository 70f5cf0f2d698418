"""A trend that several indicators agree on at once."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.analysis.entries import Numbers, Truths, how_many, larger
from autopilot.analysis.moment import MarketMoment
from autopilot.analysis.view import Market
from autopilot.strategies.base import Below, StrategyGroup, suits
from autopilot.strategies.rules import TREND_CANDLES, Rule, Take, adx, atr, once, ramp, settled, window_of

CHECKS = ("EMA order", "directional movement", "MACD above zero", "RSI beyond 50", "price beyond its mean", "channel")
MARGINS = (1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 0.25)
"""The value that each measure must exceed: above rounding errors; the channel's outer quarter begins at 0.25."""


FAR_BELOW_MARGINS = 1e-11
"""An EMA with such an error casts the same vote."""


@dataclass(frozen=True)
class Confirmed(Rule):
    """Buys when at least ``needed`` of six indicators come to agree on a rise and ADX shows a trend; sells when they
    agree on a fall.

    Rule: one vote each for EMA(20) over EMA(50), +DI over −DI, MACD over zero, RSI over 50, the close over its
    SMA(100), and the close in the outer quarter of the channel of the last 20 candles; ADX must exceed ``adx_limit``.
    The signal lasts for the first ``hold`` candles of the agreement. Strength grows with ADX, confidence with ADX too,
    and is higher if all six agree.

    Parameters: needed (votes of six), adx_limit, hold (candles).

    Source: the directional movement system of J. Welles Wilder, "New Concepts in Technical Trading Systems" (1978),
    confirmed by the others in the sense of John J. Murphy's checklist, "Technical Analysis of the Financial Markets"
    (1999).

    Typical failure: all six are made of the same prices, so that their agreement comes late and says less than it
    seems; buys the end of long trends.
    """

    name = "confirmed"
    group = StrategyGroup.TREND_FOLLOWING
    regime_fit = suits(trending_up=1.0, trending_down=0.9, ranging=0.0, volatile=0.4, quiet=0.2)
    stop_ranges = 2.5
    target_ranges = 6.0
    constraints = (
        Below(0, "needed"),
        Below("needed", len(CHECKS) + 1),
        Below("adx_limit", 100),
        Below(0, "hold"),
    )

    needed: int = 5
    adx_limit: float = 25.0
    hold: int = 3

    @property
    def candles_needed(self) -> int:
        return window_of(self.hold + max(settled(50, weight=FAR_BELOW_MARGINS), TREND_CANDLES))

    def sides(self, of: Market) -> tuple[Truths, Truths]:
        return of.fresh(self.hold, self._is_rising), of.fresh(self.hold, self._is_falling)

    def weights(self, take: Take) -> tuple[Numbers, Numbers]:
        trendiness = ramp(take(adx), self.adx_limit, self.adx_limit + 15.0)
        unanimous = larger(take(_votes, 1.0), take(_votes, -1.0)) == len(CHECKS)
        return 0.3 + 0.7 * trendiness, 0.6 + 0.15 * unanimous + 0.2 * trendiness

    def words(self, at: MarketMoment) -> str:
        up = _votes(at, 1.0) >= _votes(at, -1.0)
        way = 1.0 if up else -1.0
        votes = [name for name, vote in zip(CHECKS, _opinions(at, way), strict=True) if vote]
        return (
            f"{len(votes)} of {len(CHECKS)} agree on a {'rise' if up else 'fall'} ({self.needed} needed): "
            f"{', '.join(votes) or 'none'}; ADX {at.indicators.adx():.0f} (above {self.adx_limit:g} needed)"
        )

    def _is_rising(self, of: Market) -> Truths:
        return (adx(of) > self.adx_limit) & (_votes(of, 1.0) >= self.needed)

    def _is_falling(self, of: Market) -> Truths:
        return (adx(of) > self.adx_limit) & (_votes(of, -1.0) >= self.needed)


@once
def _votes(of: Market, way: float) -> Numbers:
    """The number of indicators for a rise (``way`` 1) or a fall (-1)."""
    return how_many(_opinions(of, way))


def _opinions(of: Market, way: float) -> list[Truths]:
    return [way * measure > margin for measure, margin in zip(_measures(of), MARGINS, strict=True)]


@once
def _measures(of: Market) -> tuple[Numbers, ...]:
    """Each indicator's measure, above its margin for a rise and below minus its margin for a fall."""
    at, span = of.indicators, atr(of)
    upper, lower = at.donchian(20)
    return (
        (at.ema(20) - at.ema(50)) / span,
        at.plus_di() - at.minus_di(),
        at.macd()[0] / span,
        at.rsi() - 50.0,
        (at.close - at.sma(100)) / span,
        (at.close - 0.5 * (upper + lower)) / larger(upper - lower, span),
    )
