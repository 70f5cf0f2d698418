"""The returns of a sample in some fifty bytes, and back, to the last bit. Standard library only: queries read them too.

Two of three returns are zero: one bit each says so, and only the others are stored, as float64. The names of the
strategies are stored once, in the table ``strategy_lists``.
"""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Sequence

from autopilot.adapters.store.rows import from_json, stored_value
from autopilot.domain.errors import StoreCorrupt

RETURNS = "coalesce(s.returns, s.plain_returns), s.strategies"
"""SQL for the two columns of a sample ``s`` that `StoredReturns.of` takes."""
_FLOAT = struct.Struct("<d")
_ZERO = _FLOAT.pack(0.0)


def compact_returns(returns: Sequence[float]) -> bytes:
    """A bit for each return, which is set unless it is 0.0, then those that are not."""
    packed = [_FLOAT.pack(each) for each in returns]
    bits = sum(1 << at for at, each in enumerate(packed) if each != _ZERO)
    return bits.to_bytes(_mask_size(len(returns)), "little") + b"".join(each for each in packed if each != _ZERO)


def list_id(connection: sqlite3.Connection, strategies: Sequence[str]) -> int:
    """The number of this list of names, within a transaction; it is added if it is new."""
    names = json.dumps(list(strategies), separators=(",", ":"))
    connection.execute("INSERT INTO strategy_lists (names) VALUES (?) ON CONFLICT DO NOTHING", (names,))
    found: int = connection.execute("SELECT id FROM strategy_lists WHERE names = ?", (names,)).fetchone()[0]
    return found


class StoredReturns:
    """Reads the returns of samples over a connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._names: dict[int, tuple[str, ...]] = {}

    def of(self, stored: bytes | str, strategies: int | None) -> dict[str, float]:
        """By strategy, from the columns `RETURNS`. Raises StoreCorrupt."""
        if isinstance(stored, str):
            plain: dict[str, float] = from_json(stored)
            return plain
        with stored_value("sample"):
            names = self._list(strategies)
            size = _mask_size(len(names))
            bits, floats = (
                int.from_bytes(stored[:size], "little"),
                [each for (each,) in _FLOAT.iter_unpack(stored[size:])],
            )
            if bits.bit_count() != len(floats) or bits >> len(names):
                raise ValueError(f"{len(floats)} returns other than zero")
            left = iter(floats)
            return {name: next(left) if bits >> at & 1 else 0.0 for at, name in enumerate(names)}

    def _list(self, number: int | None) -> tuple[str, ...]:
        if number not in self._names:
            rows = self._connection.execute("SELECT id, names FROM strategy_lists")
            self._names = {row[0]: tuple(from_json(row[1])) for row in rows}
        return self._names[number or 0]


def know_returns(connection: sqlite3.Connection) -> None:
    """Let SQL call ``sample_returns(returns, strategies)``, which gives JSON; for a spoiled sample
    ``{"unreadable": why}``."""
    stored = StoredReturns(connection)

    def as_json(returns: bytes | str | None, strategies: int | None) -> str | None:
        try:
            return json.dumps(stored.of(returns, strategies)) if isinstance(returns, bytes) else returns
        except StoreCorrupt as error:
            return json.dumps({"unreadable": str(error)})

    connection.create_function("sample_returns", 2, as_json)


def _mask_size(count: int) -> int:
    return (count + 7) // 8
