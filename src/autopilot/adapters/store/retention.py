"""Deletes old decisions, a few at a time, and keeps those that something else still needs.

Kept for ever: decisions with a signal or an order, denied ones, the first of each UTC day, the first and the last of
each stretch that one model decided, and those on a short or joined history, which `parity` cannot make again. So every
day, every model and the begin of every series remain known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from autopilot.adapters.store.database import Store, open_database
from autopilot.adapters.store.decision_columns import MODEL_ID, ON_OTHER_CANDLES
from autopilot.domain.account import exchange_of
from autopilot.domain.market import CandleKind, MarketKind
from autopilot.domain.timeframe import DAY_MS, Timeframe

STEP_ROWS = 100
"""Decisions looked at in one step, which holds the database for some milliseconds."""
_MATURITY_MS = 2 * DAY_MS
"""After this the outcome of a decision is known: a horizon, and the wait for the candle that shows it."""
_SERIES = "SELECT account, symbol, timeframe, max(candle_at_ms) FROM decisions GROUP BY account, symbol, timeframe"
_NEEDED_SINCE = "SELECT min(created_at_ms) FROM models WHERE is_champion = 1 AND kind = ? AND timeframe = ?"
_PRUNED_UNTIL = "SELECT until_ms FROM pruned_decisions WHERE account = ? AND symbol = ? AND timeframe = ?"
_REFERRED = " UNION ".join(
    f"SELECT decision_id FROM {table} WHERE decision_id IS NOT NULL" for table in ("orders", "positions", "round_trips")
)
_ROWS = f"""
SELECT rowid, id, candle_at_ms, decided_at_ms / {DAY_MS},
    signal_type <> 'none' OR denied_code IS NOT NULL OR order_id IS NOT NULL OR {ON_OTHER_CANDLES},
    CASE decided_by WHEN 'model' THEN {MODEL_ID} END
FROM decisions AS d WHERE account = ? AND symbol = ? AND timeframe = ? AND candle_at_ms"""
_BEFORE = f"{_ROWS} < ? ORDER BY candle_at_ms DESC LIMIT 1"
_FROM = f"{_ROWS} >= ? ORDER BY candle_at_ms LIMIT {STEP_ROWS + 1}"
_MARK = """
INSERT INTO pruned_decisions VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
SET until_ms = excluded.until_ms, decisions = decisions + excluded.decisions
"""
_Series = tuple[str, str, str]
"""Account, symbol and timeframe."""


@dataclass(frozen=True, slots=True)
class _Decided:
    """``model_id``: of the model that decided, None if the rules did."""

    rowid: int
    id: str
    candle_at_ms: int
    day: int
    is_special: int
    model_id: str | None


def prune_decisions(path: Path, keep_days: int, pause: Callable[[], bool]) -> int:
    """Delete the decisions on real markets that are older than ``keep_days``, counted back from the newest decision of
    their series. Returns their number. ``pause`` is called between two steps and says whether to go on. What was done
    before a crash stays done, and the next call goes on from there. Raises StoreError."""
    with closing(open_database(path)) as database:
        retention = _Retention(database)
        deleted = 0
        for series, until_ms in retention.due(keep_days):
            for step in retention.steps(series, until_ms):
                deleted += step
                if not pause():
                    return deleted
    return deleted


class _Retention(Store):
    def due(self, keep_days: int) -> list[tuple[_Series, int]]:
        """Each series on a real market, and the time before which its decisions are old. A stored market lives in a
        time of its own, and all its decisions are the result of one run."""
        return [
            ((row[0], row[1], row[2]), self._until_ms(Timeframe(row[2]), row[3] - keep_days * DAY_MS - _MATURITY_MS))
            for row in self._database.rows(_SERIES)
            if MarketKind.of(exchange_of(row[0])) is MarketKind.REAL
        ]

    def steps(self, series: _Series, until_ms: int) -> Iterator[int]:
        """Prune step by step. Yields the number of deleted decisions of each."""
        referred = {row[0] for row in self._database.rows(_REFERRED)}
        marked = self._database.row(_PRUNED_UNTIL, series)
        at_ms = marked[0] if marked else 0
        while at_ms < until_ms:
            before, found = self._rows(_BEFORE, series, at_ms), self._rows(_FROM, series, at_ms)
            # The row after the last one is only looked at.
            old = [each for each in found[:-1] if each.candle_at_ms < until_ms]
            if not old:
                return
            earlier: list[_Decided | None] = [*before] or [None]
            triples = zip([*earlier, *old], old, found[1:], strict=False)
            spare = (each for last, each, after in triples if _is_spare(each, last, after))
            deleted = [each.rowid for each in spare if each.id not in referred]
            at_ms = old[-1].candle_at_ms + 1
            self._delete(series, at_ms, deleted)
            yield len(deleted)

    def _rows(self, sql: str, series: _Series, at_ms: int) -> list[_Decided]:
        return [_Decided(*row) for row in self._database.rows(sql, (*series, at_ms))]

    def _until_ms(self, timeframe: Timeframe, old_ms: int) -> int:
        """The earlier one of ``old_ms`` and the first decision of a present champion, whose drift needs all of them."""
        needed = self._database.row(_NEEDED_SINCE, (CandleKind.REAL.value, timeframe.value))
        return old_ms if needed is None or needed[0] is None else min(old_ms, needed[0] - timeframe.ms)

    def _delete(self, series: _Series, until_ms: int, rowids: Sequence[int]) -> None:
        with self._database.transaction(durable=False) as connection:
            connection.executemany("DELETE FROM decisions WHERE rowid = ?", ((each,) for each in rowids))
            connection.execute(_MARK, (*series, until_ms, len(rowids)))


def _is_spare(decided: _Decided, before: _Decided | None, after: _Decided) -> bool:
    """Whether nothing needs the decision; ``before`` and ``after`` are its neighbors in the series."""
    if decided.is_special or before is None or before.day != decided.day:
        return False
    return decided.model_id is None or before.model_id == decided.model_id == after.model_id
