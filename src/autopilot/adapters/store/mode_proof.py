"""Compares the rows of ``trading_modes`` with the audit log: whoever deletes or weakens a mode has not edited the log.

Standard library only: a query must answer at once.
"""

from __future__ import annotations

from autopilot.adapters.json_text import json_object
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.rows import from_row
from autopilot.domain.audit import AuditRow, Compared, row_hash
from autopilot.domain.errors import StoreCorrupt
from autopilot.domain.trading_mode import AUDIT_ALTERED, EVERY_ACCOUNT, ModeEntry, TradingMode

_STORED = "SELECT * FROM trading_modes ORDER BY account"
# SQLite takes the other columns from the row with the maximum.
_RECORDED = """
    SELECT max(seq) AS seq, at_ms, kind, actor, body, previous, hash FROM audit WHERE kind = 'mode'
    GROUP BY iif(json_valid(body), json_extract(body, '$.account'), body) ORDER BY seq
"""


def modes_in_force(database: Database) -> tuple[ModeEntry, ...]:
    """The modes that hold, by account: the stricter one of the stored mode and the last one in the audit log. Raises
    StoreError."""
    return database.settled(_RECORDED, lambda: _modes_in_force(database))


def _modes_in_force(database: Database) -> tuple[ModeEntry, ...]:
    stored, recorded = _stored(database), _recorded(database)
    return tuple(
        entry
        for account in sorted(stored.keys() | recorded.keys())
        if (entry := _stricter(stored.get(account), recorded.get(account))) and entry.mode is not TradingMode.ACTIVE
    )


def compared_modes(database: Database) -> Compared:
    """The accounts that have a mode in the table or in the log, and those whose modes differ. Raises StoreError."""
    accounts = _stored(database).keys() | _recorded(database).keys()
    return Compared(len(accounts), tuple(each.account for each in altered_modes(database)))


def altered_modes(database: Database) -> tuple[ModeEntry, ...]:
    """The modes in force, or ended, of the accounts whose stored mode differs from the last one in the audit log.
    Raises StoreError."""
    stored, recorded = _stored(database), _recorded(database)
    return tuple(
        entry
        for account in sorted(stored.keys() | recorded.keys())
        if _mode(stored.get(account)) is not _mode(recorded.get(account))
        and (entry := _stricter(stored.get(account), recorded.get(account)))
    )


def _stored(database: Database) -> dict[str, ModeEntry]:
    return {row["account"]: from_row(ModeEntry, row) for row in database.rows(_STORED)}


def _recorded(database: Database) -> dict[str, ModeEntry]:
    """The last mode of each account in the log, also *active*."""
    entries = (_entry(AuditRow(*row)) for row in database.rows(_RECORDED))
    return {entry.account: entry for entry in entries}


def _entry(row: AuditRow) -> ModeEntry:
    """A row that was edited may have been a pause of any account: it holds all of them until they are resumed."""
    try:
        if row.hash == row_hash(row.seq, row.at_ms, row.kind, row.actor, row.body, row.previous):
            return from_row(ModeEntry, {"since_ms": row.at_ms, "actor": row.actor, **json_object(row.body)})
    except StoreCorrupt:
        pass
    why = f"row {row.seq} of the audit log, on a trading mode, was edited"
    return ModeEntry(EVERY_ACCOUNT, TradingMode.REDUCING, AUDIT_ALTERED, why, row.at_ms, row.actor)


def _stricter(stored: ModeEntry | None, recorded: ModeEntry | None) -> ModeEntry | None:
    """The stored one, if they are equal."""
    return recorded if recorded and (stored is None or recorded.weight > stored.weight) else stored


def _mode(entry: ModeEntry | None) -> TradingMode:
    return entry.mode if entry else TradingMode.ACTIVE
