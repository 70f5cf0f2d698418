"""What is missing or damaged is fetched from its exchange, and what the exchange does not have stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from listed_history import ListedHistory

from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.app.data.repair import needed_repair, plan_repair, planned_document, repair_series
from autopilot.domain.candle_faults import damaged
from autopilot.domain.candles import Candles
from autopilot.domain.coverage import TimeSpan, Way
from autopilot.domain.document_types import Document
from autopilot.domain.errors import HistoryUnavailable
from autopilot.domain.holes import judged_holes
from autopilot.domain.progress import unwatched
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, Timeframe

H1 = Timeframe.H1
SERIES = ("there", "BTC/USD", H1)
Random = Callable[..., Candles]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteCandles]:
    with closing(open_database(tmp_path / "a.db")) as database:
        yield SqliteCandles(database)


def without(candles: Candles, places: set[int]) -> Candles:
    kept = np.array([place not in places for place in range(len(candles))])
    names = ("open_at_ms", "open", "high", "low", "close", "volume")
    return Candles(candles.timeframe, *(getattr(candles, name)[kept] for name in names))


def spoiled(candles: Candles, places: set[int]) -> Candles:
    high = candles.high.copy()
    high[sorted(places)] = candles.low[sorted(places)] * 0.5
    return replace(candles, high=high)


def site(candles: Candles) -> ListedHistory:
    return ListedHistory(candles, TimeSpan(int(candles.open_at_ms[0]), candles.last_at_ms + HOUR_MS))


async def mend(store: SqliteCandles, way: ListedHistory, now_ms: int) -> Document:
    needed = needed_repair(store, *SERIES, now_ms)
    ways = {"there": [way]}
    plan = await plan_repair([needed], ways, store)
    planned = planned_document([needed], plan)["series"][0]
    done = (await repair_series([needed], plan, ways, store, unwatched, now_ms))["series"][0]
    assert {name: done[name] for name in ("missing", "damaged")} == {
        name: planned[name] for name in ("missing", "damaged")
    }
    return done


def figures(done: Document) -> dict[str, int]:
    return {name: value for name, value in done.items() if isinstance(value, int)}


async def test_what_the_exchange_has_is_fetched_and_what_it_lacks_becomes_knowledge(
    store: SqliteCandles, random_candles: Random
) -> None:
    real = random_candles(1, 300)
    nonexistent = {100, 101, 200}
    there = without(real, nonexistent)
    held = spoiled(without(real, nonexistent | {50, 51, 52, 250}), {10, 60})
    store.save_candles("there", "BTC/USD", held, Way.IMPORT)
    now_ms = real.last_at_ms + 10 * DAY_MS
    done = await mend(store, site(there), now_ms)
    expected = {"missing": 7, "damaged": 2, "fetched": 4, "corrected": 2, "unchanged": 0, "nonexistent": 3}
    assert figures(done) == expected
    assert done["unreachable"] == []
    mended = store.load_candles(*SERIES)
    for name in ("open_at_ms", "open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(mended, name), getattr(there, name))
    holes = judged_holes(mended, store.gaps(*SERIES))
    assert holes.unasked == ()
    assert sum(span.to_ms - span.from_ms for span in holes.unsettled) == 3 * HOUR_MS

    way = site(there)
    assert figures(await mend(store, way, now_ms))["missing"] == 0
    assert way.asked.total() == 0, "nothing is asked twice"
    later = await mend(store, way, now_ms + 2 * DAY_MS)
    assert figures(later) == {**expected, "missing": 3, "damaged": 0, "fetched": 0, "corrected": 0}
    assert judged_holes(mended, store.gaps(*SERIES)).unsettled == (), "confirmed twice"
    assert figures(await mend(store, site(real), now_ms + 90 * DAY_MS))["missing"] == 0


async def test_a_damaged_candle_stays_if_the_exchange_has_no_better_one(
    store: SqliteCandles, random_candles: Random
) -> None:
    real = random_candles(2, 100)
    held = spoiled(real, {20, 40})
    store.save_candles("there", "BTC/USD", held, Way.IMPORT)
    there = without(spoiled(real, {20}), {40})
    done = await mend(store, site(there), real.last_at_ms + 10 * DAY_MS)
    assert figures(done)["unchanged"] == 2
    mended = store.load_candles(*SERIES)
    assert len(mended) == 100
    assert np.flatnonzero(damaged(mended)).tolist() == [20, 40]


async def test_a_frozen_feed_and_invented_candles_are_replaced(store: SqliteCandles, random_candles: Random) -> None:
    real = random_candles(3, 400)
    held = replace(real, **{name: getattr(real, name).copy() for name in ("open", "high", "low", "close", "volume")})
    for name in ("open", "high", "low", "close", "volume"):
        column = getattr(held, name)
        column[100:150] = column[99]
    held.volume[300:330] = 0.0
    store.save_candles("there", "BTC/USD", held, Way.IMPORT)
    done = await mend(store, site(real), real.last_at_ms + 10 * DAY_MS)
    assert (done["damaged"], done["corrected"], done["unchanged"]) == (80, 80, 0)
    assert not damaged(store.load_candles(*SERIES)).any()


async def test_what_cannot_be_fetched_is_said_with_the_reason(store: SqliteCandles, random_candles: Random) -> None:
    real = random_candles(4, 100)
    store.save_candles("there", "BTC/USD", spoiled(without(real, {5, 70}), {80}), Way.IMPORT)
    begin = int(real.open_at_ms[60])
    way = ListedHistory(real, TimeSpan(begin, real.last_at_ms + HOUR_MS))
    way.fails = lambda chunk: (
        HistoryUnavailable("not today", hint="try later") if chunk.span.to_ms > real.open_at_ms[80] else None
    )
    done = await mend(store, way, real.last_at_ms + 10 * DAY_MS)
    assert figures(done)["fetched"] == 1
    assert figures(done)["corrected"] == 0
    assert [each["candles"] for each in done["unreachable"]] == [1, 1]
    assert "not today" in done["unreachable"][-1]["error"]["message"]
