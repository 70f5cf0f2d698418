"""Whatever an exchange does with a request for a page: no candle is missed, and no hole is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from fake_clock import FakeClock, exchange_clock
from hypothesis import given, settings
from hypothesis import strategies as st

from autopilot.adapters.exchange.history.page_rules import PageRules
from autopilot.adapters.exchange.history.page_way import PageWay
from autopilot.adapters.exchange.public_exchange import PublicExchange
from autopilot.domain.coverage import TimeSpan, missing
from autopilot.domain.timeframe import HOUR_MS, Timeframe

BEGIN_MS = 1_700_006_400_000 - 10_000 * HOUR_MS
H1 = Timeframe.H1
LIMIT = 12
"""The candles of a page, as ccxt states them: some of the exchanges give fewer."""


@dataclass(frozen=True)
class Habits:
    """``kept``: the end of a window that a short answer keeps, "old" or "new". Without ``has_end`` an answer goes on
    beyond the other end. ``most``: rows of an answer; ``longest``: length of the window that it looks at, in candles.
    ``without_first`` and ``without_last``: whether it leaves out the ends. ``repeats``: whether a row comes twice."""

    kept: str
    has_end: bool
    most: int
    longest: int
    without_first: bool
    without_last: bool
    newest_first: bool
    repeats: bool


class Odd:
    """The part of `PublicExchange` that `PageWay` uses, of an exchange with ``habits`` and candles at ``times``."""

    name = "odd"
    requests_per_s = 1_000.0
    timeframes = ("1h",)

    def __init__(self, habits: Habits, times: list[int], now_ms: int) -> None:
        self.habits, self.times, self.requests = habits, times, 0
        self.clock = exchange_clock("odd", FakeClock(now_ms))

    async def open(self) -> Odd:
        return self

    async def require_timeframe(self, timeframe: Timeframe) -> None: ...

    async def description(self, symbol: str) -> None: ...

    def hear(self, *arguments: Any) -> None: ...

    async def page_rules(self, symbol: str) -> PageRules:
        return PageRules(limit=LIMIT)

    @asynccontextmanager
    async def asking_for(self, symbol: str, timeframe: Timeframe) -> AsyncIterator[None]:
        yield

    async def ask(self, symbol: str, timeframe: Timeframe, since_ms: int, count: int) -> list[list[float]]:
        self.requests += 1
        habits, end_ms = self.habits, since_ms + count * HOUR_MS
        from_ms = since_ms + (HOUR_MS if habits.without_first else 0)
        to_ms = end_ms - (HOUR_MS if habits.without_last else 0)
        if habits.kept == "old":
            until_ms = min(to_ms, from_ms + habits.longest * HOUR_MS) if habits.has_end else 2**60
            found = [at_ms for at_ms in self.times if from_ms <= at_ms < until_ms][: min(habits.most, count)]
        else:
            begin_ms = max(from_ms, to_ms - habits.longest * HOUR_MS) if habits.has_end else 0
            found = [at_ms for at_ms in self.times if begin_ms <= at_ms < to_ms][-min(habits.most, count) :]
        if habits.repeats and habits.kept == "old":
            found = [*found[:1], *found][: min(habits.most, count)]
        elif habits.repeats:
            found = [*found, *found[-1:]][-min(habits.most, count) :]
        return [[at_ms, 2.0, 3.0, 1.0, 2.0, 1.0] for at_ms in (reversed(found) if habits.newest_first else found)]


habits = st.builds(
    Habits,
    kept=st.sampled_from(["old", "new"]),
    has_end=st.booleans(),
    most=st.integers(4, 2 * LIMIT),
    longest=st.integers(5, 100),
    without_first=st.booleans(),
    without_last=st.booleans(),
    newest_first=st.booleans(),
    repeats=st.booleans(),
)
steps = st.lists(st.sampled_from([1, 1, 1, 1, 1, 2, 3, 5, 11, 40]), min_size=20, max_size=120)


@settings(max_examples=50, deadline=None)
@given(habits, steps, st.integers(0, 30))
def test_no_candle_is_missed_and_no_hole_is_made(habits: Habits, steps: list[int], before: int) -> None:
    times = [BEGIN_MS]
    for step in [*steps, *[1] * LIMIT]:
        times.append(times[-1] + step * HOUR_MS)
    odd = Odd(habits, times, times[-1] + HOUR_MS // 2)
    span = TimeSpan(times[0] - before * HOUR_MS, times[-1])
    found, known = asyncio.run(_download(odd, span))
    assert found == times[:-1]
    assert missing(span, known) == ()
    assert odd.requests < 6 * (times[-1] - span.from_ms) // HOUR_MS / min(LIMIT - 2, habits.most) + 20


async def _download(odd: Odd, span: TimeSpan) -> tuple[list[int], list[TimeSpan]]:
    way = PageWay(cast(PublicExchange, odd))
    found: list[int] = []
    known: list[TimeSpan] = []
    lacking: tuple[TimeSpan, ...] = (span,)
    while lacking:
        for chunk in await way.chunks("BTC/USD", H1, lacking):
            fetched = await way.fetch(chunk)
            assert fetched.known
            found += fetched.candles.open_at_ms.tolist()
            known.append(fetched.known)
        lacking = missing(span, known)
    return sorted(found), known
