"""The spread to a reference symbol, traded on one side only."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

from autopilot.analysis.entries import Numbers, Truths, larger, log, root
from autopilot.analysis.moment import MarketMoment
from autopilot.analysis.view import Market
from autopilot.strategies.base import Below, StrategyGroup, suits
from autopilot.strategies.rules import LONGEST_WINDOW, RANGE_CANDLES, Rule, Take, once, ramp, window_of

TINY = 1e-12
SAME = 1.0 - 1e-6
"""Correlation from which on the reference counts as this symbol itself."""


@dataclass(frozen=True)
class PairsTrading(Rule):
    """Buys when this symbol is cheap relative to its reference, sells when it is expensive. Trades only this symbol.

    Rule: both prices are taken as log deviations from their means of ``period`` candles; over the same period this
    symbol's deviation is regressed on the reference's. The spread is the residual of the regression, its z-score the
    spread over its standard deviation. A z-score beyond ``entry`` is a signal for ``hold`` candles, if the correlation
    is at least ``min_correlation``. Without a reference, or if this is the reference itself, there is no opinion.
    Strength grows with the z-score, confidence with the z-score and the correlation.

    Parameters: period (candles), entry (standard deviations), min_correlation (0..1), hold (candles).

    Source: Gatev, Goetzmann and Rouwenhorst, "Pairs Trading: Performance of a Relative-Value Arbitrage Rule", Review
    of Financial Studies 19 (2006), with a rolling hedge ratio and, spot and long only, without its short leg.

    Typical failure: the spread widens for a reason and does not return; without the short leg a falling market
    takes both symbols down.
    """

    name = "pairs_trading"
    group = StrategyGroup.SENTIMENT_BASED
    regime_fit = suits(trending_up=0.4, trending_down=0.3, ranging=0.8, volatile=0.3, quiet=0.7)
    stop_ranges = 3.0
    target_ranges = 4.0
    needs_reference = True
    constraints = (
        Below(1, "period"),
        Below("period", LONGEST_WINDOW // 2 + 1),
        Below(0, "entry"),
        Below("min_correlation", 1),
        Below(0, "hold"),
    )

    period: int = 168
    entry: float = 2.0
    min_correlation: float = 0.5
    hold: int = 2

    @property
    def candles_needed(self) -> int:
        return window_of(self.hold + 2 * self.period, RANGE_CANDLES)

    def sides(self, of: Market) -> tuple[Truths, Truths]:
        correlation = _correlation(of, self.period)
        alike = (correlation > self.min_correlation) & (correlation < SAME)
        return alike & of.fresh(self.hold, self._is_cheap), alike & of.fresh(self.hold, self._is_dear)

    def weights(self, take: Take) -> tuple[Numbers, Numbers]:
        far, correlation = abs(take(_spread, self.period)), take(_correlation, self.period)
        return (
            0.4 + 0.6 * ramp(far, self.entry, self.entry + 1.2),
            0.5 + 0.2 * ramp(far, self.entry, self.entry + 1.0) + 0.25 * ramp(correlation, 0.5, 0.9),
        )

    def words(self, at: MarketMoment) -> str:
        if at.reference_close is None or isnan(at.reference_close):
            return "no reference price: no opinion"
        return (
            f"spread to the reference {_spread(at, self.period):+.2f} standard deviations (beyond ±{self.entry:g} "
            f"needed), beta {_regression(at, self.period)[0]:.2f}, correlation {_correlation(at, self.period):.2f} "
            f"(above {self.min_correlation:g} needed)"
        )

    def _is_cheap(self, of: Market) -> Truths:
        return _spread(of, self.period) < -self.entry

    def _is_dear(self, of: Market) -> Truths:
        return _spread(of, self.period) > self.entry


@once
def _spread(of: Market, period: int) -> Numbers:
    """z-score of the residual over the period."""
    beta, correlation, variance = _regression(of, period)
    unexplained = variance * larger(1.0 - correlation * correlation, TINY)
    return (_own(of, period) - beta * _other(of, period)) / root(unexplained)


def _correlation(of: Market, period: int) -> Numbers:
    return _regression(of, period)[1]


@once
def _regression(of: Market, period: int) -> tuple[Numbers, Numbers, Numbers]:
    """(beta, correlation, variance of this symbol's deviation) over the period."""
    own_variance = of.total_of(period, _own_square, period) / period + TINY
    other_variance = of.total_of(period, _other_square, period) / period + TINY
    covariance = of.total_of(period, _product, period) / period
    return covariance / other_variance, covariance / root(own_variance * other_variance), own_variance


@once
def _own(of: Market, period: int) -> Numbers:
    """The close's log deviation from its mean."""
    return log(of.indicators.close / of.indicators.sma(period))


@once
def _other(of: Market, period: int) -> Numbers:
    """The reference's log deviation from its mean."""
    return log(_reference_close(of) / (of.total_of(period, _reference_close) / period))


def _reference_close(of: Market) -> Numbers:
    return of.reference_close


def _own_square(of: Market, period: int) -> Numbers:
    own = _own(of, period)
    return own * own


def _other_square(of: Market, period: int) -> Numbers:
    other = _other(of, period)
    return other * other


def _product(of: Market, period: int) -> Numbers:
    return _own(of, period) * _other(of, period)
