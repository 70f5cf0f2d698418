"""Group commit: small transactions of an offline market, joined and committed together a moment later.

A commit costs more than the rows it writes. A transaction that is not grouped commits the group before it begins, so a
crash always leaves everything up to one moment.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from autopilot.domain.errors import StoreError

GROUP_S = 0.03
"""The longest life of a group. Nobody else can write meanwhile."""
PAUSE_S = 0.01
"""After a group no other begins for so long, so that others get to write between two."""

log = logging.getLogger(__name__)


class CommitGroup:
    """Decides when transactions are joined. ``later(seconds, run)`` calls ``run`` after so many seconds, as the event
    loop's `call_later` does."""

    def __init__(
        self, later: Callable[[float, Callable[[], None]], object], now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._later = later
        self._now_s = now_s
        self._next_s = 0.0
        self._has_failed = False

    def is_open(self) -> bool:
        """Whether a transaction may join a group now. After a group that could not be committed none does until one is
        committed by itself: otherwise a full disk would lose group after group without an error in any cycle."""
        return not self._has_failed and self._now_s() >= self._next_s

    def ended(self, *, well: bool) -> None:
        """A transaction was committed, by itself or with a group, or undone."""
        self._has_failed = not well

    def begin(self, commit: Callable[[], None]) -> None:
        """A group has begun, which ``commit`` ends."""

        def end() -> None:
            self._next_s = self._now_s() + PAUSE_S
            try:
                commit()
            except StoreError as error:
                log.warning("the latest decisions could not be stored, and are made again: %s", error)

        self._later(GROUP_S, end)


@contextmanager
def committed(connection: sqlite3.Connection, group: CommitGroup | None = None) -> Iterator[None]:
    """Commit the open transaction at the end, or undo all of it. ``group`` hears of it."""
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if group:
            group.ended(well=False)
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    if group:
        group.ended(well=True)


def commit(connection: sqlite3.Connection, group: CommitGroup | None = None) -> None:
    """Commit the open transaction, if there is one. Of a closed connection there is none."""
    with suppress(sqlite3.ProgrammingError):
        if connection.in_transaction:
            with committed(connection, group):
                pass


@contextmanager
def savepoint(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, within the transaction that is open."""
    connection.execute("SAVEPOINT joined")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK TO joined")
            connection.execute("RELEASE joined")
        raise
    connection.execute("RELEASE joined")
