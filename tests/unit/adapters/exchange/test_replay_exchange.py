"""Stored candles as a market."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from decimal import Decimal

import pytest

from autopilot.adapters.exchange.offline_markets import replay
from autopilot.adapters.exchange.offline_markets.replay import HISTORY, ReplayExchange
from autopilot.adapters.exchange.offline_markets.settings import FaultPlan, ReplaySettings
from autopilot.analysis.market_analyzer import WINDOW
from autopilot.domain.candles import Candles
from autopilot.domain.errors import (
    AutopilotError,
    MarketEnded,
    MarketUnavailable,
    StoreUnavailable,
    UnknownSymbol,
    UnknownTimeframe,
)
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import HOUR_MS, Timeframe, iso_utc
from autopilot.ports.market_data import Coverage

H1 = Timeframe.H1


class MemoryStore:
    """A CandleStore in memory."""

    def __init__(self, held: dict[tuple[str, str], Candles]) -> None:
        self.held = held
        self.broken = False

    def save_candles(self, exchange: str, symbol: str, candles: Candles) -> int:
        raise NotImplementedError

    def load_candles(
        self,
        exchange: str,
        symbol: str,
        timeframe: Timeframe,
        *,
        since_ms: int | None = None,
        until_ms: int | None = None,
        last: int | None = None,
    ) -> Candles:
        if self.broken:
            raise StoreUnavailable("the disk is gone", hint="find it")
        candles = self.held[exchange, symbol]
        candles = candles if since_ms is None else candles.since(since_ms)
        candles = candles if until_ms is None else candles.until(until_ms)
        return candles if last is None else candles[max(0, len(candles) - last) :]

    def coverage(self) -> tuple[Coverage, ...]:
        return tuple(
            Coverage(exchange, symbol, held.timeframe, int(held.open_at_ms[0]), held.last_at_ms, len(held))
            for (exchange, symbol), held in self.held.items()
        )


def gappy(candles: Candles) -> Candles:
    kept = [candles.candle(i) for i in range(len(candles)) if i % 50 not in {7, 8} and not 300 <= i < 420]
    return Candles.from_rows(candles.timeframe, kept)


async def walk(exchange: ReplayExchange, symbol: str, resume_at_ms: int | None = None) -> list[int]:
    exchange.subscribe([symbol], H1, resume_at_ms)
    opens: list[int] = []
    while True:
        try:
            snapshot = await exchange.fetch(symbol, H1, opens[-1] + HOUR_MS if opens else None, 1)
        except MarketEnded:
            return opens
        opens += snapshot.candles.open_at_ms.tolist()


async def test_all_that_is_stored_after_the_history_comes_once_and_then_it_ends(
    random_candles: Callable[..., Candles], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "BLOCK", 64)
    candles = gappy(random_candles(3, 2000))
    store = MemoryStore({("kraken", "BTC/USD"): candles, ("simulated", "BTC/USD"): candles})
    exchange = ReplayExchange(store, ReplaySettings(speed=0))
    assert exchange.kind is MarketKind.REPLAY
    assert HISTORY == WINDOW
    assert await walk(exchange, "BTC/USD") == candles.open_at_ms[HISTORY:].tolist()


async def test_a_resumed_replay_serves_the_rest_with_its_whole_history(random_candles: Callable[..., Candles]) -> None:
    candles = gappy(random_candles(3, 2000))
    exchange = ReplayExchange(MemoryStore({("kraken", "BTC/USD"): candles}), ReplaySettings(speed=0))
    at = HISTORY + 300
    exchange.subscribe(["BTC/USD"], H1, int(candles.open_at_ms[at - 1]) + HOUR_MS)
    snapshot = await exchange.fetch("BTC/USD", H1, None, HISTORY)
    assert snapshot.candles.open_at_ms.tolist() == candles.open_at_ms[at - HISTORY + 1 : at + 1].tolist()
    assert snapshot.candles.close.tolist() == candles.close[at - HISTORY + 1 : at + 1].tolist()


async def test_start_and_end_bound_what_is_decided(random_candles: Callable[..., Candles]) -> None:
    candles = random_candles(3, 2000)
    start_ms, end_ms = (int(candles.open_at_ms[index]) for index in (1500, 1520))
    settings = ReplaySettings(speed=0, start=iso_utc(start_ms), end=iso_utc(end_ms))
    exchange = ReplayExchange(MemoryStore({("kraken", "BTC/USD"): candles}), settings)
    assert await walk(exchange, "BTC/USD") == candles.open_at_ms[1500:1520].tolist()


def stores(candles: Candles) -> dict[str, MemoryStore]:
    return {
        "nothing": MemoryStore({}),
        "only what replay itself saved": MemoryStore({("replay", "BTC/USD"): candles}),
        "two exchanges": MemoryStore({("kraken", "BTC/USD"): candles, ("coinbase", "BTC/USD"): candles}),
        "too few": MemoryStore({("kraken", "BTC/USD"): candles[:400]}),
        "enough": MemoryStore({("kraken", "BTC/USD"): candles}),
    }


@pytest.mark.parametrize(
    ("held", "settings", "symbol", "timeframe", "error", "words"),
    [
        ("nothing", {}, "BTC/USD", H1, UnknownSymbol, ("BTC/USD", "autopilot data import")),
        ("only what replay itself saved", {}, "BTC/USD", H1, UnknownSymbol, ("autopilot data import",)),
        ("enough", {"source": "binance"}, "BTC/USD", H1, UnknownSymbol, ("binance", "BTC/USD")),
        ("enough", {}, "ETH/USD", H1, UnknownSymbol, ("ETH/USD", "autopilot data import")),
        ("enough", {}, "garbage", H1, UnknownSymbol, ("garbage", "BTC/USD")),
        ("two exchanges", {}, "BTC/USD", H1, UnknownSymbol, ("kraken, coinbase", "[replay] source")),
        ("too few", {}, "BTC/USD", H1, MarketUnavailable, ("only 400", "1000", "data import")),
        ("enough", {}, "BTC/USD", Timeframe.M5, UnknownTimeframe, ("5m", "1h")),
        ("enough", {"end": "2001-01-01"}, "BTC/USD", H1, MarketUnavailable, ("2001-01-01", "later")),
    ],
)
async def test_what_cannot_be_replayed_says_why_and_what_to_do(
    random_candles: Callable[..., Candles],
    held: str,
    settings: dict[str, str],
    symbol: str,
    timeframe: Timeframe,
    error: type[AutopilotError],
    words: tuple[str, ...],
) -> None:
    exchange = ReplayExchange(stores(random_candles(1, 1300))[held], ReplaySettings(**settings))
    exchange.subscribe([symbol], timeframe, None)
    with pytest.raises(error) as refusal:
        await exchange.fetch(symbol, timeframe, None, 10)
    for word in words:
        assert word in f"{refusal.value} {refusal.value.hint}"


async def test_a_named_source_decides_between_two(random_candles: Callable[..., Candles]) -> None:
    exchange = ReplayExchange(
        stores(random_candles(1, 1003))["two exchanges"], ReplaySettings(source="coinbase", speed=0)
    )
    assert len(await walk(exchange, "BTC/USD")) == 3


async def test_a_store_that_fails_is_a_market_that_is_unavailable_and_comes_back(
    random_candles: Callable[..., Candles],
) -> None:
    store = stores(random_candles(1, 1300))["enough"]
    exchange = ReplayExchange(store, ReplaySettings(speed=0))
    store.broken = True
    exchange.subscribe(["BTC/USD"], H1, None)
    for ask in (exchange.fetch("BTC/USD", H1, None, 5), exchange.market("BTC/USD")):
        with pytest.raises(MarketUnavailable, match="the disk is gone"):
            await ask
    store.broken = False
    assert len((await exchange.fetch("BTC/USD", H1, None, 5)).candles) == 5


@pytest.mark.parametrize(
    ("price", "price_step", "amount_step"),
    [(60_000.0, "0.1", "0.000001"), (1_900.0, "0.01", "0.00001"), (0.12, "0.000001", "0.1"), (0.00002, "1E-10", "1")],
)
async def test_steps_follow_the_magnitude_of_the_price(
    random_candles: Callable[..., Candles], price: float, price_step: str, amount_step: str
) -> None:
    candles = random_candles(1, 1001, price=price)
    flat = Candles.from_arrays(H1, candles.open_at_ms, *([candles.open * 0 + price] * 4), candles.volume)
    market = await ReplayExchange(MemoryStore({("kraken", "X/USD"): flat})).market("X/USD")
    assert market.price_step == Decimal(price_step)
    assert market.amount_step == Decimal(amount_step)
    assert market.min_cost == Decimal("0.5")


async def test_injected_fetch_faults_come_back_identically_and_lose_no_candle(
    random_candles: Callable[..., Candles],
) -> None:
    candles = random_candles(1, 1060)

    async def faulty_walk(seed: int) -> list[int | None]:
        plan = FaultPlan(seed=seed, fetch_unavailable=0.3, fetch_slow=0.1, slow_s=0.001, clock_skew_ms=30_000)
        exchange = ReplayExchange(MemoryStore({("kraken", "BTC/USD"): candles}), ReplaySettings(speed=0, faults=plan))
        exchange.subscribe(["BTC/USD"], H1, None)
        seen: list[int | None] = []
        last: int | None = None
        while True:
            try:
                snapshot = await exchange.fetch("BTC/USD", H1, None if last is None else last + HOUR_MS, 1)
            except MarketUnavailable:
                seen.append(None)
                continue
            except MarketEnded:
                return seen
            last = snapshot.candles.last_at_ms
            assert exchange.clock.now_ms() == last + HOUR_MS + 30_000
            seen.append(last)

    seen = await faulty_walk(5)
    assert [at for at in seen if at] == candles.open_at_ms[HISTORY:].tolist()
    assert 5 < seen.count(None) < 60
    assert seen == await faulty_walk(5) != await faulty_walk(6)


async def test_real_candles_of_two_symbols_replay_in_step(real_candles: Callable[[str], Candles]) -> None:
    files = {"BTC/USD": "KRAKEN_BTC-USD_1h.csv.gz", "ETH/USD": "KRAKEN_ETH-USD_1h.csv.gz"}
    store = MemoryStore({("kraken", symbol): real_candles(name) for symbol, name in files.items()})
    exchange = ReplayExchange(store, ReplaySettings(speed=0, start="2019-03-01", end="2019-03-15"))
    exchange.subscribe(list(files), H1, None)
    order: list[tuple[int, str]] = []

    async def cycle(symbol: str) -> None:
        since_ms: int | None = None
        with contextlib.suppress(MarketEnded):
            while True:
                snapshot = await exchange.fetch(symbol, H1, since_ms, 1)
                for open_at_ms in snapshot.candles.open_at_ms.tolist():
                    order.append((open_at_ms, symbol))
                    since_ms = open_at_ms + HOUR_MS

    await asyncio.gather(*(cycle(symbol) for symbol in files))
    assert order == sorted(order)
    assert len(order) > 600
