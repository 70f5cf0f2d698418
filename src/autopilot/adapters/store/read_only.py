"""Reading a database in a directory that cannot be written, such as a backup that belongs to another user.

Standard library only: a query must answer at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from autopilot.domain.errors import StoreUnavailable

_NO_INDEX = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
"""Primary result codes of a database whose WAL index (-shm) does not exist and cannot be made."""


@contextmanager
def connected_readonly(path: Path, timeout_s: float) -> Iterator[sqlite3.Connection]:
    """A read-only connection that sees every committed row, also those in the WAL. Raises sqlite3.Error, and
    StoreUnavailable if a database without an index changed while it was read."""
    with closing(_connect(path, "mode=ro", timeout_s)) as connection:
        if _has_index(connection):
            yield connection
            return
    before = _state(path)
    with closing(_without_index(path, timeout_s)) as connection:
        yield connection
    if _state(path) != before:
        raise StoreUnavailable(f"the database {path} changed while it was read", hint="run the command again")


def database_uri(path: Path, query: str) -> str:
    """The URI of the database file."""
    return f"{path.absolute().as_uri()}?{query}"


def _connect(path: Path, query: str, timeout_s: float) -> sqlite3.Connection:
    return sqlite3.connect(database_uri(path, query), uri=True, timeout=timeout_s)


def _has_index(connection: sqlite3.Connection) -> bool:
    """Whether the first read works. It opens the WAL and its index, and makes them where they do not exist."""
    try:
        connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _NO_INDEX:
            raise
        return False
    return True


def _without_index(path: Path, timeout_s: float) -> sqlite3.Connection:
    """No process has the database open: each makes the index. With a WAL, SQLite makes one in its own memory, which
    needs exclusive locks, and so a VFS without any. Without a WAL, all rows are in the file itself."""
    if not _side_file(path, "-wal").exists():
        return _connect(path, "immutable=1", timeout_s)
    connection = _connect(path, "mode=ro&vfs=unix-none", timeout_s)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    return connection


def _state(path: Path) -> tuple[tuple[int, int] | None, ...]:
    """Size and time of change of the database and of its side files, None for one that does not exist."""
    states: list[tuple[int, int] | None] = []
    for each in (path, _side_file(path, "-wal"), _side_file(path, "-shm")):
        try:
            found = each.stat()
        except OSError:
            states.append(None)
        else:
            states.append((found.st_size, found.st_mtime_ns))
    return tuple(states)


def _side_file(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
