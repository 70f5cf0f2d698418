"""Results of reading the books, remembered as long as nothing can have changed them.

Only durable transactions write orders, fills, positions, trades and cash, trading modes, models and the audit log. A
cycle asks for them again and again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Result = TypeVar("Result")


class SettledReads:
    """Of one connection. It forgets everything at each durable transaction of it, at each change that was made past
    `changing`, and when another connection, such as that of a command, has committed anything. ``is_alone``: whether
    that was checked since the open transaction began."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[Hashable, Any] = {}
        self._changes = 0
        self._version = -1
        self._is_writing = False
        self.is_alone = False

    def get(self, key: Hashable, read: Callable[[], Result]) -> Result:
        """The result of ``read``, which only reads the books. ``key``: what is read. Raises sqlite3.Error."""
        if self._is_writing:
            return read()
        changes = self._connection.total_changes
        if not (self.is_alone and self._connection.in_transaction):
            version = self._connection.execute("PRAGMA data_version").fetchone()[0]
            # While a transaction of ours is open, no other connection commits.
            self.is_alone = self._connection.in_transaction
            if version != self._version:
                self._known.clear()
                self._version = version
        if changes != self._changes:
            self._known.clear()
            self._changes = changes
        if key not in self._known:
            self._known[key] = read()
        found: Result = self._known[key]
        return found

    @contextmanager
    def changing(self, *, books: bool) -> Iterator[None]:
        """A transaction that changes something; ``books``: also the books."""
        if self._connection.total_changes != self._changes:
            self._known.clear()
        self._is_writing = books
        try:
            yield
        finally:
            self._is_writing = False
            if books:
                self._known.clear()
            self._changes = self._connection.total_changes
