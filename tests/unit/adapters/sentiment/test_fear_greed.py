"""The Fear & Greed index: answered at once, refreshed behind the caller's back, never a reason to fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiohttp import web
from fake_clock import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from autopilot.adapters.sentiment.fear_greed import FIRST_RETRY_MS, PUBLISHED_MS, REFRESH_MS, FearGreed, read_index
from autopilot.domain.errors import StoreUnavailable
from autopilot.domain.sentiment import SentimentSeries, news_of
from autopilot.domain.timeframe import DAY_MS, HOUR_MS

TODAY_MS = 20_000 * DAY_MS
NOW_MS = TODAY_MS + 7_000_000
MONTH_AGO_MS = TODAY_MS - 30 * DAY_MS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class MemoryStore:
    """A SentimentStore that remembers what was written, and fails on request."""

    def __init__(self, days: dict[int, float] | None = None, *, broken: bool = False) -> None:
        self.series = as_series(days or {})
        self.written: list[dict[int, float]] = []
        self.broken = broken

    def save_sentiment(self, series: SentimentSeries) -> None:
        if self.broken:
            raise StoreUnavailable("the disk is full")
        assert series.name == "fear_greed"
        self.written.append(as_dict(series))
        self.series = self.series.with_news(series)

    def load_sentiment(self, name: str, since_ms: int, until_ms: int) -> SentimentSeries:
        if self.broken:
            raise StoreUnavailable("the database is locked")
        assert name == "fear_greed"
        return self.series.between(since_ms, until_ms)


class Site:
    """A loopback stand-in for alternative.me; ``answer`` can be changed at any time."""

    def __init__(self, answer: Handler) -> None:
        self.answer = answer
        self.asked = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        return await self.answer(request)


@asynccontextmanager
async def serving(answer: Handler) -> AsyncIterator[tuple[Site, str]]:
    site = Site(answer)
    app = web.Application()
    app.router.add_get("/fng/", site.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield site, f"http://{host}:{port}/fng/?limit=0&format=json"
    finally:
        await runner.cleanup()


def saying(body: str | bytes, status: int = 200, content_type: str = "application/json") -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        raw = body.encode() if isinstance(body, str) else body
        return web.Response(body=raw, status=status, content_type=content_type)

    return answer


def index(days: dict[int, object]) -> str:
    """As the site words it, newest first."""
    rows = [
        {"value": value, "value_classification": "Fear", "timestamp": str(at_ms // 1000)}
        for at_ms, value in sorted(days.items(), reverse=True)
    ]
    return json.dumps({"name": "Fear and Greed Index", "data": rows, "metadata": {"error": None}})


def as_series(days: dict[int, float]) -> SentimentSeries:
    at_ms = sorted(days)
    return SentimentSeries("fear_greed", np.array(at_ms, dtype=np.int64), np.array([days[at] for at in at_ms]))


def as_dict(series: SentimentSeries) -> dict[int, float]:
    return dict(zip(series.known_at_ms.tolist(), series.value.tolist(), strict=True))


async def refreshed() -> None:
    """Wait for what goes on behind the caller's back."""
    tasks = [task for task in asyncio.all_tasks() if task.get_name() == "fear and greed index"]
    if tasks:
        await asyncio.wait(tasks)


async def ask(source: FearGreed) -> dict[int, float]:
    return as_dict(await source.series("BTC/USD", MONTH_AGO_MS, NOW_MS))


async def test_the_first_answer_is_what_is_stored_and_the_next_has_the_news() -> None:
    store = MemoryStore({TODAY_MS - DAY_MS: 20.0, TODAY_MS - 2 * DAY_MS: 10.0})
    async with serving(saying(index({TODAY_MS: "40", TODAY_MS - DAY_MS: "20"}))) as (_, url):
        source = FearGreed(store, url=url, clock=FakeClock(NOW_MS))
        assert await ask(source) == {TODAY_MS - 2 * DAY_MS: 10.0, TODAY_MS - DAY_MS: 20.0}
        await refreshed()
        expected = {TODAY_MS - 2 * DAY_MS: 10.0, TODAY_MS - DAY_MS: 20.0, TODAY_MS: 40.0}
        assert await ask(source) == expected
        assert store.written == [{TODAY_MS: 40.0}]
        later = FearGreed(store, url="http://127.0.0.1:1/", clock=FakeClock(NOW_MS))
        assert await ask(later) == expected
        await source.close()
        await later.close()


def value_at(series: SentimentSeries, moment_ms: int) -> float:
    return float(series.at(np.array([moment_ms], dtype=np.int64))[0])


async def test_a_value_that_came_late_decides_nothing_before_it_came() -> None:
    store = MemoryStore({TODAY_MS - DAY_MS: 25.0})
    async with serving(saying(index({TODAY_MS: "40", TODAY_MS - DAY_MS: "25"}))) as (_, url):
        source = FearGreed(store, url=url, clock=FakeClock(NOW_MS))
        await ask(source)
        await refreshed()
        before = await source.series("BTC/USD", MONTH_AGO_MS, NOW_MS - 1)
        assert as_dict(before) == {TODAY_MS - DAY_MS: 25.0}
        known = await source.series("BTC/USD", MONTH_AGO_MS, NOW_MS + DAY_MS)
        stored = store.load_sentiment("fear_greed", 0, NOW_MS)
        for series in (known, stored):
            assert [value_at(series, at) for at in (TODAY_MS, NOW_MS - 1, NOW_MS)] == [25.0, 25.0, 40.0]
        assert np.isnan(value_at(known, TODAY_MS + 3 * DAY_MS + 1)), "its age counts from its publication"
        await source.close()


async def test_a_value_revised_later_leaves_earlier_decisions_as_they_were() -> None:
    clock, store = FakeClock(NOW_MS), MemoryStore({TODAY_MS: 40.0})
    async with serving(saying(index({TODAY_MS: "55"}))) as (site, url):
        source = FearGreed(store, url=url, clock=clock)
        await ask(source)
        await refreshed()
        for series in (await source.series("BTC/USD", MONTH_AGO_MS, NOW_MS), store.series):
            assert [value_at(series, at) for at in (TODAY_MS, NOW_MS - 1, NOW_MS)] == [40.0, 40.0, 55.0]
        for answer, again in (({TODAY_MS: "55"}, 1), ({TODAY_MS + DAY_MS: "60", TODAY_MS: "57"}, 2)):
            site.answer = saying(index(answer))
            clock.at_ms += DAY_MS
            await ask(source)
            await refreshed()
            assert len(store.written) == again
        assert store.written[-1] == {TODAY_MS + DAY_MS: 60.0}, "an older day keeps the value that was seen"
        await source.close()


async def test_the_past_counts_from_its_publication() -> None:
    days: dict[int, object] = {TODAY_MS - day * DAY_MS: str(day) for day in range(30)}
    async with serving(saying(index(days))) as (_, url):
        source = FearGreed(MemoryStore(), url=url, clock=FakeClock(NOW_MS))
        await ask(source)
        await refreshed()
        known = await source.series("BTC/USD", MONTH_AGO_MS, NOW_MS)
        assert value_at(known, TODAY_MS - 20 * DAY_MS) == 20.0
        assert np.isnan(value_at(known, NOW_MS - 1)), "nothing was known before the first download"
        assert value_at(known, NOW_MS) == 0.0
        await source.close()


async def test_the_new_day_is_asked_for_when_it_begins_and_again_while_it_is_late() -> None:
    clock, store = FakeClock(TODAY_MS - HOUR_MS), MemoryStore()
    yesterday = saying(index({TODAY_MS - DAY_MS: "40"}))
    async with serving(yesterday) as (site, url):
        source = FearGreed(store, url=url, clock=clock)

        async def asked_at(at_ms: int) -> int:
            clock.at_ms = at_ms
            await ask(source)
            await refreshed()
            return site.asked

        assert await asked_at(TODAY_MS - HOUR_MS) == 1
        assert await asked_at(TODAY_MS + PUBLISHED_MS - 1) == 1
        assert await asked_at(TODAY_MS + PUBLISHED_MS) == 2
        at_ms = TODAY_MS + PUBLISHED_MS
        for number, pause_min in enumerate((5, 10, 20, 40, 60, 60), start=2):
            at_ms += pause_min * 60_000
            assert await asked_at(at_ms - 1) == number
            assert await asked_at(at_ms) == number + 1
        site.answer = saying(index({TODAY_MS: "50"}))
        at_ms += HOUR_MS
        assert await asked_at(at_ms) == 9
        assert await asked_at(at_ms + REFRESH_MS - 1) == 9
        await source.close()


@given(
    st.lists(
        st.tuples(
            st.integers(1, 60),
            st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=4),
        ),
        min_size=1,
        max_size=14,
    )
)
def test_a_replay_has_at_each_moment_the_value_that_was_seen_then(
    steps: list[tuple[int, list[tuple[int, int]]]],
) -> None:
    """Each step: hours since the one before, and the days of the site's answer: how old, and with which value."""
    now_ms, held = TODAY_MS, SentimentSeries.neutral("fear_greed")
    lived: list[tuple[int, float]] = []
    for hours, days in steps:
        moments = [now_ms + hour * HOUR_MS for hour in range(hours)]
        lived += [(moment_ms, value_at(held.between(0, now_ms), moment_ms)) for moment_ms in moments]
        now_ms += hours * HOUR_MS
        today_ms = now_ms - now_ms % DAY_MS
        answer = as_series({today_ms - age * DAY_MS: float(value) for age, value in days})
        held = held.with_news(news_of(held, answer, now_ms, 0 if len(held.value) else TODAY_MS))
    begun = [each for each in lived if each[0] >= TODAY_MS + steps[0][0] * HOUR_MS]
    again = held.at(np.array([at_ms for at_ms, _ in begun], dtype=np.int64))
    np.testing.assert_array_equal(again, [value for _, value in begun])


async def test_it_is_asked_for_once_in_a_few_hours_and_written_only_when_it_is_new() -> None:
    clock, store = FakeClock(NOW_MS), MemoryStore()
    async with serving(saying(index({TODAY_MS: "40"}))) as (site, url):
        source = FearGreed(store, url=url, clock=clock)
        for _ in range(5):
            await ask(source)
            await refreshed()
        assert site.asked == 1
        clock.at_ms += REFRESH_MS - 1
        await ask(source)
        await refreshed()
        assert site.asked == 1
        clock.at_ms += 1
        await ask(source)
        await refreshed()
        assert site.asked == 2
        assert store.written == [{TODAY_MS: 40.0}]
        clock.at_ms -= 365 * DAY_MS
        await ask(source)
        await refreshed()
        assert site.asked == 3, "a wall clock put back does not stop the refresh"
        await source.close()


GARBAGE = [
    pytest.param(saying("<html>sorry</html>", content_type="text/html"), id="html"),
    pytest.param(saying("<html>down</html>", 500, "text/html"), id="500"),
    pytest.param(saying("", 429), id="429"),
    pytest.param(saying("", 403), id="403"),
    pytest.param(saying(""), id="empty"),
    pytest.param(saying("null"), id="null"),
    pytest.param(saying("[]"), id="list"),
    pytest.param(saying('{"data": 5}'), id="data is a number"),
    pytest.param(saying('{"data": []}'), id="no days"),
    pytest.param(saying('{"data": {"a": 1}}'), id="data is an object"),
    pytest.param(saying("[" * 200_000), id="deep"),
    pytest.param(saying(b"\xff\xfe\x00{"), id="not text"),
    pytest.param(saying('{"data": [{"value": "40", "timesta'), id="truncated"),
    pytest.param(saying(index({TODAY_MS: "101", TODAY_MS - DAY_MS: "nan"})), id="impossible values"),
    pytest.param(saying(b" " * 5_000_000), id="huge"),
]


@pytest.mark.parametrize("answer", GARBAGE)
async def test_a_useless_answer_leaves_what_is_known_and_backs_off(
    answer: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    clock, store = FakeClock(NOW_MS), MemoryStore({TODAY_MS: 33.0})
    async with serving(answer) as (site, url):
        source = FearGreed(store, url=url, clock=clock)
        await ask(source)
        await refreshed()
        assert await ask(source) == {TODAY_MS: 33.0}
        assert store.written == []
        assert site.asked == 1
        assert caplog.text.count("cannot be downloaded") == 1
        for wait_ms in (FIRST_RETRY_MS, 2 * FIRST_RETRY_MS):
            clock.at_ms += wait_ms - 1
            await ask(source)
            await refreshed()
            before = site.asked
            clock.at_ms += 1
            await ask(source)
            await refreshed()
            assert site.asked == before + 1
        site.answer = saying(index({TODAY_MS: "50"}))
        clock.at_ms += REFRESH_MS
        await ask(source)
        await refreshed()
        assert store.written == [{TODAY_MS + 1: 50.0}]
        await source.close()


async def test_days_that_make_no_sense_are_left_out() -> None:
    days: dict[int, object] = {TODAY_MS - day * DAY_MS: "50" for day in range(4)}
    days |= {TODAY_MS - DAY_MS: "-1", TODAY_MS - 2 * DAY_MS: None, TODAY_MS - 3 * DAY_MS: 7.5}
    assert as_dict(read_index(index(days).encode())) == {TODAY_MS - 3 * DAY_MS: 7.5, TODAY_MS: 50.0}


@pytest.mark.parametrize("hangs", ["before it answers", "within the answer"])
async def test_a_site_that_hangs_delays_nobody(hangs: str) -> None:
    released = asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if hangs == "within the answer":
            await response.prepare(request)
            await response.write(b'{"data": [')
        await released.wait()
        return response

    async with serving(hang) as (site, url):
        source = FearGreed(MemoryStore({TODAY_MS: 33.0}), url=url, timeout_s=0.1, clock=FakeClock(NOW_MS))
        assert await ask(source) == {TODAY_MS: 33.0}
        await refreshed()
        assert await ask(source) == {TODAY_MS: 33.0}
        assert site.asked == 1
        released.set()
        await source.close()


async def test_closing_ends_a_refresh_under_way_and_begins_no_other() -> None:
    asked, released = asyncio.Event(), asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        asked.set()
        await released.wait()
        return web.Response()

    async with serving(hang) as (site, url):
        source = FearGreed(MemoryStore(), url=url, timeout_s=60.0, clock=FakeClock(NOW_MS))
        await ask(source)
        await asked.wait()
        await source.close()
        released.set()
        assert await ask(source) == {}
        await refreshed()
        assert site.asked == 1


async def test_nobody_answers_and_nothing_is_stored() -> None:
    source = FearGreed(MemoryStore(), url="http://127.0.0.1:1/", clock=FakeClock(NOW_MS))
    assert await ask(source) == {}
    await refreshed()
    assert await ask(source) == {}
    await source.close()


async def test_a_broken_store_does_not_keep_the_index_from_being_used(caplog: pytest.LogCaptureFixture) -> None:
    clock, store = FakeClock(NOW_MS), MemoryStore(broken=True)
    async with serving(saying(index({TODAY_MS: "40"}))) as (_, url):
        source = FearGreed(store, url=url, clock=clock)
        assert await ask(source) == {}
        await refreshed()
        assert await ask(source) == {TODAY_MS: 40.0}
        assert "the disk is full" in caplog.text
        store.broken = False
        clock.at_ms += REFRESH_MS
        await ask(source)
        await refreshed()
        assert store.written == [{TODAY_MS: 40.0}], "what could not be written is written later"
        await source.close()


async def test_an_index_without_a_new_day_is_stale_by_the_calendar() -> None:
    clock, store = FakeClock(NOW_MS), MemoryStore({TODAY_MS: 33.0})
    source = FearGreed(store, url="http://127.0.0.1:1/", clock=clock)
    assert source.stale() is None, "nobody asked for it"
    await ask(source)
    await refreshed()
    clock.at_ms = TODAY_MS + 30 * HOUR_MS
    assert source.stale() is None
    clock.at_ms += 1
    stale = source.stale()
    assert stale is not None
    assert (stale.since_ms, stale.counts) == (TODAY_MS + 30 * HOUR_MS, True)
    assert "its latest value is that of 2024-10-04; it is still used" in stale.words
    clock.at_ms = TODAY_MS + 3 * DAY_MS + 1
    stale = source.stale()
    assert stale is not None
    assert "no opinion" in stale.words
    await source.close()


async def test_an_index_that_never_came_is_stale_from_the_first_failure_on() -> None:
    source = FearGreed(MemoryStore(), url="http://127.0.0.1:1/", clock=FakeClock(NOW_MS))
    await ask(source)
    assert source.stale() is None, "it is being downloaded"
    await refreshed()
    stale = source.stale()
    assert stale is not None
    assert (stale.last_day_ms, stale.since_ms, stale.counts) == (None, NOW_MS, False)
    await source.close()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "value", "timestamp", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.binary(max_size=40) | st.builds(lambda days: json.dumps({"data": days}).encode(), JSON))
def test_any_bytes_are_the_index_or_a_value_error(answer: bytes) -> None:
    try:
        series = read_index(answer)
    except ValueError:
        return
    assert len(series.known_at_ms) == len(series.value) > 0
    assert (np.diff(series.known_at_ms) > 0).all()
    assert (series.known_at_ms % DAY_MS == 0).all()
    assert ((series.value >= 0) & (series.value <= 100)).all()
