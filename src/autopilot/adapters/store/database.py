"""One SQLite file: opened with care, migrated, and written in transactions that say how durable they are."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from autopilot.adapters.durable_file import storing, sync_directory, write_file
from autopilot.adapters.store.errors import store_errors
from autopilot.adapters.store.schema import APPLICATION_ID, BOOKS, MIGRATIONS
from autopilot.domain.errors import StoreCorrupt, StoreError, StoreTooNew, StoreUnavailable

BUSY_TIMEOUT_S = 5.0
_RESTORE = "restore a backup, or move the file away to start over; nothing was changed"


class Database:
    """The daemon's connection. Every method raises StoreError."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection
        self._durable: bool | None = None

    @contextmanager
    def transaction(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """All or nothing. ``durable``: on the disk when it returns, so that not even a power cut loses it; otherwise a
        crash of this process loses nothing and a power cut at most the last moments, never the order of things."""
        with store_errors(self.path):
            if durable is not self._durable:
                self.connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            # IMMEDIATE: a transaction that begins by reading could find itself unable to write, whatever the time-out.
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[sqlite3.Row]:
        with store_errors(self.path):
            return self.connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[object] = ()) -> sqlite3.Row | None:
        with store_errors(self.path):
            found: sqlite3.Row | None = self.connection.execute(sql, parameters).fetchone()
            return found

    def close(self) -> None:
        with store_errors(self.path):
            self.connection.close()


def open_database(path: Path, migrations: Sequence[str] = MIGRATIONS) -> Database:
    """Open or create, look for damage, bring the schema up to date, see that it can be written.

    Raises StoreCorrupt, StoreTooNew, StoreUnavailable. Creation leaves a whole database or none, so that an empty file
    was truncated. Each start looks for damage where that is cheap: SQLite compares the file's length with
    its header, and ``quick_check`` walks the tables that hold orders and money (milliseconds for a year of trading);
    candles and decisions, by far the larger part, are not read.
    """
    if not _exists(path):
        create(path, _script(migrations))
    with store_errors(path):
        connection = sqlite3.connect(
            _address(path, "rw"), uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
    database = Database(path, connection)
    try:
        with store_errors(path):
            connection.row_factory = sqlite3.Row
            _identify(connection, path, len(migrations))
            _check_books(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
        _migrate(database, migrations)
    except BaseException:
        connection.close()
        raise
    return database


@contextmanager
def open_readonly(path: Path) -> Iterator[sqlite3.Connection]:
    """For queries, beside a running daemon or without one. Raises StoreError."""
    if not _exists(path):
        raise StoreUnavailable(f"there is no database at {path}", hint="autopilot start makes one")
    with (
        store_errors(path),
        closing(sqlite3.connect(_address(path, "ro"), uri=True, timeout=BUSY_TIMEOUT_S)) as connection,
    ):
        connection.row_factory = sqlite3.Row
        if _identify(connection, path, len(MIGRATIONS)) < len(MIGRATIONS):
            raise StoreError(f"the database {path} is of an older version", hint="autopilot start brings it up to date")
        yield connection


def _exists(path: Path) -> bool:
    """Raises StoreCorrupt when it is cut to nothing, StoreUnavailable when that cannot be seen."""
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


def _address(path: Path, mode: str) -> str:
    return f"{path.absolute().as_uri()}?mode={mode}"


def _identify(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    """The version of this database of ours."""
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if application_id != APPLICATION_ID:
        raise StoreCorrupt(f"{path} is not a database of Autopilot", hint="choose another directory with --data-dir")
    if version > newest:
        raise StoreTooNew(
            f"the database {path} has version {version}, this Autopilot knows up to {newest}",
            hint="install the newer Autopilot again, or choose another directory with --data-dir",
        )
    return version


def _check_books(connection: sqlite3.Connection, path: Path) -> None:
    present = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    for table in BOOKS:
        if table in present:
            verdict = connection.execute(f"PRAGMA quick_check({table})").fetchone()[0]
            if verdict != "ok":
                raise StoreCorrupt(f"the database {path} is damaged, table {table}: {verdict}", hint=_RESTORE)


def _migrate(database: Database, migrations: Sequence[str]) -> None:
    """Nothing to do is nothing written, yet the attempt shows whether the file can be."""
    with database.transaction(durable=True) as connection:
        present = connection.execute("PRAGMA user_version").fetchone()[0]
        if present < len(migrations):
            # executescript would commit what is open; all steps are one transaction.
            for statement in _statements(_script(migrations[present:], len(migrations))):
                connection.execute(statement)


def _script(steps: Sequence[str], version: int | None = None) -> str:
    marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version or len(steps)}"
    return ";".join([*steps, marks])


def _statements(script: str) -> Iterator[str]:
    """One by one; a trigger has semicolons of its own."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def create(path: Path, migrate: str) -> None:
    """Write a database made by the script ``migrate``, for its owner only, unless another process was first.

    It is written under another name and linked: a process that dies halfway leaves nothing that could be mistaken for
    a damaged ledger. Raises StoreUnavailable.
    """
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.executescript(migrate)
        content = memory.serialize()
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    with storing(f"the database {path} cannot be made", hint="choose another directory with --data-dir"):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.unlink(missing_ok=True)
        try:
            write_file(draft, content)
            with suppress(FileExistsError):
                path.hardlink_to(draft)
        finally:
            draft.unlink(missing_ok=True)
        sync_directory(path.parent)
