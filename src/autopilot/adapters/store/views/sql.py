"""A query that a person writes: `autopilot db query`. Standard library only."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path
from typing import Any

from autopilot.adapters.store.compact_documents import know_documents
from autopilot.adapters.store.compact_returns import know_returns
from autopilot.adapters.store.database import open_readonly
from autopilot.domain.document_types import Document
from autopilot.domain.errors import AutopilotError, Kind

_STEPS = 100_000
"""Of SQLite's machine, some milliseconds: as often Ctrl-C is noticed."""
_QUERY_FAULTS = frozenset(
    {
        *(sqlite3.SQLITE_ERROR, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_MISUSE),
        *(sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_SCHEMA),
    }
)
"""Result codes of a query that is wrong; any other is a fault of the database. Some syntax errors have SQLITE_SCHEMA
until the schema was read."""
_SHOW_TABLES = 'autopilot db query "SELECT sql FROM sqlite_schema" shows all tables with their columns'
_ONLY_READ = "write one SELECT; nothing can be changed"


class QueryInvalid(AutopilotError):
    """SQLite does not understand the query, or the query is not allowed."""

    kind = Kind.USAGE


def queried(database: Path, sql: str, limit: int) -> Document:
    """``{"columns": [name …], "rows": [[value …] …], "more": whether there are more rows}``, with at most ``limit``
    rows. Blobs are hexadecimal text; infinite numbers, which JSON does not have, are text too. Besides SQLite's
    functions there are ``decision_document(document)`` and ``sample_returns(returns, strategies)``, which give JSON of
    both the compact and the plain form. It only reads. Raises QueryInvalid, StoreError."""
    with open_readonly(database) as connection:
        know_documents(connection)
        know_returns(connection)
        connection.row_factory = None
        connection.set_authorizer(_only_this_file)
        connection.set_progress_handler(lambda: 0, _STEPS)
        try:
            found = connection.execute(sql)
            rows = found.fetchmany(limit + 1)
        except (sqlite3.Error, sqlite3.Warning, UnicodeEncodeError) as error:
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF not in _QUERY_FAULTS:
                raise
            is_misread = getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA)
            raise QueryInvalid(
                f"the query cannot be answered: {error}", hint=_SHOW_TABLES if is_misread else _ONLY_READ
            ) from None
        if found.description is None:
            raise QueryInvalid("the query gives no rows", hint=_ONLY_READ)
        return {
            "columns": [each[0] for each in found.description],
            "rows": [[_shown(value) for value in row] for row in rows[:limit]],
            "more": len(rows) > limit,
        }


def _only_this_file(action: int, name: str | None, *_: str | None) -> int:
    """VACUUM INTO attaches its file, too. The pragmas would fail, but with the result codes of a full disk."""
    is_writing = action == sqlite3.SQLITE_PRAGMA and name in ("journal_mode", "wal_checkpoint")
    return sqlite3.SQLITE_DENY if is_writing or action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK


def _shown(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
