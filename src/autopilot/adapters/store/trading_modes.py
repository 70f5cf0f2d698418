"""The modes that users set, in SQLite. Standard library only: the last known status shows them."""

from __future__ import annotations

import sqlite3

from autopilot.adapters.store.audit import AuditedStore
from autopilot.adapters.store.database import urgent
from autopilot.adapters.store.mode_proof import modes_in_force
from autopilot.adapters.store.rows import insert, to_row
from autopilot.domain.audit import AuditKind
from autopilot.domain.trading_mode import EVERY_ACCOUNT, ModeEntry, Restriction, TradingMode, holds_for
from autopilot.ports.restrictions import RestrictionSource

_SAVE = insert("trading_modes", ModeEntry, or_update="account")


class SqliteTradingModes(AuditedStore, RestrictionSource):
    """Every change is durable when the method returns, and recorded in ``audit`` in the same transaction. The stored
    mode and the last one in the audit log are compared at every use: the stricter one counts. Without ``audit`` it only
    reads. Methods raise StoreError."""

    @urgent
    def restrict(self, entry: ModeEntry) -> ModeEntry:
        """Store the mode, unless the one in force has its weight already; returns the one in force then."""
        with self._database.transaction(durable=True) as connection:
            before = next((each for each in self.entries() if each.account == entry.account), None)
            if before and before.weight >= entry.weight:
                return before
            connection.execute(_SAVE, to_row(entry))
            self._record(connection, entry, before.mode if before else TradingMode.ACTIVE, entry.mode, entry.actor)
            return entry

    @urgent
    def lift(self, account: str, actor: str) -> tuple[ModeEntry, ...]:
        """Remove the mode of these accounts, for `EVERY_ACCOUNT` all modes, from the table and by a last row in the
        log; returns those that were in force."""
        with self._database.transaction(durable=True) as connection:
            lifted = [each for each in self.entries() if account in (EVERY_ACCOUNT, each.account)]
            for entry in lifted:
                connection.execute("DELETE FROM trading_modes WHERE account = ?", (entry.account,))
                self._record(connection, entry, entry.mode, TradingMode.ACTIVE, actor)
            return tuple(lifted)

    def entries(self) -> tuple[ModeEntry, ...]:
        """All modes in force, by account."""
        return modes_in_force(self._database)

    def restrictions(self, account: str) -> tuple[Restriction, ...]:
        return tuple(entry.restriction for entry in self.entries() if holds_for(entry.account, account))

    def _record(
        self, connection: sqlite3.Connection, entry: ModeEntry, previous: TradingMode, mode: TradingMode, actor: str
    ) -> None:
        if self._audit:
            body = {"account": entry.account, "previous": previous.value, "mode": mode.value}
            self._audit.append(connection, AuditKind.MODE, {**body, "code": entry.code, "why": entry.why}, actor=actor)
