"""Many candles out of SQLite at once.

A Python object for each number takes twice the time of all else. So SQLite copies the rows into a table in memory, in
which each has the same length, and NumPy reads the pages of that table. See https://www.sqlite.org/fileformat2.html,
sections 1.6 and 2.1.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np

from autopilot.domain.candles import FloatArray

SLICE = 50_000
"""Rows that are copied at a time: 3 MB."""
_PAGE = 1 << 16
_LEAF = 13
_WIDTH = 6
_FIRST_ROWID = 1 << 21
"""From here to 2^28 a row's number takes four bytes."""
_HEADER = bytes([1 + _WIDTH, *[7] * _WIDTH])
"""Of a row: its own length, and seven for each number that is a float of eight bytes."""
_BEFORE = 1 + 4 + len(_HEADER)
_CELL = _BEFORE + 8 * _WIDTH
_MARKS = ", ".join("?" * _WIDTH)


def read_slice(connection: sqlite3.Connection, query: str, given: Sequence[object]) -> FloatArray | None:
    """The rows of a query of six numbers that are not NULL, float64[n, 6], their first column ascending and REAL as all
    others. None within a transaction, and if a page is not as it should be: then they must be read one by one. Raises
    sqlite3.Error."""
    if connection.in_transaction:
        return None
    connection.execute("ATTACH ':memory:' AS bulk")
    try:
        connection.execute(f"PRAGMA bulk.page_size = {_PAGE}")
        connection.execute("CREATE TABLE bulk.numbers (a, b, c, d, e, f)")
        connection.execute(
            f"INSERT INTO bulk.numbers (rowid, a, b, c, d, e, f) VALUES (?, {_MARKS})", (_FIRST_ROWID, *[-0.5] * _WIDTH)
        )
        count = connection.execute(f"INSERT INTO bulk.numbers {query}", given).rowcount
        pages = np.frombuffer(connection.serialize(name="bulk"), dtype=np.uint8).reshape(-1, _PAGE)
    finally:
        connection.execute("DETACH bulk")
    leaves = pages[1:][pages[1:, 0] == _LEAF]
    lengths = (leaves[:, 3].astype(np.int64) << 8) + leaves[:, 4]
    if (lengths * _CELL > _PAGE).any():
        return None
    # Rows are stored from the end of a page to its beginning.
    cells = np.concatenate(
        [page[_PAGE - _CELL * length :].reshape(-1, _CELL)[::-1] for page, length in zip(leaves, lengths, strict=True)]
    )
    numbers = cells[:, _BEFORE:].reshape(-1).view(">f8").reshape(-1, _WIDTH).astype(np.float64)
    is_sound = (
        len(cells) == count + 1
        and (cells[:, 0] == _CELL - 5).all()
        and (cells[:, 5:_BEFORE] == np.frombuffer(_HEADER, dtype=np.uint8)).all()
        and (np.diff(numbers[:, 0]) > 0).all()
    )
    return numbers[1:] if is_sound else None
