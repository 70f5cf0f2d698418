"""Who gave leave to trade real money, in SQLite. What counts is what is stored at that moment: another process may arm
or disarm while the daemon runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from autopilot.adapters.store.audit import AuditTrail
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.rows import from_row, insert, to_row
from autopilot.domain.account import account_name, exchange_of, is_live
from autopilot.domain.arming import NO_LEAVE, Arming, Leave
from autopilot.domain.audit import AuditKind
from autopilot.domain.money import ZERO
from autopilot.domain.timeframe import DAY_MS, iso_utc
from autopilot.domain.trading_mode import NOT_ARMED, Restriction, TradingMode

_ARM = insert("armings", Arming, or_update="account")
_EARNED = """
    SELECT net AS earned, symbol FROM round_trips WHERE account = ? AND closed_at_ms >= ?
    UNION ALL SELECT realized, symbol FROM positions WHERE account = ?
"""
_PAPER = """
    SELECT (SELECT count(DISTINCT decided_at_ms / ?1) FROM decisions WHERE account = ?2) AS days,
        (SELECT count(*) FROM round_trips WHERE account = ?2) AS round_trips
"""
_UNSETTLED = "SELECT count(*) FROM orders WHERE account = ? AND status IN ('new', 'submitted', 'unknown')"


@dataclass(frozen=True, slots=True)
class PaperRecord:
    """``days`` (UTC) on which was decided on paper at ``exchange``, and the round trips that came of it."""

    exchange: str
    days: int
    round_trips: int


class SqliteArmings:
    """Every change is told to ``audit`` in the transaction that makes it. Methods raise StoreError."""

    def __init__(self, database: Database, audit: AuditTrail | None = None) -> None:
        self._database = database
        self._audit = audit

    def arm(self, arming: Arming) -> None:
        """In place of an earlier one of the account."""
        with self._database.transaction(durable=True) as connection:
            connection.execute(_ARM, to_row(arming))
            if self._audit:
                self._audit.append(connection, AuditKind.ARMING, {"event": "armed", **to_row(arming)})

    def disarm(self, account: str, now_ms: int) -> Arming | None:
        """What held until now; None when nothing did."""
        with self._database.transaction(durable=True) as connection:
            before = self.of(account)
            if before is None or not before.holds(now_ms):
                return None
            connection.execute(_ARM, to_row(replace(before, expires_at_ms=now_ms)))
            if self._audit:
                self._audit.append(connection, AuditKind.ARMING, {"event": "disarmed", "account": account})
        return before

    def of(self, account: str) -> Arming | None:
        """The latest, expired or not."""
        row = self._database.row("SELECT * FROM armings WHERE account = ?", (account,))
        return None if row is None else from_row(Arming, row)

    def all(self) -> tuple[Arming, ...]:
        rows = self._database.rows("SELECT * FROM armings ORDER BY account")
        return tuple(from_row(Arming, row) for row in rows)

    def leave(self, account: str, currency: str, now_ms: int) -> Leave:
        """What holds now; see `Arming.leave`."""
        arming = self.of(account)
        if arming is None:
            return NO_LEAVE
        rows = self._database.rows(_EARNED, (account, arming.armed_at_ms, account))
        net = sum((Decimal(row["earned"]) for row in rows if row["symbol"].endswith(f"/{currency}")), ZERO)
        return arming.leave(currency, net, now_ms)

    def paper_record(self, exchange: str) -> PaperRecord:
        row = self._database.rows(_PAPER, (DAY_MS, account_name(exchange, paper=True)))[0]
        return PaperRecord(exchange, row["days"], row["round_trips"])

    def unsettled(self, account: str) -> int:
        """Orders whose fate is not known."""
        return int(self._database.rows(_UNSETTLED, (account,))[0][0])


class Unarmed:
    """A RestrictionSource: nothing is bought with real money that is not armed. ``now_ms``: the machine's time."""

    def __init__(self, armings: SqliteArmings, now_ms: Callable[[], int]) -> None:
        self._armings = armings
        self._now_ms = now_ms

    def restrictions(self, account: str) -> tuple[Restriction, ...]:
        if not is_live(account):
            return ()
        arming = self._armings.of(account)
        if arming and arming.holds(self._now_ms()):
            return ()
        since_ms = arming.expires_at_ms if arming else 0
        detail = f"its arming ended at {iso_utc(since_ms)}" if arming else "it was never armed"
        hint = f"autopilot arm --exchange {exchange_of(account)} --max-value AMOUNT"
        return (Restriction(NOT_ARMED, TradingMode.REDUCING, detail, since_ms, hint),)
