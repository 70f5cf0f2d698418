"""Downloads into a real database from a history that is known: what exists is stored, once, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_clock import FakeClock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from listed_history import ListedHistory

from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.app.data import download as module
from autopilot.app.data.download import Downloaded, download
from autopilot.app.data.ledger import ASK_AGAIN_MS, candle_count
from autopilot.app.data.plan import WantedSeries, plan_download
from autopilot.domain.candles import Candles
from autopilot.domain.coverage import Gap, GapReason, TimeSpan, Way, union
from autopilot.domain.errors import ExchangeError, HistoryUnavailable, MarketUnavailable, StoreLocked
from autopilot.domain.progress import unwatched
from autopilot.domain.timeframe import DAY_MS, MINUTE_MS, Timeframe
from autopilot.ports.history import FetchedChunk, HistoryChunk

M1 = Timeframe.M1
BEGIN_MS = 1_700_000_000 // 60 * 60_000
NOW_MS = BEGIN_MS + 1_000 * DAY_MS
LENGTH = 60


class Gone(BaseException):
    """The process ends here."""


class Restless(FakeClock):
    """Passes a minute with every look, so that no pause lasts."""

    def now_ms(self) -> int:
        self.at_ms += MINUTE_MS
        return self.at_ms


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteCandles]:
    with closing(open_database(tmp_path / "autopilot.db")) as database:
        yield SqliteCandles(database)


def minutes(first: int, end: int) -> TimeSpan:
    return TimeSpan(BEGIN_MS + first * MINUTE_MS, BEGIN_MS + end * MINUTE_MS)


def candles(*numbers: int) -> Candles:
    at_ms = BEGIN_MS + np.array(sorted(numbers), dtype=np.int64) * MINUTE_MS
    price = 100.0 + at_ms % 7
    return Candles.from_arrays(M1, at_ms, price, price + 1, price - 1, price, np.ones(len(at_ms)))


def history(*numbers: int, **more: Any) -> ListedHistory:
    return ListedHistory(candles(*numbers), more.pop("gives", minutes(0, LENGTH)), **more)


def stored(store: SqliteCandles, symbol: str = "BTC/USD", exchange: str = "there") -> set[int]:
    held = store.load_candles(exchange, symbol, M1)
    return set(((held.open_at_ms - BEGIN_MS) // MINUTE_MS).tolist())


def gaps(store: SqliteCandles) -> list[Gap]:
    return list(store.gaps("there", "BTC/USD", M1))


async def run(
    store: SqliteCandles,
    *ways: ListedHistory,
    span: TimeSpan | None = None,
    now_ms: int = NOW_MS,
    symbols: Sequence[str] = ("BTC/USD",),
    progress: Any = unwatched,
) -> Downloaded:
    wanted = [WantedSeries("there", symbol, M1, span or minutes(0, LENGTH)) for symbol in symbols]
    plan = await plan_download(wanted, {"there": ways}, store, now_ms)
    return await download(plan, {"there": ways}, store, progress, now_ms, steady=Restless())


async def test_all_candles_are_stored_and_nothing_is_fetched_twice(store: SqliteCandles) -> None:
    way = history(*range(LENGTH))
    found = await run(store, way, symbols=("BTC/USD", "ETH/USD"))
    assert stored(store) == stored(store, "ETH/USD") == set(range(LENGTH))
    assert set(way.asked.values()) == {2}, "each page once for each symbol"
    assert not found.unmet
    assert [each.candles for each in found.series] == [LENGTH, LENGTH]
    again = await run(store, way, symbols=("BTC/USD", "ETH/USD"))
    assert again.requests == 0


async def test_a_page_without_candles_counts_when_it_came_twice(store: SqliteCandles) -> None:
    class Flaky(ListedHistory):
        """Gives no candles of a time at first."""

        async def fetch(self, chunk: HistoryChunk) -> FetchedChunk:
            answer = await super().fetch(chunk)
            if chunk.span.from_ms == minutes(20, 30).from_ms and self.asked[chunk.span] == 1:
                answer = FetchedChunk(Candles.empty(M1), chunk.span)
            return replace(answer, is_doubtful=not len(answer.candles))

    way = Flaky(candles(*range(40), 59), minutes(0, LENGTH))
    await run(store, way)
    assert stored(store) == {*range(40), 59}
    assert union(each.span for each in gaps(store)) == (minutes(40, 59),)
    assert [way.asked[minutes(at, at + 10)] for at in range(0, LENGTH, 10)] == [1, 1, 2, 1, 2, 1]


@pytest.mark.parametrize("is_reached", [True, False])
async def test_what_a_file_lacks_is_asked_for_by_pages(store: SqliteCandles, is_reached: bool) -> None:
    archive = history(*range(10), *range(25, LENGTH), way=Way.ARCHIVE, page=LENGTH)
    pages = history(*range(20), *range(23, LENGTH))
    pages.refuses = None if is_reached else MarketUnavailable("not from this country")
    found = await run(store, archive, pages)
    assert not found.unmet
    known = minutes(20, 23) if is_reached else minutes(10, 25)
    assert stored(store) == set(range(LENGTH)) - {
        (at - BEGIN_MS) // MINUTE_MS for at in range(known.from_ms, known.to_ms, MINUTE_MS)
    }
    assert union(each.span for each in gaps(store)) == (known,)
    assert sum(pages.asked.values()) == (3 if is_reached else 0), "two pages, and one day in which the market began"
    assert (await run(store, archive, pages)).requests == 0


async def test_a_database_that_another_program_holds_is_waited_for(
    store: SqliteCandles, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, tries = store.save_covered, iter(range(100))

    def held(*arguments: Any) -> int:
        if next(tries) % module.LOCKED_TRIES != module.LOCKED_TRIES - 1:
            raise StoreLocked("held")
        return save(*arguments)

    monkeypatch.setattr(store, "save_covered", held)
    await run(store, history(*range(LENGTH)))
    assert stored(store) == set(range(LENGTH))
    monkeypatch.setattr(module, "LOCKED_TRIES", 3)
    tries = iter([0, 1, 0, 1])
    with pytest.raises(StoreLocked):
        await run(store, history(*range(LENGTH)), symbols=["ETH/USD"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
@given(st.sets(st.integers(0, LENGTH - 1)), st.lists(st.sets(st.integers(0, 5)), max_size=3), st.integers(1, 8))
async def test_whatever_is_refused_comes_later_and_never_twice(
    tmp_path_factory: pytest.TempPathFactory, truth: set[int], refusals: list[set[int]], page: int
) -> None:
    with closing(open_database(tmp_path_factory.mktemp("data") / "autopilot.db")) as database:
        store, way = SqliteCandles(database), history(LENGTH, *truth, page=page, gives=minutes(0, LENGTH + 1))
        for refused in [*refusals, set[int]()]:
            down = {minutes(number * 10, number * 10 + 10).from_ms for number in refused}
            way.fails = lambda chunk, down=down: (  # type: ignore[misc]
                MarketUnavailable("down") if chunk.span.from_ms // (10 * MINUTE_MS) * 10 * MINUTE_MS in down else None
            )
            await run(store, way, span=minutes(0, LENGTH + 1))
        assert stored(store) == truth | {LENGTH}
        holes = set(range(LENGTH)) - truth
        assert sum(candle_count([each.span], M1) for each in gaps(store)) == len(holes)
        with_candles = [
            span
            for span, times in way.asked.items()
            if times > 1 and len(way.candles.since(span.from_ms).until(span.to_ms - 1))
        ]
        assert with_candles == []


async def test_a_gap_is_asked_for_once_more_and_is_knowledge_then(store: SqliteCandles) -> None:
    way = history(*range(20), *range(25, LENGTH))
    await run(store, way)
    assert [(each.span, each.tries, each.reason) for each in gaps(store)] == [(minutes(20, 25), 1, GapReason.NO_TRADES)]
    assert (await run(store, way)).requests == 0
    later_ms = NOW_MS + ASK_AGAIN_MS
    assert (await run(store, way, now_ms=later_ms)).requests == 1
    assert [(each.tries, each.next_try_at_ms) for each in gaps(store)] == [(2, None)]
    assert (await run(store, way, now_ms=later_ms + 1000 * DAY_MS)).requests == 0


async def test_candles_that_come_late_close_their_gap(store: SqliteCandles) -> None:
    await run(store, history(*range(20), *range(25, LENGTH)))
    await run(store, history(*range(LENGTH)), now_ms=NOW_MS + ASK_AGAIN_MS)
    assert stored(store) == set(range(LENGTH))
    assert gaps(store) == []


async def test_what_is_stored_and_the_exchange_does_not_have_any_more_stays(store: SqliteCandles) -> None:
    store.save_candles("there", "BTC/USD", candles(*range(10, 14)), Way.IMPORT)
    await run(store, history(*range(10), *range(14, LENGTH), page=60))
    assert stored(store) == set(range(LENGTH))
    assert gaps(store) == []


async def test_the_latest_pages_come_first(store: SqliteCandles) -> None:
    way, order = history(*range(LENGTH)), []
    way.requests_per_s = 0.1
    way.fails = lambda chunk: order.append(chunk.span.from_ms)
    await run(store, way)
    assert order[1:] == sorted(order[1:], reverse=True), "after the search for the beginning"


@pytest.mark.parametrize("has_days", [True, False])
async def test_a_listing_costs_few_requests_and_is_known_from_then_on(store: SqliteCandles, has_days: bool) -> None:
    length = 100_000
    way = history(*range(98_000, length), page=10, gives=minutes(0, length), has_days=has_days)
    found = await run(store, way, span=minutes(0, length))
    assert stored(store) == set(range(98_000, length))
    assert found.requests <= 200 + (150 if has_days else 40), "at most a day of empty pages beside the search"
    assert {(each.reason, each.next_try_at_ms) for each in gaps(store)} >= {(GapReason.NOT_LISTED, None)}
    assert not found.unmet
    assert (await run(store, way, span=minutes(0, length))).requests == 0


async def test_a_market_without_any_candle_is_said_and_not_believed(store: SqliteCandles) -> None:
    found = await run(
        store, history(gives=minutes(0, 10_000)), span=minutes(0, 10_000), now_ms=minutes(0, 10_000).to_ms
    )
    assert [str(missing.error) for _, missing in found.unmet] == [
        "there has no 1m candle of BTC/USD since 2023-11-14 22:13Z"
    ]
    assert found.requests < 40
    assert gaps(store) == []


async def test_the_newest_candle_may_come_later(store: SqliteCandles) -> None:
    now_ms = minutes(0, LENGTH).to_ms + 1_000
    found = await run(store, history(*range(LENGTH - 1)), now_ms=now_ms)
    assert not found.unmet
    assert gaps(store) == []
    await run(store, history(*range(LENGTH)), now_ms=now_ms)
    assert stored(store) == set(range(LENGTH))


@pytest.mark.parametrize("after_ms", [0, 5 * MINUTE_MS, 16 * MINUTE_MS])
async def test_a_silent_end_is_a_gap_but_for_the_newest_candles(store: SqliteCandles, after_ms: int) -> None:
    """And a failure is reported whenever it happens."""
    now_ms = minutes(0, LENGTH).to_ms + after_ms
    way = history(*range(20))
    await run(store, way, now_ms=now_ms)
    assert union(each.span for each in gaps(store)) == (minutes(20, min(LENGTH, LENGTH - 15 + after_ms // MINUTE_MS)),)
    way.refuses = MarketUnavailable("down")
    found = await run(store, way, span=minutes(-LENGTH, LENGTH), now_ms=now_ms)
    assert [missing.span.from_ms for _, missing in found.unmet] == [minutes(-LENGTH, 0).from_ms]


async def test_history_that_the_exchange_does_not_give_is_said_and_entered_into_the_ledger(
    store: SqliteCandles,
) -> None:
    way = history(*range(LENGTH), gives=minutes(40, LENGTH))
    found = await run(store, way)
    assert [missing.span for _, missing in found.unmet] == [minutes(0, 40)]
    assert [(each.span, each.reason) for each in gaps(store)] == [(minutes(0, 40), GapReason.BEYOND_HISTORY)]
    again = await run(store, way)
    assert again.requests == 0
    assert [missing.span for _, missing in again.unmet] == [minutes(0, 40)]


async def test_trades_give_what_pages_do_not(store: SqliteCandles) -> None:
    pages = history(*range(LENGTH), gives=minutes(40, LENGTH))
    await run(store, pages)
    found = await run(store, pages, history(*range(LENGTH), way=Way.TRADES, page=7))
    assert not found.unmet
    assert stored(store) == set(range(LENGTH))
    assert [each.way for each in store.covered("there", "BTC/USD", M1)] == [Way.TRADES, Way.PAGES]


@pytest.mark.parametrize("error", [HistoryUnavailable("no such file"), MarketUnavailable("down")])
async def test_pages_take_the_place_of_an_archive_that_fails(store: SqliteCandles, error: ExchangeError) -> None:
    archive = history(*range(LENGTH), way=Way.ARCHIVE, page=30, gives=minutes(0, 30))
    archive.fails = lambda _: error
    found = await run(store, archive, history(*range(LENGTH)))
    assert not found.unmet
    assert stored(store) == set(range(LENGTH))


async def test_what_is_refused_for_good_is_a_gap_of_its_own_kind(store: SqliteCandles) -> None:
    way = history(*range(LENGTH))
    way.fails = lambda chunk: HistoryUnavailable("never") if chunk.span == minutes(20, 30) else None
    found = await run(store, way)
    assert [(str(missing.error), missing.span) for _, missing in found.unmet] == [("never", minutes(20, 30))]
    assert [(each.span, each.reason) for each in gaps(store)] == [(minutes(20, 30), GapReason.REFUSED)]


async def test_an_exchange_that_never_answers_is_given_up_soon(store: SqliteCandles) -> None:
    way = history(*range(LENGTH))
    way.fails = lambda _: MarketUnavailable("down")
    found = await run(store, way)
    assert found.requests <= 3
    assert [(str(missing.error), missing.span) for _, missing in found.unmet] == [("down", minutes(0, LENGTH))]
    assert gaps(store) == []


async def test_a_failure_now_and_then_is_made_up_for(store: SqliteCandles) -> None:
    random, way = np.random.default_rng(1), history(*range(LENGTH), page=1)
    way.fails = lambda _: MarketUnavailable("busy") if random.random() < 0.3 else None
    assert not (await run(store, way)).unmet
    assert stored(store) == set(range(LENGTH))


async def test_a_pause_that_the_exchange_demands_is_no_failure(store: SqliteCandles) -> None:
    refused = iter([True] * 12)
    way = history(*range(LENGTH), page=LENGTH)
    way.fails = lambda _: MarketUnavailable("wait", retry_after_s=120.0) if next(refused, False) else None
    assert not (await run(store, way)).unmet
    assert stored(store) == set(range(LENGTH))


async def test_a_ban_ends_the_download_at_once(store: SqliteCandles) -> None:
    way = history(*range(LENGTH))
    way.fails = lambda _: MarketUnavailable("banned", retry_after_s=3_600.0)
    found = await run(store, way)
    assert found.requests == 1
    assert [str(missing.error) for _, missing in found.unmet] == ["banned"]


@pytest.mark.parametrize(("rate", "most"), [(0.2, 2), (5.0, 11), (1000.0, 64)])
async def test_as_many_are_under_way_as_keep_the_limit_busy(store: SqliteCandles, rate: float, most: int) -> None:
    way = history(*range(100), page=1, gives=minutes(0, 100), requests_per_s=rate)
    await run(store, way, span=minutes(0, 100), symbols=("BTC/USD", "ETH/USD"))
    assert way.most_under_way == most


async def test_an_end_at_any_moment_loses_no_committed_page(store: SqliteCandles) -> None:
    way = history(*range(LENGTH), requests_per_s=0.1)

    def dies_at(step: int) -> Callable[..., None]:
        def progress(stage: str, done: int, total: int, detail: str = "") -> None:
            if done >= step:
                raise Gone

        return progress

    for step in (1, 1, 1):
        with pytest.raises(Gone):
            await run(store, way, progress=dies_at(step))
        assert len(asyncio.all_tasks()) == 1, "nothing goes on"
    await run(store, way)
    assert stored(store) == set(range(LENGTH))
    assert sum(way.asked.values()) <= 6 + 3, "six pages, and at most one on its way at each end"


async def test_a_long_archive_file_is_stored_in_parts(store: SqliteCandles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAVED_AT_ONCE", 7)
    written: list[TimeSpan] = []
    save = store.save_covered

    def counted(*given: Any) -> int:
        written.append(given[3].span)
        return save(*given)

    monkeypatch.setattr(store, "save_covered", counted)
    await run(store, history(*range(LENGTH), page=LENGTH, way=Way.ARCHIVE))
    assert written == [minutes(at, min(at + 7, LENGTH)) for at in range(0, LENGTH, 7)]
    assert stored(store) == set(range(LENGTH))


async def test_another_exchange_lends_what_is_missing(store: SqliteCandles) -> None:
    own, other = history(*range(LENGTH), gives=minutes(40, LENGTH)), replace(history(*range(LENGTH)), exchange="other")
    ways = {"there": [own], "other": [other]}
    wanted = [
        WantedSeries("there", "BTC/USD", M1, minutes(0, LENGTH)),
        WantedSeries("other", "BTC/USD", M1, minutes(0, 43)),
    ]
    plan = await plan_download(wanted, ways, store, NOW_MS)
    found = await download(plan, ways, store, unwatched, NOW_MS)
    assert not found.unmet
    assert stored(store) == set(range(40, LENGTH))
    assert stored(store, exchange="other") == set(range(43))
