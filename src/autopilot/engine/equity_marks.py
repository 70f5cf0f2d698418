"""The marks that the loss limits measure from, and how they move from one moment to the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from autopilot.domain.money import ZERO, round_to_step
from autopilot.domain.portfolio import COST_STEP
from autopilot.domain.timeframe import day_of
from autopilot.ports.ledger import EquityMark


@dataclass(frozen=True, slots=True)
class AccountValue:
    """The value of an account in one currency at a moment, in the fields of `EquityMark`."""

    at_ms: int
    free: Decimal
    equity: Decimal
    own_cash: Decimal


def first_mark(account: str, currency: str, now: AccountValue) -> EquityMark:
    """The mark of a new account: every measure begins at the current equity."""
    return EquityMark(
        account, currency, now.at_ms, now.free, now.equity, now.equity, now.equity, now.equity, now.own_cash
    )


def follow_money(last: EquityMark, now: AccountValue) -> EquityMark:
    """The last mark, as if a deposit or withdrawal since then had happened before it: the marks move in proportion
    to the equity, so that a loss stays the same share of it. This is the time-weighted return (GIPS)."""
    if now.own_cash == last.own_cash:
        return last
    paid_in = ZERO if last.own_cash is None else now.own_cash - last.own_cash
    before = now.equity - paid_in

    def moved(mark: Decimal) -> Decimal:
        return round_to_step(mark * now.equity / before, COST_STEP) if before > ZERO else now.equity

    return replace(
        last,
        equity=moved(last.equity),
        day_start_equity=moved(last.day_start_equity),
        peak_equity=moved(last.peak_equity),
        start_equity=last.start_equity + paid_in,
        own_cash=now.own_cash,
    )


def next_mark(last: EquityMark, now: AccountValue) -> EquityMark:
    """The mark at ``now``, without deposits or withdrawals since ``last``. A new day begins with the equity before it;
    a clock that was set back begins none."""
    same_day = day_of(now.at_ms) <= day_of(last.at_ms)
    return replace(
        last,
        at_ms=now.at_ms,
        free=now.free,
        equity=now.equity,
        day_start_equity=last.day_start_equity if same_day else last.equity,
        peak_equity=max(last.peak_equity, now.equity),
    )
