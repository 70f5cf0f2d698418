"""The modes that users set, in SQLite. Standard library only: the last known status shows them."""

from __future__ import annotations

import sqlite3

from autopilot.adapters.store.audit import AuditedStore
from autopilot.adapters.store.rows import from_row, insert, to_row
from autopilot.domain.audit import AuditKind
from autopilot.domain.trading_mode import EVERY_ACCOUNT, ModeEntry, Restriction, TradingMode, holds_for
from autopilot.ports.restrictions import RestrictionSource

ENTRIES = "SELECT * FROM trading_modes ORDER BY account"
_FIND = "SELECT * FROM trading_modes WHERE account = ?"
_SAVE = insert("trading_modes", ModeEntry, or_update="account")


class SqliteTradingModes(AuditedStore, RestrictionSource):
    """Every change is durable when the method returns. With ``audit``, each change is recorded there in the same
    transaction. Methods raise StoreError."""

    def restrict(self, entry: ModeEntry) -> ModeEntry:
        """Store the mode, unless the stored one is as strict already; returns the stored one."""
        with self._database.transaction(durable=True) as connection:
            before = self._first(ModeEntry, _FIND, (entry.account,))
            if before and before.mode.strictness >= entry.mode.strictness:
                return before
            connection.execute(_SAVE, to_row(entry))
            self._tell(connection, entry, before.mode if before else TradingMode.ACTIVE, entry.mode, entry.actor)
            return entry

    def lift(self, account: str, actor: str) -> tuple[ModeEntry, ...]:
        """Remove the mode of these accounts, for `EVERY_ACCOUNT` all modes; returns those removed."""
        with self._database.transaction(durable=True) as connection:
            rows = connection.execute(ENTRIES).fetchall()
            lifted = [from_row(ModeEntry, row) for row in rows if account in (EVERY_ACCOUNT, row["account"])]
            for entry in lifted:
                connection.execute("DELETE FROM trading_modes WHERE account = ?", (entry.account,))
                self._tell(connection, entry, entry.mode, TradingMode.ACTIVE, actor)
            return tuple(lifted)

    def entries(self) -> tuple[ModeEntry, ...]:
        """All modes that are set."""
        return self._all(ModeEntry, ENTRIES)

    def restrictions(self, account: str) -> tuple[Restriction, ...]:
        return tuple(as_restriction(entry) for entry in self.entries() if holds_for(entry.account, account))

    def _tell(
        self, connection: sqlite3.Connection, entry: ModeEntry, previous: TradingMode, mode: TradingMode, actor: str
    ) -> None:
        if self._audit:
            body = {"account": entry.account, "previous": previous.value, "mode": mode.value}
            self._audit.append(connection, AuditKind.MODE, {**body, "code": entry.code, "why": entry.why}, actor=actor)


def as_restriction(entry: ModeEntry) -> Restriction:
    """The restriction that a stored mode causes."""
    return Restriction(entry.code, entry.mode, entry.why, entry.since_ms, _hint(entry.account))


def _hint(account: str) -> str:
    exchange = account.partition(":")[2]
    return f"autopilot resume --exchange {exchange}" if exchange else "autopilot resume"
