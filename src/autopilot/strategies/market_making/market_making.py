"""Quoting around a center in a quiet market, decided at candle closes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from autopilot.analysis.entries import Numbers, Truths, larger
from autopilot.analysis.moment import MarketMoment
from autopilot.analysis.view import Market
from autopilot.strategies.base import Below, StrategyGroup, StrategySignal, quantity_for, suits
from autopilot.strategies.rules import (
    LONGEST_EMA,
    TREND_CANDLES,
    WEEK_CANDLES,
    Rule,
    Take,
    adx,
    ramp,
    settled,
    volatility_ratio,
    window_of,
)

SHARE = Decimal("0.05")


@dataclass(frozen=True)
class MarketMaking(Rule):
    """Buys below and sells above a center while the market is quiet, to earn the spread between both quotes.

    Rule: the center is EMA(centre). Each quote is half a spread from it: ``sigmas`` standard deviations of one candle's
    return over a day, but at least ``min_half_spread_pct``, which must cover the fees. The market is quiet if the
    volatility of a day is below ``quiet`` times that of a week and the center moves by less than half a spread over 12
    candles. A close beyond a quote in a quiet market is a signal. Strength grows with the distance beyond the quote,
    confidence in a quieter market.

    Parameters: centre (candles), sigmas (standard deviations), min_half_spread_pct (percent of the price), quiet
    (ratio).

    Source: the spread in proportion to volatility around a reservation price of Avellaneda and Stoikov,
    "High-frequency trading in a limit order book", Quantitative Finance 8 (2008), reduced to what candles can show:
    no order book, no queue, no inventory term.

    Typical failure: adverse selection: the close that reaches the quote starts a move out of the quiet market.
    """

    name = "market_making"
    group = StrategyGroup.MARKET_MAKING
    regime_fit = suits(trending_up=0.1, trending_down=0.0, ranging=0.6, volatile=0.0, quiet=1.0)
    stop_ranges = 2.0
    target_ranges = 2.0
    constraints = (
        Below(1, "centre"),
        Below("centre", LONGEST_EMA + 1),
        Below(0, "sigmas"),
        Below(0, "quiet"),
    )

    centre: int = 12
    sigmas: float = 1.5
    min_half_spread_pct: float = 0.2
    quiet: float = 1.0

    @property
    def candles_needed(self) -> int:
        return window_of(settled(self.centre) + 12, WEEK_CANDLES, TREND_CANDLES)

    def sides(self, of: Market) -> tuple[Truths, Truths]:
        offset = self._offset(of)
        quiet = (of.indicators.volatility_ratio() < self.quiet) & (abs(self._drift(of)) < 1.0)
        return quiet & (offset < -1.0), quiet & (offset > 1.0)

    def weights(self, take: Take) -> tuple[Numbers, Numbers]:
        stillness = 0.1 * ramp(abs(take(self._drift)), 1.0, 0.2) + 0.1 * ramp(take(adx), 30, 15)
        calm = ramp(take(volatility_ratio), self.quiet, 0.6 * self.quiet)
        return 0.3 + 0.6 * ramp(abs(take(self._offset)), 1.0, 2.0), 0.5 + 0.25 * calm + stillness

    def words(self, at: MarketMoment) -> str:
        return (
            f"close {self._offset(at):+.2f} half spreads (of {100 * self._half_spread(at):.2f} %) from EMA "
            f"{self.centre} (quotes at ±1), which moved {self._drift(at):+.2f} in 12 candles; volatility "
            f"{at.indicators.volatility_ratio():.2f} times the week's (below {self.quiet:g} needed)"
        )

    def _offset(self, of: Market) -> Numbers:
        """Distance of the close from the center, in half spreads."""
        close = of.indicators.close
        return (close - of.indicators.ema(self.centre)) / (self._half_spread(of) * close)

    def _drift(self, of: Market) -> Numbers:
        """Movement of the center over 12 candles, in half spreads."""
        moved = of.indicators.ema(self.centre) - of.earlier(12, _average, self.centre)
        return moved / (self._half_spread(of) * of.indicators.close)

    def _half_spread(self, of: Market) -> Numbers:
        """As a fraction of the close."""
        return larger(of.indicators.volatility() * self.sigmas, self.min_half_spread_pct / 100.0)

    def calculate_position_size(self, signal: StrategySignal, balance: Decimal) -> Decimal:
        """5 % of the balance per quote, so that inventory builds slowly."""
        return quantity_for(signal, balance, SHARE)


def _average(of: Market, n: int) -> Numbers:
    return of.indicators.ema(n)
