"""The user's authorizations to trade real money, in SQLite. Every method reads the stored state: another
process may arm or disarm while the daemon runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from autopilot.adapters.store.arming_proof import ArmingEvent, recorded_event
from autopilot.adapters.store.audit import AuditedStore
from autopilot.adapters.store.database import urgent
from autopilot.adapters.store.rows import from_row, insert, to_row
from autopilot.domain.account import account_name, exchange_of, is_live
from autopilot.domain.arming import NO_ALLOWANCE, Allowance, Arming
from autopilot.domain.audit import AuditKind
from autopilot.domain.money import ZERO
from autopilot.domain.timeframe import DAY_MS, utc_text
from autopilot.domain.trading_mode import NOT_ARMED, Restriction, TradingMode
from autopilot.ports.restrictions import RestrictionSource

_ARM = insert("armings", Arming, or_update="account")
_CLOSED = "SELECT net AS earned, symbol FROM round_trips WHERE account = ? AND closed_at_ms >= ?"
_HELD = "SELECT realized AS earned, symbol FROM positions WHERE account = ?"
_PAPER = """
    SELECT (SELECT count(DISTINCT decided_at_ms / ?1) FROM decisions WHERE account = ?2) AS days,
        (SELECT count(*) FROM round_trips WHERE account = ?2) AS round_trips
"""
_UNSETTLED = "SELECT count(*) FROM orders WHERE account = ? AND status IN ('new', 'submitted', 'unknown')"


@dataclass(frozen=True, slots=True)
class PaperRecord:
    """``days`` (UTC) with decisions on paper at ``exchange``, and the round trips that followed."""

    exchange: str
    days: int
    round_trips: int


class SqliteArmings(AuditedStore):
    """Every change is recorded in ``audit`` in the same transaction; a row that does not match the audit log authorizes
    nothing. Without ``audit`` it only reads. Methods raise StoreError."""

    def arm(self, arming: Arming) -> Arming:
        """Store the arming in place of an earlier one of the account. Returns it with ``earned_before`` filled in: the
        profit so far of its open positions."""
        with self._database.transaction(durable=True) as connection:
            before = self._database.rows(_HELD, (arming.account,))
            armed = replace(arming, earned_before=_sum(before, arming.currency))
            connection.execute(_ARM, to_row(armed))
            self._record(connection, ArmingEvent.ARMED, to_row(armed))
        return armed

    @urgent
    def disarm(self, account: str, now_ms: int) -> bool:
        """Disarm the account, even if the arming is not valid at ``now_ms``. Returns False if it is already over."""
        with self._database.transaction(durable=True) as connection:
            row = self._row(account)
            event = row and recorded_event(self._database, row)
            if row is None or event in (ArmingEvent.DISARMED, ArmingEvent.EXPIRED):
                return False
            if event is None:
                connection.execute("DELETE FROM armings WHERE account = ?", (account,))
                self._record(connection, ArmingEvent.DISARMED, {"account": account})
            else:
                ended = {**dict(row), "expires_at_ms": min(now_ms, row["expires_at_ms"])}
                connection.execute(_ARM, ended)
                self._record(connection, ArmingEvent.DISARMED, ended)
        return True

    def of(self, account: str) -> Arming | None:
        """The latest arming, ended or not; None without one, and if it does not match the audit log."""
        row = self._row(account)
        return from_row(Arming, row) if row and recorded_event(self._database, row) else None

    def holding(self, account: str, now_ms: int) -> Arming | None:
        """The arming that is valid at ``now_ms``. An expired one is ended for good the first time that is noticed:
        setting the clock back does not revive it."""
        row = self._row(account)
        if row is None or recorded_event(self._database, row) is not ArmingEvent.ARMED:
            return None
        arming = from_row(Arming, row)
        if self._audit and now_ms >= arming.expires_at_ms:
            self._expire(row)
        return arming if arming.holds(now_ms) else None

    def is_altered(self, account: str) -> bool:
        """Whether the stored arming differs from the audit log's."""
        row = self._row(account)
        return row is not None and recorded_event(self._database, row) is None

    def accounts(self) -> tuple[str, ...]:
        """The accounts that were ever armed."""
        return tuple(row["account"] for row in self._database.rows("SELECT account FROM armings ORDER BY account"))

    def allowance(self, account: str, currency: str, now_ms: int) -> Allowance:
        """What holds now; see `Arming.allowance`."""
        arming = self.holding(account, now_ms)
        if arming is None:
            return NO_ALLOWANCE
        earned = self._database.rows(f"{_CLOSED} UNION ALL {_HELD}", (account, arming.armed_at_ms, account))
        return arming.allowance(currency, _sum(earned, currency) - arming.earned_before, now_ms)

    def paper_record(self, exchange: str) -> PaperRecord:
        row = self._database.rows(_PAPER, (DAY_MS, account_name(exchange, paper=True)))[0]
        return PaperRecord(exchange, row["days"], row["round_trips"])

    def unsettled(self, account: str) -> int:
        """How many orders of the account have an unknown fate."""
        return int(self._database.rows(_UNSETTLED, (account,))[0][0])

    def _row(self, account: str) -> sqlite3.Row | None:
        return self._database.row("SELECT * FROM armings WHERE account = ?", (account,))

    @urgent
    def _expire(self, row: sqlite3.Row) -> None:
        """Record the expiry, unless another process did, or armed the account again meanwhile."""
        with self._database.transaction(durable=True) as connection:
            if self._row(row["account"]) == row and recorded_event(self._database, row) is ArmingEvent.ARMED:
                self._record(connection, ArmingEvent.EXPIRED, dict(row))

    def _record(self, connection: sqlite3.Connection, event: ArmingEvent, row: Mapping[str, Any]) -> None:
        if self._audit:
            self._audit.append(connection, AuditKind.ARMING, {"event": event.value, **row})


class NotArmed(RestrictionSource):
    """An account with real money that is not armed buys nothing. ``now_ms``: the machine's time."""

    def __init__(self, armings: SqliteArmings, now_ms: Callable[[], int]) -> None:
        self._armings = armings
        self._now_ms = now_ms

    def restrictions(self, account: str) -> tuple[Restriction, ...]:
        if not is_live(account):
            return ()
        if self._armings.holding(account, self._now_ms()):
            return ()
        arming = self._armings.of(account)
        since_ms = arming.expires_at_ms if arming else 0
        hint = f"autopilot arm --exchange {exchange_of(account)} --max-value AMOUNT"
        if arming:
            detail = f"its arming ended at {utc_text(since_ms)}"
        elif self._armings.is_altered(account):
            detail = "its arming does not match the audit log"
        else:
            detail = "it was never armed"
        return (Restriction(NOT_ARMED, TradingMode.REDUCING, detail, since_ms, hint),)


def _sum(rows: Sequence[sqlite3.Row], currency: str) -> Decimal:
    """The sum earned in this currency."""
    return sum((Decimal(row["earned"]) for row in rows if row["symbol"].endswith(f"/{currency}")), ZERO)
