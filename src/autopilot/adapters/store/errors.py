"""What SQLite says, in our own errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autopilot.domain.errors import StoreCorrupt, StoreError, StoreUnavailable

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Raises StoreCorrupt, StoreUnavailable or StoreError in place of sqlite3's own errors."""
    try:
        yield
    except sqlite3.Error as error:
        raise _ours(error, path) from error


def _ours(error: sqlite3.Error, path: Path) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & 0xFF in _CORRUPT:
        return StoreCorrupt(
            f"the database {path} is damaged: {error}",
            hint="restore a backup, or move the file away to begin anew; nothing was changed",
        )
    if isinstance(error, sqlite3.OperationalError):
        return StoreUnavailable(
            f"the database {path} cannot be used: {error}",
            hint="see that the directory is writable, the disk has space, and no other program holds the file",
        )
    return StoreError(f"the database {path} refused: {error}", hint="please report this")
