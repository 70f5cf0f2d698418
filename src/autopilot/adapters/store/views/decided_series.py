"""SQL that finds decisions by time. Only one index serves it, by series and candle: each index costs every decision a
page to write. Standard library only."""

from __future__ import annotations

_SERIES = """
WITH RECURSIVE series (account, symbol, timeframe) AS (
    SELECT * FROM (SELECT account, symbol, timeframe FROM decisions ORDER BY account, symbol, timeframe LIMIT 1)
    UNION ALL
    SELECT after.account, after.symbol, after.timeframe FROM series CROSS JOIN decisions AS after ON after.rowid = (
        SELECT rowid FROM decisions
        WHERE (account, symbol, timeframe) > (+series.account, +series.symbol, +series.timeframe)
        ORDER BY account, symbol, timeframe LIMIT 1
    )
)
"""
"""Account, symbol and timeframe of all decisions. It jumps from one series to the next in the index. The plus signs
take the affinity away: with it, SQLite compares only the first column by the index."""


def newest_of_each(columns: str, conditions: str = "1", limit: str = "1") -> str:
    """SELECT the newest ``limit`` decisions ``d`` of each ``series`` that meet the conditions on columns of decisions.
    A WHERE or ORDER BY of ``d`` and ``series`` may follow."""
    return f"""{_SERIES}
SELECT {columns} FROM series CROSS JOIN decisions AS d ON d.rowid IN (
    SELECT rowid FROM decisions
    WHERE account = series.account AND symbol = series.symbol AND timeframe = series.timeframe AND {conditions}
    ORDER BY candle_at_ms DESC LIMIT {limit}
)"""
