"""The past of every exchange, page by page, by the unmodified ccxt against stand-ins that are as strict as the
exchanges, and against some that lie."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import candle_exchanges
import pytest
from candle_exchanges import EXCHANGES, Ask, CandleExchange, Series
from fake_clock import FakeClock, exchange_clock

from autopilot.adapters.exchange import public_exchange
from autopilot.adapters.exchange.ccxt_setup import open_exchange
from autopilot.adapters.exchange.history.page_way import PageWay
from autopilot.adapters.exchange.public_exchange import PublicExchange
from autopilot.domain.coverage import TimeSpan, missing
from autopilot.domain.errors import HistoryUnavailable, MarketUnavailable
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS, Timeframe
from autopilot.ports.history import FetchedChunk

H1 = Timeframe.H1
THIS_HOUR_MS = 1_700_006_400_000
NOW_MS = THIS_HOUR_MS + 20 * MINUTE_MS
COUNT = 10_000
SYMBOL = "BTC/USDT"
Rows = list[tuple[float, ...]]


def made_rows(count: int, gaps: Mapping[int, int]) -> Rows:
    """``count`` closed candles and an open one. ``gaps``: how many candles there are not before the one of a number,
    counted back from the newest."""
    rng = random.Random(7)
    rows: Rows = []
    at_ms = THIS_HOUR_MS
    for number in range(count + 1):
        opened = 30_000 + rng.randrange(10_000) / 100
        rows.append((at_ms, opened, opened + 20.5, opened - 10.25, opened + 5.0, 1.0 + rng.randrange(1_000) / 8))
        at_ms -= HOUR_MS * (1 + gaps.get(number, 0))
    return rows[::-1]


GAPS = {100: 1, 101: 2, 300: 1, 597: 3, 598: 1, 2_000: 40, 2_500: 250, 4_990: 1, 5_000: 1_200, 6_000: 9, 8_888: 1}
"""Between single candles, at the ends of pages, and longer than a page of many exchanges."""
ROWS = made_rows(COUNT, GAPS)


class Connected:
    """``way`` to the past of ``exchange``, whose newest hour is `THIS_HOUR_MS`."""

    def __init__(self, exchange: CandleExchange, public: PublicExchange, clock: FakeClock) -> None:
        self.exchange, self.public, self.clock = exchange, public, clock
        self.way = PageWay(public)

    async def fetched(self, span: TimeSpan) -> list[FetchedChunk]:
        """As a download does it: what is not known yet is asked for again."""
        found: list[FetchedChunk] = []
        lacking: tuple[TimeSpan, ...] = (span,)
        while lacking:
            for chunk in await self.way.chunks(SYMBOL, H1, lacking):
                fetched = await self.way.fetch(chunk)
                found.append(fetched)
                assert fetched.known, "nothing was learned"
                assert chunk.span.from_ms <= fetched.known.from_ms < fetched.known.to_ms <= chunk.span.to_ms
            lacking = missing(span, [each.known for each in found if each.known])
        return found


Connect = Callable[..., Awaitable[Connected]]


@pytest.fixture
async def connect(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connect]:
    made: list[Connected] = []

    async def to(name: str, ask: Ask, rows: Rows = ROWS, wall_ms: int = NOW_MS, *, paced: bool = False) -> Connected:
        exchange = CandleExchange(ask, rows, NOW_MS)
        await exchange.start()

        async def opened(*arguments: Any, **more: Any) -> Any:
            found = await open_exchange(*arguments, **{**more, "enableRateLimit": paced})
            send, found.timeout_on_exit = found.fetch, 0

            async def fetch(url: str, *rest: Any, **named: Any) -> Any:
                return await send(f"{exchange.url}/{url.split('/', 3)[3]}", *rest, **named)

            async def fetch_markets(params: Any = None) -> Any:
                parts = {"symbol": SYMBOL, "base": "BTC", "quote": "USDT", "baseId": "btc", "quoteId": "usdt"}
                return [
                    found.safe_market_structure({"id": "BTCUSDT", "type": "spot", "spot": True, "info": {}, **parts})
                ]

            found.fetch, found.fetch_markets = fetch, fetch_markets
            return found

        monkeypatch.setattr(public_exchange, "open_exchange", opened)
        clock = FakeClock(wall_ms)
        public = PublicExchange(name, exchange_clock(name, clock), 5.0, needs_coin_list=False, base_url=None)
        made.append(Connected(exchange, public, clock))
        return made[-1]

    yield to
    for each in made:
        await each.way.close()
        await each.exchange.stop()


WHOLE = TimeSpan(int(ROWS[0][0]), THIS_HOUR_MS)


def require_truth(fetched: list[FetchedChunk], rows: Rows, span: TimeSpan) -> None:
    """All closed candles of the span, each once and as the exchange has it, and all of the span known."""
    found = [candle for each in fetched for candle in zip(*vars_of(each), strict=True)]
    wanted = [row for row in rows if span.from_ms <= row[0] < span.to_ms]
    assert sorted(found) == wanted
    assert missing(span, [each.known for each in fetched if each.known]) == ()


def vars_of(fetched: FetchedChunk) -> list[list[float]]:
    names = ("open_at_ms", "open", "high", "low", "close", "volume")
    return [getattr(fetched.candles, name).tolist() for name in names]


@pytest.mark.parametrize("name", EXCHANGES)
async def test_every_exchange_gives_its_whole_past(connect: Connect, name: str) -> None:
    """10,000 candles: none is missing, none comes twice, and holes are known to be holes."""
    connected = await connect(name, EXCHANGES[name])
    fetched = await connected.fetched(WHOLE)
    require_truth(fetched, ROWS, WHOLE)
    limit = 500 if name == "mexc" else (await connected.public.page_rules(SYMBOL)).limit
    pages = (WHOLE.to_ms - WHOLE.from_ms) // HOUR_MS / (limit - 2)
    assert connected.exchange.requests <= pages * 1.25 + 3


def heedless(series: Series, query: Mapping[str, str]) -> Any:
    """The latest 1,000, whatever is asked for."""
    return candle_exchanges.binance(series, {"startTime": str(int(series.rows[-1_000][0])), "limit": "1000"})


def capped_at_first(series: Series, query: Mapping[str, str]) -> Any:
    return candle_exchanges.binance(series, query, 200)


def capped_at_last(series: Series, query: Mapping[str, str]) -> Any:
    found = candle_exchanges.binance(series, query)
    return found[-200:]


def capped_by_time(series: Series, query: Mapping[str, str]) -> Any:
    end_ms = int(query["startTime"]) + 300 * HOUR_MS
    return candle_exchanges.binance(series, {**query, "endTime": str(end_ms)})


def empty_if_large(series: Series, query: Mapping[str, str]) -> Any:
    return candle_exchanges.binance(series, query) if int(query["limit"]) <= 998 else []


def repeating(series: Series, query: Mapping[str, str]) -> Any:
    """The row before the first one comes too, and the first one twice."""
    before = {**query, "startTime": str(int(query["startTime"]) - HOUR_MS)}
    found = candle_exchanges.binance(series, before)
    return [*found[:2], *found[1:-1]]


def newest_first(series: Series, query: Mapping[str, str]) -> Any:
    return candle_exchanges.binance(series, query)[::-1]


def with_the_open_one(series: Series, query: Mapping[str, str]) -> Any:
    found = candle_exchanges.binance(series, query)
    return [*found, candle_exchanges.binance(series, {"startTime": str(THIS_HOUR_MS)})[0]]


def without_ends(series: Series, query: Mapping[str, str]) -> Any:
    begin_ms = int(query["startTime"])
    end_ms = begin_ms + (int(query["limit"]) - 1) * HOUR_MS
    return candle_exchanges.binance(series, {**query, "startTime": str(begin_ms + 1), "endTime": str(end_ms - 1)})


LIARS = (
    capped_at_first,
    capped_at_last,
    capped_by_time,
    empty_if_large,
    repeating,
    newest_first,
    with_the_open_one,
    without_ends,
)


@pytest.mark.parametrize("liar", LIARS, ids=lambda liar: liar.__name__)
async def test_no_lie_makes_a_hole(connect: Connect, liar: Ask) -> None:
    rows = made_rows(3_000, {100: 1, 198: 2, 199: 1, 597: 3, 1_000: 40, 2_000: 180})
    connected = await connect("binance", liar, rows)
    span = TimeSpan(int(rows[0][0]), THIS_HOUR_MS)
    require_truth(await connected.fetched(span), rows, span)


async def test_an_exchange_that_heeds_nothing_is_found_out(connect: Connect) -> None:
    connected = await connect("binance", heedless)
    with pytest.raises(HistoryUnavailable, match="only 1000 1h candles of BTC/USDT, whatever"):
        await connected.fetched(WHOLE)
    recent = TimeSpan(THIS_HOUR_MS - 500 * HOUR_MS, THIS_HOUR_MS)
    require_truth(await connected.fetched(recent), ROWS, recent)


async def test_kraken_gives_its_latest_candles_and_says_so(connect: Connect) -> None:
    connected = await connect("kraken", candle_exchanges.kraken, made_rows(2_000, {}))
    (chunk,) = await connected.way.chunks(SYMBOL, H1, [TimeSpan(THIS_HOUR_MS - 2_000 * HOUR_MS, THIS_HOUR_MS)])
    assert chunk.span == TimeSpan(THIS_HOUR_MS - 719 * HOUR_MS, THIS_HOUR_MS)
    require_truth([await connected.way.fetch(chunk)], made_rows(2_000, {}), chunk.span)
    with pytest.raises(HistoryUnavailable, match="only its latest 720 1h candles: none before 2023-10-1") as error:
        await connected.way.chunks(SYMBOL, H1, [TimeSpan(THIS_HOUR_MS - 2_000 * HOUR_MS, chunk.span.from_ms)])
    assert "autopilot data import" in error.value.hint


@pytest.mark.parametrize("name", ["gemini", "bithumb", "phemex"])
async def test_three_exchanges_are_refused_with_the_reason(connect: Connect, name: str) -> None:
    connected = await connect(name, candle_exchanges.gemini)
    with pytest.raises(
        HistoryUnavailable, match=f"{name} gives its latest 1h candles only, whatever is requested"
    ) as error:
        await connected.fetched(WHOLE)
    assert error.value.hint
    assert connected.exchange.requests == 0


async def test_before_a_market_was_listed_there_is_nothing_and_the_answer_says_until_when(connect: Connect) -> None:
    connected = await connect("binance", candle_exchanges.binance)
    before = TimeSpan(WHOLE.from_ms - 5_000 * HOUR_MS, WHOLE.from_ms - 4_500 * HOUR_MS)
    (fetched,) = await connected.fetched(before)
    assert (len(fetched.candles), fetched.known, fetched.next_at_ms) == (0, before, WHOLE.from_ms)


@pytest.mark.parametrize("ahead_ms", [-3 * 24 * HOUR_MS, -HOUR_MS, 0, HOUR_MS, 3 * 24 * HOUR_MS])
async def test_the_open_candle_is_never_stored_whatever_this_machines_clock_says(
    connect: Connect, ahead_ms: int
) -> None:
    connected = await connect("binance", candle_exchanges.binance, wall_ms=NOW_MS + ahead_ms)
    span = TimeSpan(THIS_HOUR_MS - 400 * HOUR_MS, THIS_HOUR_MS + 100 * HOUR_MS)
    chunks = await connected.way.chunks(SYMBOL, H1, [span])
    fetched = [await connected.way.fetch(chunk) for chunk in chunks]
    # A clock days behind is believed until the exchange states its own: that is late, and never wrong.
    until_ms = THIS_HOUR_MS + (ahead_ms if ahead_ms < -HOUR_MS else 0)
    require_truth(fetched, ROWS, TimeSpan(span.from_ms, until_ms))


async def test_a_span_that_is_not_over_is_known_until_the_last_close(connect: Connect) -> None:
    connected = await connect("binance", candle_exchanges.binance)
    (chunk,) = await connected.way.chunks(SYMBOL, H1, [TimeSpan(THIS_HOUR_MS - 90 * HOUR_MS, THIS_HOUR_MS)])
    open_ended = replace(chunk, span=TimeSpan(chunk.span.from_ms, THIS_HOUR_MS + 5 * HOUR_MS))
    fetched = await connected.way.fetch(open_ended)
    assert fetched.known == chunk.span
    require_truth([fetched], ROWS, chunk.span)
    future = replace(chunk, span=TimeSpan(THIS_HOUR_MS, THIS_HOUR_MS + HOUR_MS))
    assert (await connected.way.fetch(future)).known is None


async def test_candles_off_the_grid_are_refused_and_not_gaps(connect: Connect) -> None:
    shifted = [(row[0] + 20 * MINUTE_MS, *row[1:]) for row in ROWS[:-1]]
    connected = await connect("binance", candle_exchanges.binance, shifted)
    with pytest.raises(HistoryUnavailable, match="no usable 1h candle"):
        await connected.fetched(TimeSpan(THIS_HOUR_MS - 400 * HOUR_MS, THIS_HOUR_MS))


MAINTENANCE = (200, {}, "<html>maintenance</html>")


async def test_a_page_about_maintenance_is_no_gap(connect: Connect) -> None:
    connected = await connect("binance", candle_exchanges.binance)
    (chunk,) = await connected.way.chunks(SYMBOL, H1, [TimeSpan(THIS_HOUR_MS - 90 * HOUR_MS, THIS_HOUR_MS)])
    connected.exchange.answers.append(MAINTENANCE)
    with pytest.raises(MarketUnavailable, match="no JSON"):
        await connected.way.fetch(chunk)
    require_truth([await connected.way.fetch(chunk)], ROWS, chunk.span)


async def fetched_by_turns(connected: Connected, count: int) -> list[FetchedChunk | BaseException]:
    """``count`` pages at the same time."""
    span = TimeSpan(THIS_HOUR_MS - 998 * count * HOUR_MS, THIS_HOUR_MS)
    chunks = await connected.way.chunks(SYMBOL, H1, [span])
    return await asyncio.gather(*map(connected.way.fetch, chunks), return_exceptions=True)


BANNED = '{"code":-1003,"msg":"Way too much request weight used; IP banned until %d. Please use WebSocket."}'
PAUSES: dict[str, tuple[tuple[int, dict[str, str], str], float]] = {
    "seconds": ((429, {"Retry-After": "53"}, "{}"), 53),
    "a date": ((429, {"Retry-After": formatdate(NOW_MS / 1000 + 40, usegmt=True)}, "{}"), 40),
    "a ban": ((418, {}, BANNED % (NOW_MS + 90_000)), 90),
    "a ban of three days": ((418, {"Retry-After": "259200"}, "{}"), 3_600),
    "maintenance": ((503, {"Retry-After": "30"}, "{}"), 30),
    "nothing stated": ((429, {}, "{}"), 1),
    "nonsense": ((429, {"Retry-After": "soon"}, "{}"), 1),
}


@pytest.mark.parametrize("name", PAUSES)
async def test_a_demanded_pause_holds_every_request(
    connect: Connect, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer, pause_s = PAUSES[name]
    connected = await connect("binance", candle_exchanges.binance, paced=True)
    await connected.way.chunks(SYMBOL, H1, [WHOLE])
    connected.exchange.answers.append(answer)
    (refused,) = await fetched_by_turns(connected, 1)
    assert isinstance(refused, MarketUnavailable)
    assert refused.retry_after_s == pytest.approx(pause_s, abs=0.01)
    assert f"no requests for {pause_s:.0f} s" in str(refused)
    before = connected.exchange.requests
    for left_s in (pause_s, 1):
        connected.clock.at_ms = NOW_MS + int(1_000 * (pause_s - left_s))
        for each in await fetched_by_turns(connected, 3):
            assert isinstance(each, MarketUnavailable)
            assert each.retry_after_s == pytest.approx(left_s, abs=0.01)
    assert connected.exchange.requests == before
    connected.clock.at_ms = NOW_MS + int(1_000 * pause_s)
    assert all(isinstance(each, FetchedChunk) for each in await fetched_by_turns(connected, 3))
    assert caplog.text.count("wants fewer requests") == 1


async def test_without_a_stated_pause_each_one_is_longer(connect: Connect) -> None:
    connected = await connect("binance", candle_exchanges.binance, paced=True)
    await connected.way.chunks(SYMBOL, H1, [WHOLE])
    pauses = []
    for _ in range(8):
        connected.exchange.answers.append((429, {}, "{}"))
        (refused,) = await fetched_by_turns(connected, 1)
        assert isinstance(refused, MarketUnavailable)
        pauses.append(refused.retry_after_s)
        connected.clock.at_ms += int(1_000 * (refused.retry_after_s or 0))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_a_request_that_is_too_large_is_asked_again_smaller(connect: Connect) -> None:
    def strict(series: Series, query: Mapping[str, str]) -> Any:
        if int(query["limit"]) > 400:
            raise candle_exchanges.Refused("limit")
        return candle_exchanges.binance(series, query)

    rows = made_rows(3_000, {})
    connected = await connect("binance", strict, rows)
    span = TimeSpan(int(rows[0][0]), THIS_HOUR_MS)
    require_truth(await connected.fetched(span), rows, span)
    assert connected.exchange.requests <= 3_000 / 248 + 8
