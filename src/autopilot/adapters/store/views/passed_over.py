"""The candles that were passed over, as `PassedDocument`s. Standard library only."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from autopilot.domain.document_types import Document

_OF_SERIES = "account = :account AND symbol = :symbol AND timeframe = :timeframe"
_SINCE_DECIDED = f"""
SELECT * FROM passed_candles WHERE {_OF_SERIES} AND last_at_ms > coalesce(
    (SELECT max(candle_at_ms) FROM decisions WHERE {_OF_SERIES}), -1
) ORDER BY last_at_ms DESC LIMIT 1
"""
_LISTED = """
SELECT * FROM passed_candles WHERE last_at_ms >= :since_ms AND last_at_ms < coalesce(:before_ms, last_at_ms + 1)
    AND symbol = coalesce(:symbol, symbol) ORDER BY last_at_ms DESC LIMIT :limit
"""
_LAST_OF_SYMBOL = "SELECT * FROM passed_candles WHERE symbol = ? ORDER BY last_at_ms DESC LIMIT 1"


def passed_since_decided(connection: sqlite3.Connection, series: Document) -> Document | None:
    """The latest ones after the last decision on the ``account``, ``symbol`` and ``timeframe`` of ``series``."""
    row = connection.execute(_SINCE_DECIDED, {name: series[name] for name in ("account", "symbol", "timeframe")})
    return _document(row.fetchone())


def last_passed(connection: sqlite3.Connection, symbol: str) -> Document | None:
    """The latest ones of a symbol."""
    return _document(connection.execute(_LAST_OF_SYMBOL, (symbol,)).fetchone())


def passed_beside(
    connection: sqlite3.Connection, symbol: str | None, since_ms: int, before_ms: int | None, limit: int
) -> Sequence[Document]:
    """At most ``limit``, the latest first, whose last candle opened in [since_ms, before_ms)."""
    bounds = {"symbol": symbol, "since_ms": since_ms, "before_ms": before_ms, "limit": limit}
    return [dict(row) for row in connection.execute(_LISTED, bounds)]


def _document(row: sqlite3.Row | None) -> Document | None:
    return dict(row) if row else None
