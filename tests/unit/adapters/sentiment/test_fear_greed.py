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

from autopilot.adapters.sentiment.fear_greed import FIRST_RETRY_MS, REFRESH_MS, FearGreed, read_index
from autopilot.domain.errors import StoreUnavailable
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS

TODAY_MS = 20_000 * DAY_MS
NOW_MS = TODAY_MS + 7_000_000
MONTH_AGO_MS = TODAY_MS - 30 * DAY_MS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class MemoryStore:
    """A SentimentStore that remembers what was written, and fails on request."""

    def __init__(self, days: dict[int, float] | None = None, *, broken: bool = False) -> None:
        self.days = dict(days or {})
        self.written: list[dict[int, float]] = []
        self.broken = broken

    def save_sentiment(self, series: SentimentSeries) -> None:
        if self.broken:
            raise StoreUnavailable("the disk is full")
        assert series.name == "fear_greed"
        self.written.append(as_dict(series))
        self.days |= as_dict(series)

    def load_sentiment(self, name: str, since_ms: int, until_ms: int) -> SentimentSeries:
        if self.broken:
            raise StoreUnavailable("the database is locked")
        days = {at: self.days[at] for at in sorted(self.days) if since_ms <= at <= until_ms}
        return SentimentSeries(name, np.array(list(days), dtype=np.int64), np.array(list(days.values()), dtype=float))


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
    async with serving(saying(index({TODAY_MS: "40", TODAY_MS - DAY_MS: "25"}))) as (_, url):
        source = FearGreed(store, url=url, clock=FakeClock(NOW_MS))
        assert await ask(source) == {TODAY_MS - 2 * DAY_MS: 10.0, TODAY_MS - DAY_MS: 20.0}
        await refreshed()
        expected = {TODAY_MS - 2 * DAY_MS: 10.0, TODAY_MS - DAY_MS: 25.0, TODAY_MS: 40.0}
        assert await ask(source) == expected
        assert store.written == [{TODAY_MS - DAY_MS: 25.0, TODAY_MS: 40.0}]
        later = FearGreed(store, url="http://127.0.0.1:1/", clock=FakeClock(NOW_MS))
        assert await ask(later) == expected
        await source.close()
        await later.close()


async def test_a_day_counts_from_its_midnight_and_not_before() -> None:
    async with serving(saying(index({TODAY_MS: "40", TODAY_MS - DAY_MS: "25"}))) as (_, url):
        source = FearGreed(MemoryStore(), url=url, clock=FakeClock(NOW_MS))
        await ask(source)
        await refreshed()
        before = await source.series("BTC/USD", MONTH_AGO_MS, TODAY_MS - 1)
        assert as_dict(before) == {TODAY_MS - DAY_MS: 25.0}
        assert before.at(np.array([TODAY_MS - 1], dtype=np.int64)).tolist() == [25.0]
        at_midnight = await source.series("BTC/USD", MONTH_AGO_MS, TODAY_MS)
        assert at_midnight.at(np.array([TODAY_MS], dtype=np.int64)).tolist() == [40.0]
        await source.close()


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
        assert await ask(source) == {TODAY_MS: 50.0}
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
