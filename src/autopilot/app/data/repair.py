"""The repair of stored candles: missing and damaged ones are fetched from their exchange, and nothing is made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from autopilot.app.data.download import SeriesOutcome, download
from autopilot.app.data.ledger import candle_count, is_due, within
from autopilot.app.data.plan import DownloadPlan, Missing, SeriesPlan, WantedSeries, Ways, chunks_by, plan_of
from autopilot.domain.candle_faults import damaged
from autopilot.domain.candles import Candles, IntArray
from autopilot.domain.coverage import TimeSpan, runs, union
from autopilot.domain.document_types import Document
from autopilot.domain.errors import ExchangeError
from autopilot.domain.holes import judged_holes, without
from autopilot.domain.progress import Progress
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.history import CoverageStore
from autopilot.ports.market_data import CandleStore


class RepairStore(CandleStore, CoverageStore, Protocol):
    """Candles, and what is known of them."""


@dataclass(frozen=True, slots=True)
class SeriesRepair:
    """The candles to fetch of one series, as disjoint spans: ``holes`` that were never tried or are due again, and
    ``damaged`` ones."""

    exchange: str
    symbol: str
    timeframe: Timeframe
    held: Candles
    holes: tuple[TimeSpan, ...]
    damaged: tuple[TimeSpan, ...]

    @property
    def span(self) -> TimeSpan:
        """From the candle before the first stored one on: the beginning of the history is not looked for."""
        step_ms = self.timeframe.ms
        return TimeSpan(int(self.held.open_at_ms[0]) - step_ms, self.held.last_at_ms + step_ms)


def needed_repair(store: RepairStore, exchange: str, symbol: str, timeframe: Timeframe, now_ms: int) -> SeriesRepair:
    """Of stored candles. Raises StoreError."""
    held = store.load_candles(exchange, symbol, timeframe)
    gaps = store.gaps(exchange, symbol, timeframe)
    holes = judged_holes(held, gaps)
    due = union(gap.span for gap in gaps if is_due(gap, now_ms))
    again = without(holes.unsettled, without(holes.unsettled, due))
    wrong = held.open_at_ms[damaged(held)].tolist()
    return SeriesRepair(exchange, symbol, timeframe, held, union([*holes.unasked, *again]), runs(wrong, timeframe.ms))


async def plan_repair(repairs: Sequence[SeriesRepair], ways: Ways, store: RepairStore) -> DownloadPlan:
    """The chunks that hold them. An exchange's error is part of the plan. Raises StoreError."""
    return plan_of([await _plan(each, ways, store) for each in repairs], ways)


async def repair_series(
    repairs: Sequence[SeriesRepair], plan: DownloadPlan, ways: Ways, store: RepairStore, progress: Progress, now_ms: int
) -> Document:
    """Fetch the plan of ``repairs``. Errors of an exchange are part of the result. Raises StoreError."""
    done = await download(plan, ways, store, progress, now_ms)
    series = [_mended(each, outcome, store) for each, outcome in zip(repairs, done.series, strict=True)]
    return {"series": series, "requests": done.requests, "complete": not any(each["unreachable"] for each in series)}


def planned_document(repairs: Sequence[SeriesRepair], plan: DownloadPlan) -> Document:
    """``{"series": [{exchange, symbol, timeframe, missing, damaged, unreachable}…], "requests", "seconds"}``."""
    return {
        "series": [
            {**_needed(each), "unreachable": _unreachable(each, one.missing)}
            for each, one in zip(repairs, plan.series, strict=True)
        ],
        "requests": sum(each.requests for each in plan.efforts),
        "seconds": plan.seconds,
    }


def without_ways(needed: SeriesRepair, error: ExchangeError) -> Document:
    """The result for a series whose exchange cannot be asked at all."""
    unreachable = _unreachable(needed, [Missing(needed.span, error)])
    nothing = dict.fromkeys(("fetched", "corrected", "unchanged", "nonexistent"), 0)
    return {**_needed(needed), **nothing, "unreachable": unreachable}


async def _plan(needed: SeriesRepair, ways: Ways, store: RepairStore) -> SeriesPlan:
    """What is to be fetched counts as not covered: so the answer says of each candle whether it exists."""
    key = needed.exchange, needed.symbol, needed.timeframe
    spans = union([*needed.holes, *needed.damaged])
    covered = without(union(each.span for each in store.covered(*key)), spans)
    chunks, rest = await chunks_by(ways[needed.exchange], needed.symbol, needed.timeframe, spans)
    wanted = WantedSeries(*key, needed.span)
    return SeriesPlan(wanted, covered, store.gaps(*key), spans, chunks, rest)


def _needed(repair: SeriesRepair) -> Document:
    return {
        "exchange": repair.exchange,
        "symbol": repair.symbol,
        "timeframe": repair.timeframe.value,
        "missing": candle_count(repair.holes, repair.timeframe),
        "damaged": candle_count(repair.damaged, repair.timeframe),
    }


def _mended(needed: SeriesRepair, outcome: SeriesOutcome, store: RepairStore) -> Document:
    """What became of the candles: ``fetched`` of the missing, ``corrected`` of the damaged. ``unchanged``: the exchange
    has the same damaged candle, or no other. ``nonexistent``: the missing that it does not have either."""
    now = store.load_candles(needed.exchange, needed.symbol, needed.timeframe)
    step_ms = needed.timeframe.ms
    present = runs(now.open_at_ms.tolist(), step_ms)
    fetched = tuple(part for hole in needed.holes for part in within(present, hole))
    unreachable = _unreachable(needed, outcome.missing)
    open_at_ms = _wrong_times(needed)
    still = open_at_ms[_equal(needed.held, now, open_at_ms)]
    lost = union(each.span for each in outcome.missing)
    unchanged = without(runs(still.tolist(), step_ms), lost)
    left = without(without(needed.holes, union(fetched)), lost)
    return {
        **_needed(needed),
        "fetched": candle_count(fetched, needed.timeframe),
        "corrected": len(open_at_ms) - len(still),
        "unchanged": candle_count(unchanged, needed.timeframe),
        "nonexistent": candle_count(left, needed.timeframe),
        "unreachable": unreachable,
    }


def _wrong_times(needed: SeriesRepair) -> IntArray:
    step_ms = needed.timeframe.ms
    times = [at_ms for span in needed.damaged for at_ms in range(span.from_ms, span.to_ms, step_ms)]
    return np.array(times, dtype=np.int64)


def _equal(before: Candles, now: Candles, open_at_ms: IntArray) -> list[bool]:
    """Whether each of these candles has the numbers that it had."""
    old, new = np.searchsorted(before.open_at_ms, open_at_ms), np.searchsorted(now.open_at_ms, open_at_ms)
    return [
        np.array_equal(before.candle(int(one)), now.candle(int(other)), equal_nan=True)
        for one, other in zip(old, new, strict=True)
    ]


def _unreachable(needed: SeriesRepair, missing: Sequence[Missing]) -> list[Document]:
    """The needed parts that could not be fetched, by the reason."""
    spans = union([*needed.holes, *needed.damaged])
    by_reason: dict[str, list[Missing]] = {}
    for each in missing:
        by_reason.setdefault(str(each.error), []).append(each)
    found = []
    for same in by_reason.values():
        parts = [part for each in same for part in within(spans, each.span)]
        if parts:
            found.append(
                {
                    "from_ms": min(part.from_ms for part in parts),
                    "to_ms": max(part.to_ms for part in parts),
                    "candles": candle_count(parts, needed.timeframe),
                    "error": same[0].error.document(),
                }
            )
    return found
