"""The SQLite file: opened with checks, migrated, and written in transactions of stated durability."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial, wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from autopilot.adapters.store.ballast import Ballast
from autopilot.adapters.store.commit_group import CommitGroup, commit, committed, savepoint
from autopilot.adapters.store.migration import MigrationProgress, create, migrate, require_no_daemon
from autopilot.adapters.store.read_only import connected_readonly, database_uri
from autopilot.adapters.store.rows import T, from_row
from autopilot.adapters.store.schema import APPLICATION_ID, BOOKS, MIGRATIONS
from autopilot.adapters.store.settled_reads import SettledReads
from autopilot.domain.errors import (
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreTooNew,
    StoreUnavailable,
)

Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")
BUSY_TIMEOUT_S = 5.0
_RESTORE = "restore a backup, or move the file away to start over; nothing was changed"
_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_HELD = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_NO_ROOM = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_SHMSIZE}
)
"""Result codes of a full disk. Those of IOERR come where a quota is used up, or a network disk is full."""
_MAKE_ROOM = "make room on the disk, then try again"
_UNAVAILABLE = {
    sqlite3.SQLITE_READONLY: "make the file and its directory writable for this user",
    sqlite3.SQLITE_CANTOPEN: "see that the directory exists and that this user may write in it",
    sqlite3.SQLITE_PERM: "see that this user may read and write the file",
    sqlite3.SQLITE_AUTH: "see that this user may read and write the file",
    sqlite3.SQLITE_IOERR: "look at the disk: the system's log says what failed",
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
    extended = getattr(error, "sqlite_errorcode", 0)
    code = extended & 0xFF
    words = f"the database {path} cannot be used: {error}"
    if code in _CORRUPT or "decode to UTF-8" in str(error):
        return StoreCorrupt(f"the database {path} is damaged: {error}", hint=_RESTORE)
    if code in _HELD:
        return StoreLocked(words, hint="another program holds it; end that program, or try again later")
    if extended in _NO_ROOM:
        rest = "" if code == sqlite3.SQLITE_FULL else "; if there is room, the system's log says what failed"
        return StoreFull(words, hint=_MAKE_ROOM + rest)
    if code in _UNAVAILABLE:
        return StoreUnavailable(words, hint=_UNAVAILABLE[code])
    return StoreError(f"the database {path} refused: {error}", hint="please report this")


class Database:
    """A connection. Every method raises StoreError. ``locked_at_ms``: the machine's time since which another program
    keeps every transaction from beginning, None if it does not. ``group``: where small transactions are joined."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection
        self.ballast = Ballast(path.parent)
        self.locked_at_ms: int | None = None
        self.group: CommitGroup | None = None
        self._settled = SettledReads(connection)
        self._durable: bool | None = None
        self._is_urgent = False
        self._wait_s = BUSY_TIMEOUT_S

    @contextmanager
    def transaction(self, *, durable: bool, grouped: bool = False) -> Iterator[sqlite3.Connection]:
        """All or nothing. ``durable``: on the disk at the end of the block, so that a power cut does not lose it.
        Otherwise a crash of this process loses nothing; a power cut loses at most the last transactions, never earlier
        ones. ``grouped``: this one, if it is not durable, may be committed a moment later, together with others; until
        then a crash loses it too. Raises StoreFull while the ballast is released, except within `urgently`."""
        if not self._is_urgent and self.ballast.is_released:
            raise StoreFull(f"the disk of the database {self.path} is full: the rest is for exits", hint=_MAKE_ROOM)
        group = self.group if grouped and not durable and self.group and self.group.is_open() else None
        with store_errors(self.path):
            if not (group and self.connection.in_transaction):
                commit(self.connection, self.group)
                if durable is not self._durable:
                    self.connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                    self._durable = durable
                self._begin()
                if group:
                    group.begin(self.commit_group)
            ending = savepoint(self.connection) if group else committed(self.connection, self.group)
            with self._settled.changing(books=durable), ending:
                yield self.connection

    def commit_group(self) -> None:
        """Commit what is grouped. If that fails, all of it is undone."""
        with store_errors(self.path):
            commit(self.connection, self.group)

    def urgently(self, write: Callable[[], Result]) -> Result:
        """The result of ``write``, a transaction that an exit or a command of the user needs. If the disk is full, the
        ballast is released, and ``write`` called again if it failed."""
        before, self._is_urgent = self._is_urgent, True
        self.ballast.release_if_needed()
        try:
            return write()
        except StoreFull:
            if not self.ballast.release():
                raise
            return write()
        finally:
            self._is_urgent = before

    def wait_at_most(self, seconds: float) -> None:
        """How long a transaction waits for another program's, and blocks its thread meanwhile."""
        self._wait_s = seconds
        self._set_wait(seconds)

    def is_locked(self) -> bool:
        """Whether another program keeps a transaction from beginning now. Answers at once."""
        if self.connection.in_transaction:
            return False
        try:
            self._set_wait(0)
            with store_errors(self.path):
                self._begin()
                self.connection.execute("ROLLBACK")
        except StoreLocked:
            return True
        finally:
            self._set_wait(self._wait_s)
        return False

    def _set_wait(self, seconds: float) -> None:
        with store_errors(self.path):
            self.connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")

    def _begin(self) -> None:
        try:
            # IMMEDIATE: a transaction that begins by reading can fail to become a writer, whatever the time-out.
            self.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in _HELD and self.locked_at_ms is None:
                self.locked_at_ms = time.time_ns() // 1_000_000
            raise
        self.locked_at_ms, self._settled.is_alone = None, False

    def settled(self, key: Hashable, read: Callable[[], Result]) -> Result:
        """The result of ``read``, which reads only what durable transactions write; see `SettledReads`."""
        with store_errors(self.path):
            return self._settled.get(key, read)

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[sqlite3.Row]:
        with store_errors(self.path):
            return self.connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[object] = ()) -> sqlite3.Row | None:
        with store_errors(self.path):
            found: sqlite3.Row | None = self.connection.execute(sql, parameters).fetchone()
            return found

    def close(self) -> None:
        """Commit what is grouped, and close. Closing again does nothing."""
        with store_errors(self.path):
            commit(self.connection, self.group)
            self.connection.close()


class Store:
    """Base of the stores, each of which reads and writes its own tables of the database. ``grouped``: whether what it
    writes at every candle may be committed in groups."""

    def __init__(self, database: Database, *, grouped: bool = False) -> None:
        self._database = database
        self._grouped = grouped

    def _first(self, kind: Callable[..., T], sql: str, parameters: Sequence[object] = ()) -> T | None:
        """The first row as a value of the dataclass ``kind``; None without a row. Raises StoreError."""
        row = self._database.row(sql, parameters)
        return from_row(kind, row) if row else None

    def _all(self, kind: Callable[..., T], sql: str, parameters: Sequence[object] = ()) -> tuple[T, ...]:
        """The rows as values of the dataclass ``kind``. Raises StoreError."""
        return tuple(from_row(kind, row) for row in self._database.rows(sql, parameters))


AnyStore = TypeVar("AnyStore", bound=Store)


def urgent(
    method: Callable[Concatenate[AnyStore, Parameters], Result],
) -> Callable[Concatenate[AnyStore, Parameters], Result]:
    """Let a method of a store, one transaction, run within `Database.urgently`."""

    @wraps(method)
    def run(store: AnyStore, /, *given: Parameters.args, **named: Parameters.kwargs) -> Result:
        return store._database.urgently(partial(method, store, *given, **named))

    return run


def open_database(path: Path, migrations: Sequence[str] = MIGRATIONS) -> Database:
    """Open or create the database, check it for damage, migrate it, and check that it can be written.

    Raises StoreCorrupt, StoreTooNew, StoreUnavailable; the last also for an older version while its daemon runs.
    Creation is atomic, so that an empty file means damage. Only cheap checks run at every start: SQLite compares the
    length of the file with its header, and ``quick_check`` reads the tables with orders and money (milliseconds for a
    year of trading). Candles and decisions, by far the larger part, are not read.
    """
    if not _exists(path):
        create(path, migrations)
    with store_errors(path):
        address = database_uri(path, "mode=rw")
        connection = sqlite3.connect(
            address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
    database = Database(path, connection)
    try:
        with store_errors(path):
            connection.row_factory = sqlite3.Row
            _identify(connection, path, len(migrations))
            _check_books(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
        database.urgently(partial(_bring_up_to_date, database, migrations))
    except BaseException:
        connection.close()
        raise
    return database


@contextmanager
def open_readonly(path: Path, *, oldest: int = len(MIGRATIONS)) -> Iterator[sqlite3.Connection]:
    """A read-only connection for queries, with or without a running daemon, also in a directory that cannot be
    written. Raises StoreError, also for a database whose version is below ``oldest``."""
    if not _exists(path):
        raise StoreUnavailable(f"there is no database at {path}", hint="autopilot start, which creates it")
    with store_errors(path), connected_readonly(path, BUSY_TIMEOUT_S) as connection:
        connection.row_factory = sqlite3.Row
        if _identify(connection, path, len(MIGRATIONS)) < oldest:
            hint = "autopilot start brings it up to date"
            if _is_writable(path.parent):
                require_no_daemon(path)
            else:
                hint = "copy it to a directory that you may write; there autopilot start brings it up to date"
            raise StoreError(f"the database {path} has an older version", hint=hint)
        yield connection


@contextmanager
def open_for_queries(path: Path) -> Iterator[Database]:
    """As `open_database` where the directory can be written, else as `open_readonly`."""
    if _is_writable(path.parent):
        with closing(open_database(path)) as database:
            yield database
    else:
        with open_readonly(path) as connection:
            yield Database(path, connection)


def _is_writable(directory: Path) -> bool:
    return os.access(directory, os.W_OK, effective_ids=True)


def _exists(path: Path) -> bool:
    """Whether the file exists. Raises StoreCorrupt when it is empty, StoreUnavailable when it cannot be reached."""
    try:
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StoreUnavailable(
            f"the database {path} cannot be reached: {error.strerror}", hint="run this as the user who owns it"
        ) from error
    if size == 0:
        raise StoreCorrupt(f"the database {path} is empty", hint=_RESTORE)
    return True


def _identify(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    """The schema version. Raises StoreCorrupt for another program's database, StoreTooNew for a later version."""
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if application_id != APPLICATION_ID:
        raise StoreCorrupt(f"{path} is not a database of Autopilot", hint="choose another directory with --data-dir")
    if version > newest:
        raise StoreTooNew(
            f"the database {path} has version {version}, this Autopilot knows up to {newest}",
            hint="if the newer Autopilot is installed, run autopilot restart; else install it again",
        )
    return version


def _check_books(connection: sqlite3.Connection, path: Path) -> None:
    present = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    for table in BOOKS:
        if table in present:
            verdict = connection.execute(f"PRAGMA quick_check({table})").fetchone()[0]
            if verdict != "ok":
                raise StoreCorrupt(f"the database {path} is damaged, table {table}: {verdict}", hint=_RESTORE)


def _bring_up_to_date(database: Database, migrations: Sequence[str]) -> None:
    """The transaction also shows whether the file can be written. The WAL of a large migration would stay as large as
    it, also if it was killed: then this one would lack the room."""
    progress = MigrationProgress()
    is_older = database.rows("PRAGMA user_version")[0][0] < len(migrations)
    if is_older:
        require_no_daemon(database.path)
        _empty_wal(database)
    with database.transaction(durable=True) as connection:
        migrate(connection, database.path, migrations, progress)
    if is_older:
        progress.is_written()
        _empty_wal(database)


def _empty_wal(database: Database) -> None:
    database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
