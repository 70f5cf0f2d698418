"""SQLite's errors as our own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autopilot.domain.errors import StoreCorrupt, StoreError, StoreUnavailable

_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: "another program holds it; end that program, or try again later",
    sqlite3.SQLITE_LOCKED: "another program holds it; end that program, or try again later",
    sqlite3.SQLITE_FULL: "make room on the disk, then try again",
    sqlite3.SQLITE_READONLY: "make the file and its directory writable for this user",
    sqlite3.SQLITE_CANTOPEN: "see that the directory exists and that this user may write in it",
    sqlite3.SQLITE_PERM: "see that this user may read and write the file",
    sqlite3.SQLITE_AUTH: "see that this user may read and write the file",
    sqlite3.SQLITE_IOERR: "look at the disk: the system's log says what failed",
    sqlite3.SQLITE_PROTOCOL: "another program holds it; end that program, or try again later",
    sqlite3.SQLITE_NOMEM: "close other programs, then try again",
}
"""Hints by primary result code."""


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Raises StoreCorrupt, StoreUnavailable or StoreError in place of sqlite3's own errors."""
    try:
        yield
    except sqlite3.Error as error:
        raise _ours(error, path) from error


def _ours(error: sqlite3.Error, path: Path) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _CORRUPT or "decode to UTF-8" in str(error):
        return StoreCorrupt(
            f"the database {path} is damaged: {error}",
            hint="restore a backup, or move the file away to start over; nothing was changed",
        )
    if code in _UNAVAILABLE:
        return StoreUnavailable(f"the database {path} cannot be used: {error}", hint=_UNAVAILABLE[code])
    return StoreError(f"the database {path} refused: {error}", hint="please report this")
