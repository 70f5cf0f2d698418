"""An exchange with requests and streams on the loopback interface, a paper account on it, and what can go wrong with
the feed. All share a clock that is stepped, so hours take milliseconds.

What happens is the truth of ``candles``: in each hour the price goes from its open to its high, its low and its close.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from aiohttp import web
from binance_exchange import BinanceExchange
from fake_clock import FakeClock
from kraken_exchange import KrakenExchange
from loopback_exchange import LoopbackExchange
from streaming_exchange import Row, StreamingBinance, StreamingExchange, StreamingKraken

from autopilot.adapters.clock import SteadyClock, WallClock
from autopilot.adapters.exchange import public_exchange
from autopilot.adapters.exchange.ccxt_setup import open_exchange
from autopilot.adapters.exchange.ccxt_source import CcxtCandles
from autopilot.adapters.exchange.streams.ccxt_streams import CcxtStreams
from autopilot.adapters.models.champions import Champions
from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.models.first_reading import FIRST_READER
from autopilot.adapters.models.readings import FirstReadings
from autopilot.adapters.sentiment.offline import NeutralSentiment
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.models import SqliteModels
from autopilot.analysis.view import MarketView
from autopilot.app.trading.accounts import AccountOpener
from autopilot.app.trading.autopilots import Wiring
from autopilot.config.paths import find_paths
from autopilot.config.schema import AutopilotConfig
from autopilot.daemon.symbol_stream import SymbolStream
from autopilot.domain.candles import Candles
from autopilot.domain.signal import SignalArrays, StrategyGroup
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe
from autopilot.engine.account_watch import AccountWatch
from autopilot.engine.events import EventLog
from autopilot.engine.intelligent_autopilot import IntelligentAutopilot
from autopilot.execution.restrictions import Restrictions
from autopilot.ports.streams import StreamState
from autopilot.strategies.base import Strategy, suits
from autopilot.strategies.registry import StrategySet

H1 = Timeframe.H1
FIRST = 1_100
"""The number of the first hour."""
AT_MS = (1_000, 2_000, 4_000, 8_000, 10 * MINUTE_MS, 20 * MINUTE_MS, 40 * MINUTE_MS, 59 * MINUTE_MS)
"""When a cycle runs, after the begin of an hour; the first ones belong to the close."""
PASSES = 60
"""Of the loop, after which everything that was sent over the loopback interface has arrived."""
SYMBOLS = {"kraken": "BTC/USD", "binance": "BTC/USDT"}
OTHERS = {"kraken": "ETH/USD", "binance": "ETH/USDT"}


@dataclass
class Fault:
    """What is wrong for some hours. ``requests``: how each request is answered instead. ``is_empty``: requests are
    answered without candles. ``revised``: closed candles are
    shown wrongly in the first seconds. ``ahead_ms``: how far the clock of this machine is wrong."""

    name: str
    requests: Callable[[], web.Response] | None = None
    is_empty: bool = False
    revised: bool = False
    ahead_ms: int = 0
    begin: Callable[[StreamingExchange], None] | None = None
    end: Callable[[StreamingExchange], None] | None = None
    messages: str = ""
    """How the messages differ: duplicate, late, out of order, wrong symbol."""
    cut: bool = False


def _set(**changes: bool) -> Callable[[StreamingExchange], None]:
    def change(server: StreamingExchange) -> None:
        vars(server).update(changes)

    return change


def _page(status: int, text: str) -> Callable[[], web.Response]:
    return lambda: web.Response(status=status, text=text, content_type="text/html")


FAULTS = {
    each.name: each
    for each in (
        Fault("frozen stream", begin=_set(frozen=True), end=_set(frozen=False)),
        Fault("duplicate", messages="duplicate"),
        Fault("late", messages="late"),
        Fault("out of order", messages="out of order"),
        Fault("wrong symbol", messages="wrong symbol"),
        Fault("candle revised after close", revised=True),
        Fault("gap at reconnect", cut=True, begin=_set(banned=True), end=_set(banned=False)),
        Fault("half-open socket", begin=_set(half_open=True), end=_set(half_open=False)),
        Fault("ban", _page(429, "Too many requests"), begin=_set(banned=True), end=_set(banned=False), cut=True),
        Fault("clock 10 s off", ahead_ms=-10_000),
        Fault("empty pages", is_empty=True),
        Fault("maintenance page", _page(503, "<html>Maintenance</html>"), cut=True),
    )
}


@dataclass(frozen=True)
class AlwaysBuys(Strategy):
    """So a position is held, whose stop a wrong price would cross."""

    name: ClassVar[str] = "always_buys"
    group: ClassVar[StrategyGroup] = StrategyGroup.MOMENTUM
    regime_fit: ClassVar[Any] = suits(trending_up=1, trending_down=1, ranging=1, volatile=1, quiet=1)

    def signals(self, view: MarketView) -> SignalArrays:
        length = len(view.candles)
        all_of_it, far = np.ones(length), np.full(length, 0.5)
        return SignalArrays(np.ones(length, dtype=np.int8), all_of_it, all_of_it, far, far)

    def explain(self, view: MarketView, index: int) -> str:
        return "it always does"


@dataclass
class FeedWorld:
    """``wrong``: decisions on a candle that is not the one the exchange showed at that moment, in words."""

    name: str
    clock: FakeClock
    plain: LoopbackExchange
    server: StreamingExchange
    candles: Candles
    autopilot: IntelligentAutopilot
    streams: CcxtStreams
    database: Database
    fault: Fault | None = None
    wanted: bool = False
    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    stream: SymbolStream | None = None
    _seen: set[int] = field(default_factory=set)
    _late: list[tuple[float, Row]] = field(default_factory=list)

    @property
    def symbol(self) -> str:
        return SYMBOLS[self.name]

    @cached_property
    def rows(self) -> list[list[Any]]:
        return [self._row(index) for index in range(len(self.candles))]

    def _row(self, index: int) -> list[Any]:
        at_ms, opened, high, low, close, volume = self.candles.candle(index)
        prices = [f"{each:.1f}" for each in (opened, high + 0.1, low - 0.1, close)]
        return [at_ms // 1000, *prices, "0", f"{volume:.4f}", 9]

    def follow(self) -> None:
        """As the daemon does it."""

        def ask() -> None:
            self.wanted = True

        self.stream = SymbolStream(self.streams, self.autopilot, ask, lambda: False)

    async def live(self) -> None:
        """Wait until both streams are subscribed, and show something."""
        await self.server.subscribed(2)
        await self.settled()

    async def enter(self, fault: Fault | None) -> None:
        """From now on this is wrong, and nothing else."""
        if self.fault and self.fault.end:
            self.fault.end(self.server)
        self.fault = fault
        self.plain.instead = fault.requests if fault else None
        if fault and fault.begin:
            fault.begin(self.server)
        if fault and fault.cut:
            await self.server.cut()

    async def settled(self) -> None:
        """Everything that was sent has arrived, and was acted on: the loop has nothing to do."""
        for _ in range(PASSES):
            await asyncio.sleep(0)

    async def hour(self, number: int) -> None:
        """All of an hour, with cycles and messages."""
        at_s, opened, high, low, close, *_ = self.rows[number]
        path = [opened, opened, opened, opened, opened, high, low, close]
        for after_ms, price in zip(AT_MS, path, strict=True):
            self.clock.at_ms = at_s * 1000 + after_ms
            self._show(number, after_ms, price)
            await self._stream(number, float(price), after_ms)
            await self.settled()
            await self._cycle()
            while self.wanted:
                self.wanted = False
                await self._cycle()
            await self.settled()

    def _show(self, number: int, after_ms: int, price: str) -> None:
        at_s, opened, *_ = self.rows[number]
        seen = [opened, *(self.rows[number][2:4] if after_ms > 20 * MINUTE_MS else ()), price]
        numbers = [float(each) for each in seen]
        now = [at_s, opened, f"{max(numbers):.1f}", f"{min(numbers):.1f}", price, "0", "1.5", 2]
        closed = self.rows[:number]
        if self.fault and self.fault.revised and after_ms <= 1_000:
            at_s, first, _, low, *rest = closed[-1]
            closed = [*closed[:-1], [at_s, first, low, low, low, *rest[1:]]]
        self.plain.candles = [] if self.fault and self.fault.is_empty else [*closed, now]

    async def _stream(self, number: int, price: float, after_ms: int) -> None:
        at_ms, opened, *_ = self.candles.candle(number)
        row: Row = (at_ms, opened, max(opened, price), min(opened, price), price, 1.0 + after_ms / 1000)
        kind = self.fault.messages if self.fault else ""
        sent = [(price, row)]
        if kind == "duplicate":
            sent = sent * 3
        elif kind == "late":
            self._late.append((price, row))
            sent = [self._late.pop(0)] if len(self._late) > 3 else []
        elif kind == "out of order":
            before = self.candles.candle(number - 1)
            sent = [(price, row), (before.close, (before.open_at_ms, *before[1:6]))]
        for shown, each in sent:
            await self.server.candle(self.symbol, 60, each)
            await self.server.ticker(self.symbol, shown, self.clock.at_ms)
        if kind == "wrong symbol":
            await self.server.candle(OTHERS[self.name], 60, (at_ms, 2_000.0, 2_001.0, 1_999.0, 2_000.0, 1.0))
            await self.server.candle(self.symbol, 60, (at_ms, 2_000.0, 2_001.0, 1_999.0, 2_000.0, 1.0 + after_ms))
            await self.server.ticker(self.symbol, 2_000.0, self.clock.at_ms)

    async def _cycle(self) -> None:
        await self.autopilot.run_cycle()
        assert self.stream
        self.stream.compare()
        shown = {int(row[0]) * 1000: float(row[4]) for row in self.plain.candles[-30:]}
        for at_ms, price in self.database.rows("SELECT candle_at_ms, price FROM decisions"):
            if at_ms not in self._seen:
                self._seen.add(at_ms)
                self.counts["decisions"] += 1
                if at_ms + HOUR_MS > self.clock.at_ms or abs(price - shown[at_ms]) > 1e-9:
                    self.wrong.append(f"{self.fault and self.fault.name}: {at_ms} at {price}")

    def missing(self, begin: int, end: int) -> list[int]:
        """The hours in [begin, end) that were never decided."""
        return [number for number in range(begin, end) if int(self.rows[number][0]) * 1000 not in self._seen]

    @property
    def holds(self) -> bool:
        """Whether the position that was bought at the begin is still held."""
        return bool(self.database.rows("SELECT 1 FROM positions"))

    def unlike(self) -> int:
        """How many of the stored candles since the begin differ from the exchange's final ones."""
        begin_ms = int(self.rows[FIRST][0]) * 1000
        stored = SqliteCandles(self.database).load_candles(self.name, self.symbol, H1, since_ms=begin_ms)
        final = {int(row[0]) * 1000: float(row[4]) for row in self.rows}
        times, closes = stored.open_at_ms.tolist(), stored.close.tolist()
        return sum(final[at_ms] != close for at_ms, close in zip(times, closes, strict=True))

    @property
    def state(self) -> StreamState:
        status = self.streams.status(self.symbol)
        assert status
        return status.state


async def struck(world: FeedWorld, fault: Fault, hours: tuple[int, int, int]) -> int:
    """So many hours before the fault, with it, and after it. Returns the number of the hour after the last one."""
    number = FIRST
    world.follow()
    await world.server.subscribed(2)
    for kind, count in zip((None, fault, None), hours, strict=True):
        await world.enter(kind)
        for _ in range(count):
            await world.hour(number)
            number += 1
    return number


@dataclass
class _LocalClock:
    """This machine's wall clock, which may be wrong."""

    clock: FakeClock
    world: list[FeedWorld] = field(default_factory=list)

    def now_ms(self) -> int:
        fault = self.world[0].fault if self.world else None
        return self.clock.at_ms + (fault.ahead_ms if fault else 0)


@asynccontextmanager
async def feed_world(
    name: str, data_dir: Path, candles: Candles, patch: pytest.MonkeyPatch
) -> AsyncIterator[FeedWorld]:
    """A paper account on ``name``, with 1,000 stored candles, as in the daemon."""
    clock = FakeClock()
    clock.at_ms = int(candles.open_at_ms[FIRST])
    local = _LocalClock(clock)
    patch.setattr(WallClock, "now_ms", lambda _: local.now_ms())
    patch.setattr(SteadyClock, "now_ms", lambda _: clock.at_ms)
    plain: Any = {"kraken": KrakenExchange, "binance": BinanceExchange}[name](clock.now_ms)
    server = {"kraken": StreamingKraken, "binance": StreamingBinance}[name]()
    await asyncio.gather(plain.start(), server.start())
    worlds: list[FeedWorld] = local.world

    async def opened(name: str, timeout_s: float, base_url: str | None, **more: Any) -> Any:
        made = await open_exchange(name, timeout_s, plain.url, **{**more, "enableRateLimit": False})
        made.timeout_on_exit = 0
        return made

    patch.setattr(public_exchange, "open_exchange", opened)
    paths = find_paths(data_dir=data_dir)
    database = open_database(paths.database)
    config = AutopilotConfig.of({"exchange": name, "min_confidence_threshold": 0.0, "data": {"stream": "off"}})
    symbol, account = SYMBOLS[name], f"paper:{name}"
    SqliteCandles(database).save_candles(name, symbol, candles[:FIRST])
    strategies, watch = StrategySet((AlwaysBuys(),)), AccountWatch(clock, EventLog(clock.now_ms))
    readings = FirstReadings(database, None, FIRST_READER)
    champions = Champions(SqliteModels(database), ModelFiles(paths.models_dir), strategies.groups, DAY_MS, readings)
    accounts = AccountOpener(config, database, EventLog(clock.now_ms), Restrictions(watch))
    venue = Wiring(accounts, strategies, NeutralSentiment(), champions, watch).open_venue(account)
    assert isinstance(venue.source, CcxtCandles)
    streams = CcxtStreams(venue.source._exchange, base_url=server.url, least_pause_s=0.0002)
    venue = replace(venue, streams=streams)
    settings = config.trading(symbol, exchange=name, timeframe=H1, interval_s=60.0, auto_execute=True)
    made = FeedWorld(name, clock, plain, server, candles, venue.make(settings), streams, database)
    worlds.append(made)
    try:
        yield made
    finally:
        if made.stream:
            await made.stream.end()
        await venue.close()
        database.close()
        await asyncio.gather(plain.stop(), server.stop())
