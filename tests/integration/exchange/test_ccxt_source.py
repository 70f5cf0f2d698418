"""Candles of real exchanges, by the unmodified ccxt against stand-ins that behave and misbehave as exchanges do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from email.utils import formatdate
from typing import Any

import pytest
from fake_clock import FakeClock, exchange_clock

from autopilot.adapters.exchange import ccxt_errors, rate_limiter
from autopilot.adapters.exchange.ccxt_source import LONG_AT_ONCE, CcxtCandles
from autopilot.adapters.exchange.settling import SETTLED_MS
from autopilot.adapters.exchange.venues.kraken import KRAKEN
from autopilot.domain.errors import MarketUnavailable, UnknownExchange, UnknownSymbol, UnknownTimeframe
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe

H1 = Timeframe.H1
THIS_HOUR_MS = 1_700_006_400_000
NOW_MS = THIS_HOUR_MS + 20 * MINUTE_MS


Connect = Callable[..., CcxtCandles]


@pytest.fixture
def machine() -> FakeClock:
    """Its clock."""
    return FakeClock(NOW_MS)


@pytest.fixture
async def connect(machine: FakeClock) -> AsyncIterator[Connect]:
    made: list[CcxtCandles] = []

    def to(name: str, url: str, timeout_s: float = 5.0, *, needs_coin_list: bool = False) -> CcxtCandles:
        clock = exchange_clock(name, machine)
        made.append(CcxtCandles(name, needs_coin_list=needs_coin_list, base_url=url, timeout_s=timeout_s, clock=clock))
        return made[-1]

    yield to
    await asyncio.gather(*(source.close() for source in made))


async def test_coinbase_is_paged_until_there_is_a_whole_window(coinbase: Any, connect: Connect) -> None:
    source = connect("coinbase", coinbase.url)
    snapshot = await source.fetch("BTC/USD", H1, None, 1000)
    assert snapshot.candles.open_at_ms.tolist() == [THIS_HOUR_MS - n * HOUR_MS for n in range(1000, 0, -1)]
    assert snapshot.candles.faults() == []
    assert len(coinbase.asked) == 4
    assert source.kind is MarketKind.REAL
    assert not snapshot.more


async def most_at_once(source: CcxtCandles, monkeypatch: pytest.MonkeyPatch, since_ms: int | None) -> int:
    """How many of twelve calls that are made together send requests at the same time. All get the same answer."""

    async def slow(_: float) -> None:
        await asyncio.sleep(0.002)

    monkeypatch.setattr(rate_limiter, "sleep", slow)
    await source.fetch("BTC/USD", H1, THIS_HOUR_MS, 1_000)
    under_way, most, ask = set(), 0, source._exchange.ask

    async def asked(symbol: str, *more: Any) -> Any:
        nonlocal most
        task = asyncio.current_task()
        under_way.add(task)
        most = max(most, len(under_way))
        return await ask(symbol, *more)

    monkeypatch.setattr(source._exchange, "ask", asked)

    async def fetch() -> int:
        try:
            return len((await source.fetch("BTC/USD", H1, since_ms, 700)).candles)
        finally:
            under_way.discard(asyncio.current_task())

    first, *others = await asyncio.gather(*(fetch() for _ in range(12)))
    assert others == [first] * 11
    return most


async def test_symbols_that_start_together_share_the_rate_limit_a_few_at_a_time(
    coinbase: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each would take longer than it may."""
    assert await most_at_once(connect("coinbase", coinbase.url), monkeypatch, None) == LONG_AT_ONCE


async def test_symbols_that_are_due_together_wait_for_their_turn_before_their_time_begins(
    kraken: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kraken takes one request in a second."""
    source = connect("kraken", kraken.url, timeout_s=8.0, needs_coin_list=True)
    assert await most_at_once(source, monkeypatch, THIS_HOUR_MS - HOUR_MS) == 3


async def test_the_open_candle_is_a_quote_and_not_a_candle(coinbase: Any, connect: Connect) -> None:
    coinbase.rows[-1][4] = 31_234.5
    coinbase.rows[-1][2] = 31_300.0
    snapshot = await connect("coinbase", coinbase.url).fetch("BTC/USD", H1, THIS_HOUR_MS - HOUR_MS, 1000)
    assert snapshot.candles.open_at_ms.tolist() == [THIS_HOUR_MS - HOUR_MS]
    assert snapshot.quote is not None
    assert (snapshot.quote.price, snapshot.quote.at_ms) == (31_234.5, NOW_MS)
    assert len(coinbase.asked) == 1


async def test_nothing_new_is_an_empty_answer_with_a_price(coinbase: Any, connect: Connect) -> None:
    snapshot = await connect("coinbase", coinbase.url).fetch("BTC/USD", H1, THIS_HOUR_MS, 1000)
    assert len(snapshot.candles) == 0
    assert snapshot.quote is not None


async def test_no_more_than_asked_for_the_oldest_first(coinbase: Any, connect: Connect) -> None:
    source = connect("coinbase", coinbase.url)
    snapshot = await source.fetch("BTC/USD", H1, THIS_HOUR_MS - 20 * HOUR_MS, 5)
    assert snapshot.candles.open_at_ms.tolist() == [THIS_HOUR_MS - n * HOUR_MS for n in range(20, 15, -1)]
    assert snapshot.more


async def test_history_is_a_plain_look_up(coinbase: Any, connect: Connect) -> None:
    source = connect("coinbase", coinbase.url)
    candles = await source.history("ETH/USD", H1, THIS_HOUR_MS - 10 * HOUR_MS, 400)
    assert candles.open_at_ms.tolist() == [THIS_HOUR_MS - n * HOUR_MS for n in range(409, 9, -1)]
    assert (await source.history("ETH/USD", H1, THIS_HOUR_MS, 1)).open_at_ms.tolist() == []


async def test_each_page_of_a_history_has_its_own_limit_of_time(
    coinbase: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float] = []

    @asynccontextmanager
    async def calling(timeout_s: float) -> AsyncIterator[None]:
        asked = len(coinbase.asked)
        yield
        limits.append(timeout_s)
        assert len(coinbase.asked) <= asked + 1

    monkeypatch.setattr(ccxt_errors, "calling", calling)
    candles = await connect("coinbase", coinbase.url).history("ETH/USD", H1, THIS_HOUR_MS - HOUR_MS, 1_500)
    assert (len(candles), candles.last_at_ms) == (1_500, THIS_HOUR_MS - HOUR_MS)
    assert len(limits) >= len(coinbase.asked) > 1_500 / 300


async def test_hours_without_trades_are_passed_over(coinbase: Any, connect: Connect) -> None:
    coinbase.rows = coinbase.rows[:-700] + coinbase.rows[-100:]
    candles = (await connect("coinbase", coinbase.url).fetch("BTC/USD", H1, None, 1000)).candles
    assert len(candles) == 1000 - 600
    assert candles.last_at_ms == THIS_HOUR_MS - HOUR_MS


async def test_bad_rows_are_dropped_and_told_and_the_rest_is_used(
    coinbase: Any, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    at_s = THIS_HOUR_MS // 1000
    good = {n: list(coinbase.rows[-1 - n]) for n in range(1, 11)}
    coinbase.rows = [
        [at_s, 1, 1, 1, 1, 1],
        good[3],
        [at_s - 4 * 3600, "NaN", 2, 1, 1, 1],
        [at_s - 5 * 3600, 100, 90, 110, 100, 1],
        [at_s - 6 * 3600, 100, 110, 90, 100, -1],
        [at_s - 7 * 3600, 0, 0, 0, 0, 0],
        [at_s - 8 * 3600 + 60, 100, 110, 90, 100, 1],
        good[1],
        [*good[2][:5], "1.0"],
        [*good[2][:5], "2.0"],
        good[9],
        [at_s - 10 * 3600, None, None, None, None, None],
    ]
    with caplog.at_level(logging.WARNING):
        snapshot = await connect("coinbase", coinbase.url).fetch("BTC/USD", H1, THIS_HOUR_MS - 12 * HOUR_MS, 100)
    hours_ago = (THIS_HOUR_MS - snapshot.candles.open_at_ms) // HOUR_MS
    assert hours_ago.tolist() == [9, 3, 2, 1]
    assert snapshot.candles.faults() == []
    assert snapshot.candles.volume[2] in {1.0, 2.0}
    assert "dropped 6 rows of 12" in caplog.text


@pytest.mark.parametrize(("skew_s", "closed"), [(0, True), (-30, False), (30, True), (-86_400, True)])
async def test_the_last_candle_is_closed_by_the_exchanges_time(
    coinbase: Any, machine: FakeClock, connect: Connect, skew_s: int, closed: bool
) -> None:
    """Unless it is a time that nobody believes."""
    machine.at_ms = THIS_HOUR_MS + 10_000
    coinbase.headers["Date"] = formatdate(THIS_HOUR_MS / 1000 + 10 + skew_s, usegmt=True)
    del coinbase.rows[-1]
    source = connect("coinbase", coinbase.url)
    assert not (await source.fetch("BTC/USD", H1, THIS_HOUR_MS - HOUR_MS, 10)).candles
    machine.at_ms += SETTLED_MS
    candles = (await source.fetch("BTC/USD", H1, THIS_HOUR_MS - HOUR_MS, 10)).candles
    assert len(candles) == (1 if closed else 0)


@pytest.fixture
def at_the_close(coinbase: Any, machine: FakeClock) -> Any:
    """One second after a close, the exchange has no later row yet."""
    machine.at_ms = THIS_HOUR_MS + 1_000
    coinbase.headers = {}
    del coinbase.rows[-1]
    return coinbase


Answer = tuple[list[int], bool]


async def answer_at_the_close(source: CcxtCandles) -> Answer:
    """The volumes of the closed candles since the last hour but one, and whether a candle is awaited."""
    snapshot = await source.fetch("BTC/USD", H1, THIS_HOUR_MS - 2 * HOUR_MS, 10)
    return snapshot.candles.volume.tolist(), snapshot.awaited


async def test_a_candle_with_a_later_one_is_settled(at_the_close: Any, connect: Connect) -> None:
    source = connect("coinbase", at_the_close.url)
    at_the_close.rows.append([THIS_HOUR_MS // 1000, 30_000, 30_000, 30_000, 30_000, 0.1])
    assert await answer_at_the_close(source) == ([1.5, 1.5], False)


async def test_without_a_later_one_it_is_settled_when_two_answers_agree(
    at_the_close: Any, machine: FakeClock, connect: Connect
) -> None:
    source, last = connect("coinbase", at_the_close.url), at_the_close.rows[-1]
    assert await answer_at_the_close(source) == ([1.5], True)
    machine.at_ms += SETTLED_MS - 1
    assert await answer_at_the_close(source) == ([1.5], True), "the same answer, from a cache"
    last[5] = 1.75
    machine.at_ms += SETTLED_MS
    assert await answer_at_the_close(source) == ([1.5], True), "a late trade"
    machine.at_ms += SETTLED_MS
    assert await answer_at_the_close(source) == ([1.5, 1.75], False)
    assert await answer_at_the_close(source) == ([1.5, 1.75], False)


async def test_a_candle_that_is_not_there_yet_is_awaited(
    at_the_close: Any, machine: FakeClock, connect: Connect
) -> None:
    source, last = connect("coinbase", at_the_close.url), at_the_close.rows.pop()
    await answer_at_the_close(source)
    machine.at_ms += SETTLED_MS
    assert await answer_at_the_close(source) == ([1.5], True)
    at_the_close.rows.append(last)
    assert await answer_at_the_close(source) == ([1.5], True)
    machine.at_ms += SETTLED_MS
    assert await answer_at_the_close(source) == ([1.5, 1.5], False)


OFFSETS_MS = [-3 * DAY_MS, -2 * HOUR_MS, -HOUR_MS, -10 * MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, 3 * DAY_MS]


@pytest.mark.parametrize("date", ["right", "nonsense"])
@pytest.mark.parametrize("ahead_ms", OFFSETS_MS)
@pytest.mark.parametrize("name", ["coinbase", "kraken"])
async def test_a_clock_that_is_wrong_changes_no_price(
    coinbase: Any, kraken: Any, machine: FakeClock, connect: Connect, name: str, ahead_ms: int, date: str
) -> None:
    """The newest row is the price, whatever our clock says; by the exchange's, the row before is the last closed."""
    exchange = {"coinbase": coinbase, "kraken": kraken}[name]
    source = connect(name, exchange.url)
    machine.at_ms = NOW_MS + ahead_ms
    if date == "nonsense":
        exchange.headers["Date"] = "yesterday"
    exchange.rows[-1][2:5] = [30_100, 28_000, 28_500.5]
    for since_ms in (None, THIS_HOUR_MS - HOUR_MS, THIS_HOUR_MS):
        snapshot = await source.fetch("BTC/USD", H1, since_ms, 100)
        assert snapshot.quote
        assert snapshot.quote.price == 28_500.5
        if date == "right":
            assert abs(source.clock.now_ms() - NOW_MS) <= 1_000
            assert snapshot.quote.at_ms == source.clock.now_ms()
        if date == "right" or ahead_ms <= 0:
            assert source.clock.now_ms() >= THIS_HOUR_MS
            assert snapshot.candles.open_at_ms.tolist()[-1:] == [THIS_HOUR_MS - HOUR_MS][: since_ms != THIS_HOUR_MS]


@pytest.mark.parametrize("date_ms", [0, NOW_MS - DAY_MS, NOW_MS - HOUR_MS, NOW_MS + HOUR_MS, NOW_MS + 3_000 * DAY_MS])
async def test_an_absurd_date_moves_no_clock(coinbase: Any, machine: FakeClock, connect: Connect, date_ms: int) -> None:
    """A proxy's, at the start or later."""
    for before in ("none", "the exchange's"):
        source = connect("coinbase", coinbase.url)
        if before == "the exchange's":
            coinbase.headers["Date"] = formatdate(NOW_MS / 1000, usegmt=True)
            await source.fetch("BTC/USD", H1, None, 5)
            machine.at_ms += 60_000
        coinbase.headers["Date"] = formatdate(date_ms / 1000, usegmt=True)
        snapshot = await source.fetch("BTC/USD", H1, None, 5)
        assert source.clock.now_ms() == machine.at_ms
        assert snapshot.candles.last_at_ms == THIS_HOUR_MS - HOUR_MS


@pytest.mark.parametrize("later_ms", [5 * HOUR_MS, 400 * DAY_MS, 4_000 * DAY_MS])
@pytest.mark.parametrize("ahead_ms", [0, -HOUR_MS])
async def test_a_row_of_the_far_future_is_no_price(
    coinbase: Any,
    machine: FakeClock,
    connect: Connect,
    ahead_ms: int,
    later_ms: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = connect("coinbase", coinbase.url)
    machine.at_ms += ahead_ms
    plain = coinbase.candle_answer
    broken = ("start", "open", "high", "low", "close", "volume")
    row = dict(zip(broken, map(str, ((THIS_HOUR_MS + later_ms) // 1000, 1, 1, 1, 1, 1)), strict=True))
    coinbase.candle_answer = lambda request: {"candles": [row, *plain(request)["candles"]]}
    for since_ms in (None, THIS_HOUR_MS):
        snapshot = await source.fetch("BTC/USD", H1, since_ms, 50)
        assert snapshot.quote
        assert snapshot.quote.price == 30_010
        assert source.clock.now_ms() < NOW_MS + 1_000
    assert "in the future (1)" in caplog.text


FAULTS = ["429", "418", "403", "500", "503", "html", "null", "[]", '"words"', "{"]


@pytest.mark.parametrize("where", ["markets", "candles"])
async def test_every_misbehaviour_is_an_unavailable_market_that_comes_back(
    coinbase: Any, machine: FakeClock, connect: Connect, where: str
) -> None:
    source = connect("coinbase", coinbase.url)
    for fault in FAULTS:
        (coinbase.faults if where == "candles" else coinbase.market_faults).append(fault)
        with pytest.raises(MarketUnavailable) as caught:
            await source.fetch("BTC/USD", H1, None, 100)
        words = str(caught.value)
        assert words.startswith("coinbase ")
        assert caught.value.hint
        assert "<" not in words
        assert "start=" not in words
        assert len(words) < 500
        assert (caught.value.retry_after_s is not None) == (fault in {"429", "418"})
        machine.at_ms += int(1_000 * (caught.value.retry_after_s or 0))
    snapshot = await source.fetch("BTC/USD", H1, None, 100)
    assert len(snapshot.candles) == 100


async def test_silence_ends_in_time_for_everyone_who_waits_and_later_it_works(coinbase: Any, connect: Connect) -> None:
    source = connect("coinbase", coinbase.url, timeout_s=1.0)
    coinbase.market_faults += ["hang"]
    loop = asyncio.get_running_loop()
    begun = loop.time()
    answers = await asyncio.gather(
        *(source.fetch(symbol, H1, None, 5) for symbol in ("BTC/USD", "ETH/USD", "BTC/EUR")), return_exceptions=True
    )
    assert loop.time() - begun < 3.0
    assert isinstance(answers[0], MarketUnavailable)
    assert "did not answer within 1 s" in str(answers[0])
    assert all(isinstance(answer, MarketUnavailable) or len(answer.candles) == 5 for answer in answers)
    coinbase.market_faults.clear()
    assert len((await source.fetch("ETH/USD", H1, None, 5)).candles) == 5


async def test_a_refused_connection_says_so(connect: Connect, unused_tcp_port: int) -> None:
    source = connect("coinbase", f"http://127.0.0.1:{unused_tcp_port}")
    for ask in (source.market("BTC/USD"), source.fetch("BTC/USD", H1, None, 5), source.history("BTC/USD", H1, 0, 5)):
        with pytest.raises(MarketUnavailable, match="coinbase cannot be reached") as error:
            await ask
        assert "refused" in str(error.value) or "connect" in str(error.value).lower()
        assert "proxy" in error.value.hint


async def test_unknown_things_are_said_to_be_unknown(coinbase: Any, connect: Connect) -> None:
    source = connect("coinbase", coinbase.url)
    with pytest.raises(UnknownSymbol, match="BTC/USDT") as symbol:
        await source.fetch("BTC/USDT", H1, None, 5)
    assert "BTC/USD" in symbol.value.hint
    with pytest.raises(UnknownSymbol, match="btcusd"):
        await source.market("btcusd")
    with pytest.raises(UnknownTimeframe, match="4h") as timeframe:
        await source.fetch("BTC/USD", Timeframe.H4, None, 5)
    assert "1h" in timeframe.value.hint
    with pytest.raises(UnknownExchange, match="coinbasee") as exchange:
        CcxtCandles("coinbasee")
    assert "coinbase" in exchange.value.hint
    assert coinbase.asked == []


@pytest.mark.parametrize("fault", ["503", "html"])
async def test_markets_are_read_once_a_day_and_yesterdays_do_when_today_fails(
    coinbase: Any, machine: FakeClock, connect: Connect, fault: str
) -> None:
    source = connect("coinbase", coinbase.url)
    rules = await source.market("BTC/USD")
    once = coinbase.market_requests
    await source.fetch("BTC/USD", H1, None, 5)
    assert coinbase.market_requests == once
    machine.at_ms += 25 * HOUR_MS
    coinbase.market_faults.append(fault)
    assert await source.market("BTC/USD") == rules
    assert coinbase.market_requests > once
    await source.fetch("BTC/USD", H1, THIS_HOUR_MS, 5)


async def test_coinbase_rules(coinbase: Any, connect: Connect) -> None:
    market = await connect("coinbase", coinbase.url).market("BTC/USD")
    assert (market.symbol, market.base, market.quote) == ("BTC/USD", "BTC", "USD")
    assert market.price_step == Decimal("0.01")
    assert market.amount_step == Decimal("1E-8")
    assert market.min_amount == Decimal("0.000016")
    assert market.min_cost == Decimal(1)
    assert Decimal(0) < market.maker_fee <= market.taker_fee < Decimal("0.02")


async def test_kraken_gives_its_latest_720_and_that_is_told(
    kraken: Any, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    source = connect("kraken", kraken.url)
    with caplog.at_level(logging.WARNING):
        snapshot = await source.fetch("BTC/USD", H1, None, 1000)
    assert len(snapshot.candles) == 719
    assert snapshot.candles.last_at_ms == THIS_HOUR_MS - HOUR_MS
    assert snapshot.quote is not None
    assert snapshot.quote.at_ms == NOW_MS
    assert "only the latest 719 1h candles" in caplog.text
    assert len((await source.fetch("BTC/USD", H1, THIS_HOUR_MS - 2 * HOUR_MS, 10)).candles) == 2


async def test_kraken_rules(kraken: Any, connect: Connect) -> None:
    market = await connect("kraken", kraken.url).market("BTC/USD")
    assert market.price_step == Decimal("0.1")
    assert market.min_amount == Decimal("0.00005")
    assert market.min_cost == Decimal("0.5")
    assert (market.maker_fee, market.taker_fee) == (Decimal("0.0025"), Decimal("0.004"))


@pytest.mark.parametrize(("decimals", "step"), [(10, "1e-8"), (4, "0.0001")])
async def test_a_step_of_amounts_is_no_finer_than_the_coin(
    kraken: Any, connect: Connect, decimals: int, step: str
) -> None:
    """Kraken credits no more decimals than the coin has: https://github.com/freqtrade/freqtrade/issues/11765."""
    kraken.decimals = decimals
    source = connect("kraken", kraken.url, needs_coin_list=KRAKEN.needs_coin_list)
    assert (await source.market("BTC/USD")).amount_step == Decimal(step)


async def test_krakens_own_words_are_passed_on(kraken: Any, machine: FakeClock, connect: Connect) -> None:
    source = connect("kraken", kraken.url)
    kraken.candle_answer = lambda request: {"error": ["EGeneral:Temporary lockout"]}
    with pytest.raises(MarketUnavailable, match="Temporary lockout"):
        await source.fetch("BTC/USD", H1, None, 5)
    machine.at_ms += 1_000
    kraken.candle_answer = lambda request: {"error": ["EService:Unavailable"]}
    with pytest.raises(MarketUnavailable, match="EService:Unavailable"):
        await source.fetch("BTC/USD", H1, None, 5)


async def test_closing_twice_or_before_anything_is_fine(coinbase: Any) -> None:
    source = CcxtCandles("coinbase", base_url=coinbase.url, clock=exchange_clock("coinbase", FakeClock(NOW_MS)))
    await source.close()
    await source.fetch("BTC/USD", H1, None, 5)
    await source.close()
    await source.close()
