"""Protections: recent trades that speak against another entry.

Each protection checks the window before the end of every recent trade. If the window triggers it, entries pause from
that end on for a number of candles, regardless of later trades. Only protections that are switched on are checked.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from autopilot.domain.decision import Check
from autopilot.domain.money import ZERO
from autopilot.domain.order import Purpose
from autopilot.domain.portfolio import RoundTrip
from autopilot.risk.decision_context import DecisionContext
from autopilot.risk.limits import LookBack, RiskLimits

Trips = Sequence[RoundTrip]


def protections_of(limits: RiskLimits) -> tuple[Callable[[DecisionContext], Check], ...]:
    """The protections that are switched on."""
    known = (
        (limits.exit_cooldown_candles > 0, rested_since_exit),
        (limits.stop_guard.symbol_stops > 0, few_stops_in_symbol),
        (limits.stop_guard.account_stops > 0, few_stops_in_account),
        (limits.low_profit.is_on, symbol_earns),
        (limits.recent_drawdown.is_on, recent_drawdown_is_bearable),
    )
    return tuple(protection for is_on, protection in known if is_on)


def rested_since_exit(entry: DecisionContext) -> Check:
    left_at, limit = entry.history.last_exit_at_ms, entry.limits.exit_cooldown_candles
    rested = float(limit) if left_at is None else entry.candles_since(left_at)
    return Check(
        "EXIT_COOLDOWN_ACTIVE",
        rested >= limit,
        rested,
        limit,
        "candles",
        "no exit yet" if left_at is None else f"{rested:.1f} candles since the last exit, the cool-down is {limit}",
    )


def few_stops_in_symbol(entry: DecisionContext) -> Check:
    return _few_stops(
        entry, "SYMBOL_STOPS_REACHED", _own(entry), entry.limits.stop_guard.symbol_stops, entry.market.symbol
    )


def few_stops_in_account(entry: DecisionContext) -> Check:
    return _few_stops(
        entry, "ACCOUNT_STOPS_REACHED", entry.portfolio.recent, entry.limits.stop_guard.account_stops, "the account"
    )


def _few_stops(entry: DecisionContext, code: str, trips: Trips, limit: int, whose: str) -> Check:
    guard = entry.limits.stop_guard
    stops = [trip for trip in trips if trip.exit_purpose is Purpose.STOP_LOSS and trip.net < ZERO]
    trigger = next((window for window in _windows(entry, stops, guard) if len(window) >= limit), None)
    count = len(trigger or _within_lookback(entry, stops, guard))
    words = (
        f"{count} losing stop-losses of {whose} within {guard.lookback_candles} candles; {limit} or more pause entries"
    )
    return Check(code, trigger is None, count, limit, "stop-losses", words + _pause_text(entry, trigger, guard))


def symbol_earns(entry: DecisionContext) -> Check:
    limits, own = entry.limits.low_profit, _own(entry)

    def earns_little(window: Trips) -> bool:
        return len(window) >= limits.min_trades and _earned_pct(window) < limits.required_pct

    trigger = next(filter(earns_little, _windows(entry, own, limits)), None)
    checked = trigger or _within_lookback(entry, own, limits)
    earned = _earned_pct(checked)
    words = (
        f"{len(checked)} trades of {entry.market.symbol} within {limits.lookback_candles} candles"
        f" returned {earned:+.2f} % in sum; {limits.min_trades} or more must return {limits.required_pct:g} %"
    )
    return Check(
        "LOW_PROFIT", trigger is None, earned, limits.required_pct, "%", words + _pause_text(entry, trigger, limits)
    )


def recent_drawdown_is_bearable(entry: DecisionContext) -> Check:
    limits, trips = entry.limits.recent_drawdown, entry.portfolio.recent
    trigger = None
    # No window has a larger drawdown than all trades together, which are checked first because that is cheap.
    if _max_drawdown_pct(entry, trips) >= limits.max_pct:
        trigger = next(filter(lambda window: _exceeds_drawdown(entry, window), _windows(entry, trips, limits)), None)
    drawdown = _max_drawdown_pct(entry, trigger or _within_lookback(entry, trips, limits))
    words = (
        f"drawdown of {drawdown:.2f} % by the trades within {limits.lookback_candles} candles;"
        f" {limits.min_trades} or more must stay below {limits.max_pct:g} %"
    )
    return Check(
        "RECENT_DRAWDOWN_REACHED",
        trigger is None,
        drawdown,
        limits.max_pct,
        "%",
        words + _pause_text(entry, trigger, limits),
    )


def _exceeds_drawdown(entry: DecisionContext, window: Trips) -> bool:
    limits = entry.limits.recent_drawdown
    return len(window) >= limits.min_trades and _max_drawdown_pct(entry, window) >= limits.max_pct


def _windows(entry: DecisionContext, trips: Trips, look: LookBack) -> Iterator[Trips]:
    """The trades of each window whose pause would not be over yet, the latest window first."""
    ends = [trip.closed_at_ms for trip in trips]
    for last in reversed(range(len(trips))):
        if entry.candles_since(ends[last]) >= look.pause_candles:
            return
        first = bisect_right(ends, ends[last] - look.lookback_candles * entry.timeframe.ms)
        yield trips[first : last + 1]


def _within_lookback(entry: DecisionContext, trips: Trips, look: LookBack) -> Trips:
    return [trip for trip in trips if entry.candles_since(trip.closed_at_ms) < look.lookback_candles]


def _own(entry: DecisionContext) -> Trips:
    return [trip for trip in entry.portfolio.recent if trip.symbol == entry.market.symbol]


def _earned_pct(trips: Trips) -> float:
    return sum((trip.net_pct for trip in trips), 0.0)


def _max_drawdown_pct(entry: DecisionContext, window: Trips) -> float:
    """Max drawdown of equity by the window's trades, in percent. Open positions count at their present price."""
    if not window:
        return 0.0
    began_at_ms = window[0].closed_at_ms
    since = sum((trip.net for trip in entry.portfolio.recent if trip.closed_at_ms >= began_at_ms), ZERO)
    equity = peak = entry.portfolio.equity - since
    drawdown = ZERO
    for trip in window:
        equity += trip.net
        peak = max(peak, equity)
        drawdown = max(drawdown, _drawdown(peak, equity))
    return float(drawdown * 100)


def _drawdown(peak: Decimal, equity: Decimal) -> Decimal:
    return (peak - equity) / peak if peak > ZERO else ZERO


def _pause_text(entry: DecisionContext, trigger: Trips | None, look: LookBack) -> str:
    if not trigger:
        return ""
    rested = entry.candles_since(trigger[-1].closed_at_ms)
    return f"; {rested:.1f} candles since the last, the pause is {look.pause_candles}"
