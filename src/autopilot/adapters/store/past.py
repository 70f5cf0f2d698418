"""What the limits ask of the round trips, at every decision: each question is answered by an index."""

from __future__ import annotations

_OF_SYMBOL = "FROM round_trips WHERE account = ?1 AND symbol = ?2"
_LAST = "ORDER BY closed_at_ms DESC LIMIT 1"
HISTORY = (
    f"SELECT (SELECT closed_at_ms {_OF_SYMBOL} AND exit_purpose = ?3 {_LAST}),"
    f" (SELECT closed_at_ms {_OF_SYMBOL} AND CAST(net AS REAL) < 0 {_LAST}),"
    f" (SELECT closed_at_ms {_OF_SYMBOL} {_LAST})"
)
LOSSES_IN_A_ROW = (
    f"WITH gain AS (SELECT closed_at_ms, id {_OF_SYMBOL} AND CAST(net AS REAL) >= 0"
    " ORDER BY closed_at_ms DESC, id DESC LIMIT 1)"
    f" SELECT count(*) {_OF_SYMBOL} AND (closed_at_ms, id) >"
    " (coalesce((SELECT closed_at_ms FROM gain), 0), coalesce((SELECT id FROM gain), 0))"
)
# The index begins with the symbol: each one is looked up by itself, found from the one before.
RECENT = (
    "WITH RECURSIVE traded (symbol) AS ("
    " SELECT min(symbol) FROM round_trips WHERE account = ?1 UNION ALL"
    " SELECT (SELECT min(symbol) FROM round_trips WHERE account = ?1 AND symbol > traded.symbol)"
    " FROM traded WHERE traded.symbol IS NOT NULL)"
    " SELECT round_trips.* FROM traded CROSS JOIN round_trips USING (symbol)"
    " WHERE account = ?1 AND closed_at_ms >= ?2 ORDER BY closed_at_ms, id"
)
