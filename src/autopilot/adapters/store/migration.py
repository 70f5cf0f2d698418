"""The steps that bring a database to this version, and the making of a new one."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

from autopilot.adapters.durable_file import storing, sync_directory, write_file
from autopilot.adapters.lock import LOCK_NAME, holder
from autopilot.adapters.store.early_positions import without_fee_coins
from autopilot.adapters.store.named_candles import move_named_candles
from autopilot.adapters.store.schema import APPLICATION_ID
from autopilot.domain.errors import StoreUnavailable

QUIET_S = 1.0
"""A shorter migration is not spoken of."""
SAID_EVERY_S = 2.0

log = logging.getLogger(__name__)
"""Says how far a long migration is. Without a handler it goes to standard error."""


class MigrationProgress:
    """Logs how far a long migration is: from time to time how many candles have been moved, and before each long wait
    for the disk that it begins."""

    def __init__(self) -> None:
        self._due_s = time.monotonic() + QUIET_S
        self._has_spoken = False

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + SAID_EVERY_S
            self._say(f"{done:,} of {total:,} candles ({100 * done // total} %)")
        if done == total and self._has_spoken:
            self._say("all candles are moved, and written to the disk")

    def is_written(self) -> None:
        """The transaction is on the disk, in the WAL."""
        if self._has_spoken:
            self._say("the last step")

    def _say(self, text: str) -> None:
        self._has_spoken = True
        log.warning("bringing the database up to date: %s", text)


def migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[str], progress: MigrationProgress) -> None:
    """Apply the missing steps within the connection's transaction. Raises sqlite3.Error, StoreFull; StoreUnavailable
    while the daemon of an older version runs."""
    present = connection.execute("PRAGMA user_version").fetchone()[0]
    if present >= len(migrations):
        return
    require_no_daemon(path)
    _know_functions(connection, path)
    # executescript would commit what is open; all steps are one transaction.
    for statement in _statements(_script(migrations[present:], len(migrations))):
        connection.execute(statement)
    move_named_candles(connection, path, progress)


def create(path: Path, migrations: Sequence[str]) -> None:
    """Write a database made by ``migrations``, for its owner only, unless another process was first.

    It is written under another name and then linked, so that a process that dies midway leaves no partial database.
    Raises StoreUnavailable.
    """
    with closing(sqlite3.connect(":memory:")) as memory:
        _know_functions(memory, path)
        memory.executescript(_script(migrations))
        move_named_candles(memory, path, MigrationProgress())
        memory.execute("VACUUM")
        content = memory.serialize()
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    with storing(f"the database {path} cannot be created", hint="choose another directory with --data-dir"):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.unlink(missing_ok=True)
        try:
            write_file(draft, content)
            with suppress(FileExistsError):
                path.hardlink_to(draft)
        finally:
            draft.unlink(missing_ok=True)
        sync_directory(path.parent)


def require_no_daemon(path: Path) -> None:
    """Raises StoreUnavailable if another process is the daemon of this database: that of an older version would go on
    with tables that it does not know."""
    daemon = holder(path.with_name(LOCK_NAME))
    if daemon not in (None, os.getpid()):
        raise StoreUnavailable(
            f"the database {path} has an older version, and the daemon of that version (process {daemon}) still runs",
            hint="autopilot restart ends it and brings the database up to date",
        )


def _know_functions(connection: sqlite3.Connection, path: Path) -> None:
    """Let the steps ask the models beside the database what they were trained on, reckon exactly, and add to the audit
    log."""
    from autopilot.adapters.audit_head import HEAD_NAME, write_head
    from autopilot.adapters.models.identity import stored_card
    from autopilot.domain.audit import GENESIS, row_hash

    def begin_anchor() -> None:
        if not path.with_name(HEAD_NAME).exists():
            write_head(path.with_name(HEAD_NAME), GENESIS)

    directory = path.parent / "models"
    connection.create_function("model_card", 2, lambda model_id, sha256: stored_card(directory, model_id, sha256))
    connection.create_function("without_fee_coins", 9, without_fee_coins)
    connection.create_function("audit_hash", 6, row_hash)
    connection.create_function("begin_anchor", 0, begin_anchor)


def _script(steps: Sequence[str], version: int | None = None) -> str:
    marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version or len(steps)}"
    return ";".join([*steps, marks])


def _statements(script: str) -> Iterator[str]:
    """The single statements of ``script``. A trigger contains semicolons, so splitting at them is not enough."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
