"""The account's loss limits: daily loss and drawdown, and the reaction to them."""

from __future__ import annotations

from decimal import Decimal

from autopilot.domain.decision import Check
from autopilot.domain.money import ZERO
from autopilot.domain.order import Purpose
from autopilot.domain.portfolio import Portfolio
from autopilot.domain.timeframe import DAY_MS
from autopilot.risk.limits import OnLimit, RiskLimits

FLAT_PCT = 1.0
"""An account with less than this share invested counts as flat: dust that cannot be sold is no position."""


def daily_loss(portfolio: Portfolio, limits: RiskLimits) -> Check:
    start, limit = portfolio.day_start_equity, limits.max_daily_loss_pct
    loss = percent_of(max(start - portfolio.equity, ZERO), start)
    return Check(
        "DAILY_LOSS_REACHED", loss < limit, loss, limit, "%", f"{loss:.2f} % lost today, the limit is {limit:g} %"
    )


def drawdown(portfolio: Portfolio, limits: RiskLimits) -> Check:
    peak, limit = portfolio.peak_equity, limits.max_drawdown_pct
    fall = percent_of(max(peak - portfolio.equity, ZERO), peak)
    return Check(
        "DRAWDOWN_REACHED",
        fall < limit,
        fall,
        limit,
        "%",
        f"drawdown of {fall:.2f} % from the highest equity, the limit is {limit:g} %",
    )


def why_to_close(portfolio: Portfolio, limits: RiskLimits, symbol: str, since_ms: int) -> str | None:
    """The reason to sell the symbol's position; None to keep it. If a loss limit closed another position of the account
    at or after ``since_ms``, all positions held at that time follow, even if equity has recovered since."""
    kinds = ((limits.on_daily_loss, daily_loss), (limits.on_drawdown, drawdown))
    for action, measured in kinds:
        if action is OnLimit.CLOSE_POSITIONS and not (check := measured(portfolio, limits)).passed:
            return check.detail
    held = portfolio.position(symbol)
    if held and any(
        trip.exit_purpose is Purpose.PROTECTION and trip.closed_at_ms >= max(held.opened_at_ms, since_ms)
        for trip in portfolio.recent
    ):
        return "a loss limit closed another position of the account"
    return None


def drawdown_is_over(portfolio: Portfolio, limits: RiskLimits, now_ms: int) -> bool:
    """Whether a drawdown that reached its limit is over: nothing is invested, and no trade ended within the pause.
    Then the present equity becomes the peak."""
    if limits.drawdown_pause_days == 0 or drawdown(portfolio, limits).passed:
        return False
    since_ms = now_ms - limits.drawdown_pause_days * DAY_MS
    is_flat = percent_of(portfolio.exposure, portfolio.equity) < FLAT_PCT
    return is_flat and all(trip.closed_at_ms <= since_ms for trip in portfolio.recent)


def percent_of(part: Decimal, whole: Decimal) -> float:
    return float(part / whole * 100) if whole > ZERO else 100.0
