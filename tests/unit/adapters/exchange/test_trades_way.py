"""Candles made of Kraken's trades, by the unmodified ccxt: all of them, and none twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from fake_clock import FakeClock, exchange_clock
from kraken_trades import KrakenTrades

from autopilot.adapters.exchange import rate_limiter
from autopilot.adapters.exchange.history import trades_way
from autopilot.adapters.exchange.history.trades_way import TradesWay
from autopilot.adapters.exchange.public_exchange import PublicExchange
from autopilot.domain.candles import Candle, Candles
from autopilot.domain.coverage import TimeSpan, Way
from autopilot.domain.errors import HistoryUnavailable, MarketUnavailable, UnknownSymbol
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe
from autopilot.domain.trade_candles import NS_PER_MS, PublicTrade, candles_of_trades
from autopilot.ports.history import HistoryChunk

NOW_MS = 20_000 * DAY_MS
SYMBOL = "BTC/USD"
START_MS = NOW_MS - 3 * DAY_MS
LISTED_MS = START_MS + 5 * HOUR_MS


def market() -> list[PublicTrade]:
    """Thousands of trades of three days, the last of them the busiest. Many have the same moment, also at the ends of
    pages and of minutes."""
    draw = random.Random(5)
    found, at_ns = [], LISTED_MS * NS_PER_MS
    for number in range(30_000):
        found.append(
            PublicTrade(
                str(61_044_952 + number),
                at_ns,
                Decimal(draw.randint(9_000, 9_900)) / 10,
                Decimal(draw.randint(1, 10**8)).scaleb(-8),
            )
        )
        busy = 5 if at_ns > (NOW_MS - DAY_MS) * NS_PER_MS else 1
        if number % 5:
            at_ns += int(draw.expovariate(1) * 100_000 / busy * NS_PER_MS) // 100 * 100
        if number % 50 == 0:
            at_ns = (at_ns // (MINUTE_MS * NS_PER_MS) + 1) * MINUTE_MS * NS_PER_MS
    return [trade for trade in found if trade.at_ns < NOW_MS * NS_PER_MS]


PAST = market()


@pytest.fixture
async def kraken(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KrakenTrades]:
    async def at_once(seconds: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(rate_limiter, "sleep", at_once)
    exchange = KrakenTrades(lambda: NOW_MS, PAST)
    await exchange.start()
    yield exchange
    await exchange.stop()


@pytest.fixture
async def way(kraken: KrakenTrades) -> AsyncIterator[TradesWay]:
    found = opened(kraken)
    yield found
    await found.close()


def opened(kraken: KrakenTrades, name: str = "kraken", timeout_s: float = 8.0) -> TradesWay:
    clock = exchange_clock(name, FakeClock(NOW_MS))
    return TradesWay(PublicExchange(name, clock, timeout_s, needs_coin_list=False, base_url=kraken.url))


def chunk(span: TimeSpan, timeframe: Timeframe = Timeframe.M1) -> HistoryChunk:
    return HistoryChunk(Way.TRADES, SYMBOL, timeframe, span)


def rows(candles: Candles) -> list[Candle]:
    return [candles.candle(at) for at in range(len(candles))]


def truth(span: TimeSpan, timeframe: Timeframe = Timeframe.M1) -> list[Candle]:
    return rows(candles_of_trades(PAST, timeframe, span))


@pytest.mark.parametrize("timeframe", [Timeframe.M1, Timeframe.H1, Timeframe.D1])
async def test_all_chunks_together_are_the_candles_of_all_trades(way: TradesWay, timeframe: Timeframe) -> None:
    wanted = TimeSpan(START_MS, NOW_MS)
    chunks = await way.chunks(SYMBOL, timeframe, [wanted])
    assert [part.span.from_ms for part in chunks[1:]] == [part.span.to_ms for part in chunks[:-1]]
    assert (chunks[0].span.from_ms, chunks[-1].span.to_ms) == (START_MS, NOW_MS)
    fetched = await asyncio.gather(*map(way.fetch, chunks))
    assert [each.known for each in fetched] == [part.span for part in chunks]
    assert [row for each in fetched for row in rows(each.candles)] == truth(wanted, timeframe)


async def test_the_estimate_is_of_the_right_size(way: TradesWay, kraken: KrakenTrades) -> None:
    chunks = await way.chunks(SYMBOL, Timeframe.M1, [TimeSpan(START_MS, NOW_MS)])
    assert len(kraken.asked_since) == 3
    fewest, most = map(sum, zip(*(part.requests_between for part in chunks if part.requests_between), strict=True))
    pages = len(PAST) / 1000
    assert fewest <= pages <= most <= 5 * pages
    assert 0.5 * pages < sum(part.requests for part in chunks) < 2 * pages + len(chunks)
    assert 40 * len(PAST) < sum(part.bytes for part in chunks) < 200 * len(PAST)
    assert way.requests_per_s == pytest.approx(1 / 1.2)


async def test_a_market_is_sampled_once(way: TradesWay, kraken: KrakenTrades) -> None:
    for _ in range(2):
        await way.chunks(SYMBOL, Timeframe.M1, [TimeSpan(START_MS, NOW_MS)])
    assert len(kraken.asked_since) == 3


@pytest.mark.parametrize(("days", "past"), [(3, []), (0.01, PAST), (400, PAST[:20])])
async def test_a_market_with_few_trades_is_a_few_chunks(
    kraken: KrakenTrades, days: float, past: list[PublicTrade]
) -> None:
    kraken.set_past(past)
    way = opened(kraken)
    begin_ms = NOW_MS - int(days * DAY_MS) // MINUTE_MS * MINUTE_MS
    chunks = await way.chunks(SYMBOL, Timeframe.M1, [TimeSpan(begin_ms, NOW_MS)])
    assert len(chunks) <= days // 30 + 2
    assert chunks[-1].span.to_ms == NOW_MS
    await way.close()


async def test_pages_overlap_where_moments_are_cut(way: TradesWay, kraken: KrakenTrades) -> None:
    """Only the trades of the last moment of a page are asked for again."""
    span = TimeSpan(START_MS, NOW_MS - DAY_MS)
    fetched = await way.fetch(chunk(span))
    assert rows(fetched.candles) == truth(span)
    fewest = sum(trade.at_ms < span.to_ms for trade in PAST) / 1000
    assert fewest <= len(kraken.asked_since) <= fewest + 2


async def test_an_empty_chunk_says_when_trading_began(way: TradesWay) -> None:
    span = TimeSpan(START_MS, START_MS + 2 * HOUR_MS)
    fetched = await way.fetch(chunk(span))
    assert (len(fetched.candles), fetched.known, fetched.next_at_ms) == (0, span, LISTED_MS)


async def test_candles_that_are_not_closed_stay_unknown(way: TradesWay) -> None:
    span = TimeSpan(NOW_MS - HOUR_MS, NOW_MS + HOUR_MS)
    fetched = await way.fetch(chunk(span))
    assert fetched.known == TimeSpan(span.from_ms, NOW_MS)
    assert rows(fetched.candles) == truth(TimeSpan(span.from_ms, NOW_MS))
    assert (await way.fetch(chunk(TimeSpan(NOW_MS, NOW_MS + HOUR_MS)))).known is None


@pytest.mark.parametrize(
    "fault", ["html", "EService:Unavailable", "EAPI:Rate limit exceeded", "EGeneral:Internal error"]
)
async def test_after_a_failure_the_whole_candles_are_kept(way: TradesWay, kraken: KrakenTrades, fault: str) -> None:
    span = TimeSpan(START_MS, NOW_MS - DAY_MS)
    kraken.trade_faults = ["", fault]
    first = await way.fetch(chunk(span))
    assert first.known is not None
    assert LISTED_MS < first.known.to_ms < span.to_ms
    assert rows(first.candles) == truth(first.known)
    if "Rate" not in fault:
        rest = await way.fetch(chunk(TimeSpan(first.known.to_ms, span.to_ms)))
        assert rows(first.candles) + rows(rest.candles) == truth(span)


async def test_without_a_whole_candle_a_failure_is_raised(way: TradesWay, kraken: KrakenTrades) -> None:
    kraken.trade_faults = ["EService:Unavailable"]
    with pytest.raises(MarketUnavailable):
        await way.fetch(chunk(TimeSpan(START_MS, NOW_MS)))


async def test_a_request_has_a_deadline(kraken: KrakenTrades) -> None:
    way = opened(kraken, timeout_s=0.3)
    kraken.trade_faults = ["hang"]
    with pytest.raises(MarketUnavailable, match=r"did not answer within 0.3 s"):
        await way.fetch(chunk(TimeSpan(LISTED_MS, LISTED_MS + HOUR_MS)))
    await way.close()


async def test_a_chunk_with_far_more_trades_than_estimated_is_answered_in_parts(
    way: TradesWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trades_way, "MOST_PAGES", 2)
    wanted, found, at_ms, parts = TimeSpan(LISTED_MS, NOW_MS), list[Candle](), LISTED_MS, 0
    while at_ms < NOW_MS:
        fetched = await way.fetch(chunk(TimeSpan(at_ms, NOW_MS)))
        assert fetched.known is not None
        found += rows(fetched.candles)
        at_ms, parts = fetched.known.to_ms, parts + 1
    assert parts > 3
    assert found == truth(wanted)


@pytest.mark.parametrize("fault", ["stuck", "latest"])
async def test_an_answer_to_another_question_is_not_believed(way: TradesWay, kraken: KrakenTrades, fault: str) -> None:
    kraken.trade_faults = ["", fault]
    first = await way.fetch(chunk(TimeSpan(LISTED_MS + HOUR_MS, NOW_MS)))
    assert first.known is not None
    assert first.known.to_ms < NOW_MS - HOUR_MS
    assert rows(first.candles) == truth(first.known)
    kraken.trade_faults = ["stuck"]
    with pytest.raises(MarketUnavailable, match="unusable answer"):
        await way.fetch(chunk(TimeSpan(NOW_MS - DAY_MS, NOW_MS)))


async def test_an_unknown_market_is_said(way: TradesWay) -> None:
    with pytest.raises(UnknownSymbol):
        await way.chunks("XYZ/USD", Timeframe.M1, [TimeSpan(START_MS, NOW_MS)])


@pytest.mark.parametrize(
    ("name", "says"), [("bitstamp", "the last hour"), ("bybit", "the latest trades"), ("coinbase", "from a time on")]
)
async def test_other_exchanges_are_refused_with_the_reason(kraken: KrakenTrades, name: str, says: str) -> None:
    with pytest.raises(HistoryUnavailable, match=says):
        opened(kraken, name)
