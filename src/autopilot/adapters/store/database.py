"""One SQLite file: opened with care, migrated, and written in transactions that say how durable they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from autopilot.adapters.store.errors import store_errors
from autopilot.adapters.store.schema import APPLICATION_ID, MIGRATIONS
from autopilot.domain.errors import StoreCorrupt, StoreTooNew, StoreUnavailable

BUSY_TIMEOUT_S = 5.0


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
    """Open or create, bring the schema up to date, look for damage.

    Raises StoreCorrupt, StoreTooNew, StoreUnavailable. A file of ours that was cut to nothing is damage, a new one is
    made. Damage is looked for in the structure (``quick_check``), which takes about a second for each gigabyte.
    """
    if path.exists() and path.stat().st_size == 0:
        raise StoreCorrupt(f"the database {path} is empty", hint="restore a backup, or remove the file to begin anew")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StoreUnavailable(
            f"the directory {path.parent} cannot be made: {error.strerror}", hint="choose another with --data-dir"
        ) from error
    with store_errors(path):
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    database = Database(path, connection)
    try:
        with store_errors(path):
            connection.row_factory = sqlite3.Row
            _check(connection, path, len(migrations))
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
        _migrate(database, migrations)
    except BaseException:
        connection.close()
        raise
    path.chmod(0o600)
    return database


@contextmanager
def open_readonly(path: Path) -> Iterator[sqlite3.Connection]:
    """For queries, beside a running daemon or without one. Raises StoreError."""
    if not path.exists():
        raise StoreUnavailable(f"there is no database at {path}", hint="autopilot start makes one")
    with (
        store_errors(path),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)) as connection,
    ):
        connection.row_factory = sqlite3.Row
        _check(connection, path, len(MIGRATIONS), thoroughly=False)
        yield connection


def _check(connection: sqlite3.Connection, path: Path, version: int, *, thoroughly: bool = True) -> None:
    application_id, found = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if not empty and application_id != APPLICATION_ID:
        raise StoreCorrupt(f"{path} is not a database of Autopilot", hint="choose another directory with --data-dir")
    if found > version:
        raise StoreTooNew(
            f"the database {path} has version {found}, this Autopilot knows up to {version}",
            hint="install the newer Autopilot again, or choose another directory with --data-dir",
        )
    if thoroughly and (verdict := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise StoreCorrupt(f"the database {path} is damaged: {verdict}", hint="restore a backup; nothing was changed")


def _migrate(database: Database, migrations: Sequence[str]) -> None:
    with database.transaction(durable=True) as connection:
        present = connection.execute("PRAGMA user_version").fetchone()[0]
        for step in migrations[present:]:
            # executescript would commit what is open; a step is many statements and one transaction.
            for statement in step.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
