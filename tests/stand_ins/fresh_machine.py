"""A machine on which Autopilot was just installed, before a loopback Kraken and Coinbase with the same market."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coinbase_exchange import CoinbaseExchange
from fake_clock import FakeClock
from kraken_exchange import KrakenExchange

from autopilot.adapters.clock import SteadyClock, WallClock
from autopilot.adapters.exchange import public_exchange
from autopilot.adapters.exchange.ccxt_setup import open_exchange
from autopilot.adapters.models.champions import Champions
from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.models.first_reading import FIRST_READER
from autopilot.adapters.models.readings import FirstReadings
from autopilot.adapters.sentiment.offline import NeutralSentiment
from autopilot.adapters.store.autopilots import AutopilotEntry, SqliteAutopilots
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.compact_documents import decision_document
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.models import SqliteModels
from autopilot.adapters.store.views.problems import problems
from autopilot.adapters.store.views.status import status_document
from autopilot.app.trading.accounts import AccountOpener
from autopilot.app.trading.autopilots import Venue, Wiring
from autopilot.config.paths import Paths, find_paths
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.candles import Candles
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.engine.account_watch import AccountWatch
from autopilot.engine.events import EventLog
from autopilot.engine.intelligent_autopilot import IntelligentAutopilot
from autopilot.engine.state import RunState
from autopilot.execution.restrictions import Restrictions
from autopilot.strategies.registry import StrategySet, load_strategies

H1 = Timeframe.H1
ACCOUNT, SYMBOL = "paper:kraken", "BTC/USD"


@dataclass
class Fresh:
    """A machine, and two exchanges with the same market. ``candles``: the whole history of that market."""

    paths: Paths
    clock: FakeClock
    kraken: KrakenExchange
    coinbase: CoinbaseExchange
    candles: Candles
    lender: str = ""
    first: int = 0
    """The first candle that the market has: it may be a young one."""
    database: Database | None = None
    venue: Venue | None = None
    autopilot: IntelligentAutopilot | None = None

    def at(self, number: int) -> None:
        """When candle ``number`` opens."""
        self.clock.at_ms = int(self.candles.open_at_ms[number])
        at_s, opened, *_ = self.rows[number]
        self.kraken.candles = [*self.rows[self.first : number], [at_s, *[opened] * 4, "0", "0", 0]]
        self.coinbase.candles = [
            [at_s, *(f"{1.001 * float(each):.2f}" for each in prices[:4]), *prices[4:]]
            for at_s, *prices in self.kraken.candles[-1_500:]
        ]

    @cached_property
    def rows(self) -> list[list[Any]]:
        return [_row(self.candles, index) for index in range(len(self.candles))]

    @property
    def config(self) -> AutopilotConfig:
        return AutopilotConfig.of(
            {"exchange": "kraken", "min_confidence_threshold": 0.0, "data": {"history_exchange": self.lender}}
        )

    async def start(self, strategies: StrategySet | None = None) -> IntelligentAutopilot:
        """As a new process does."""
        await self.stop()
        self.database = database = open_database(self.paths.database)
        strategies = strategies or load_strategies()
        events, watch = EventLog(self.clock.now_ms), AccountWatch(self.clock, EventLog(self.clock.now_ms))
        readings = FirstReadings(database, None, FIRST_READER)
        files = ModelFiles(self.paths.models_dir)
        champions = Champions(SqliteModels(database), files, strategies.groups, DAY_MS, readings)
        accounts = AccountOpener(self.config, database, events, Restrictions(watch))
        self.venue = Wiring(accounts, strategies, NeutralSentiment(), champions, watch).open_venue(ACCOUNT)
        settings = self.config.trading(SYMBOL, exchange="kraken", timeframe=H1, interval_s=60.0, auto_execute=True)
        SqliteAutopilots(database).save_autopilot(
            AutopilotEntry(
                symbol=SYMBOL,
                exchange="kraken",
                market=MarketKind.REAL,
                account=ACCOUNT,
                timeframe=H1,
                interval_s=60.0,
                paper_trading=True,
                auto_execute=True,
                running=True,
                started_at_ms=self.clock.at_ms,
            )
        )
        self.autopilot = self.venue.make(settings)
        return self.autopilot

    async def stop(self) -> None:
        if self.venue:
            await self.venue.close()
        if self.database:
            self.database.close()
        self.venue = self.database = self.autopilot = None

    async def cycle(self, number: int) -> None:
        assert self.autopilot
        self.at(number)
        await self.autopilot.run_cycle()
        assert self.autopilot.record.state is RunState.RUNNING, self.autopilot.record.message

    def decided(self) -> list[tuple[int, dict[str, Any]]]:
        """(number of the candle, basis) of each decision, oldest first."""
        assert self.database
        rows = self.database.rows("SELECT candle_at_ms, document FROM decisions ORDER BY candle_at_ms")
        return [(self.number(row[0]), decision_document(row[1])["basis"]) for row in rows]

    def health(self) -> list[tuple[str, str, str]]:
        """(code, level, subject) of each problem of the symbol while it runs."""
        assert self.database
        status = status_document(self.paths.database, self.clock.at_ms)
        status["symbols"][0]["running"] = True
        found = problems(self.database, status, {})
        return [(each["code"], each["level"], each["subject"]) for each in found if each["code"] != "DISK_NEARLY_FULL"]

    def samples(self) -> list[int]:
        """The numbers of the candles that were learned from."""
        assert self.database
        rows = self.database.rows("SELECT candle_at_ms FROM performance_samples ORDER BY 1")
        return [self.number(row[0]) for row in rows]

    def number(self, open_at_ms: int) -> int:
        return int(np.searchsorted(self.candles.open_at_ms, open_at_ms))

    def stored(self, exchange: str) -> Candles:
        assert self.database
        return SqliteCandles(self.database).load_candles(exchange, SYMBOL, H1)


def _row(candles: Candles, index: int) -> list[Any]:
    """As Kraken spells it."""
    at_ms, *prices, volume = candles.candle(index)
    return [at_ms // 1000, *(f"{each:.1f}" for each in _sound(*prices)), "0", f"{volume:.4f}", 9]


def _sound(opened: float, high: float, low: float, close: float) -> tuple[float, float, float, float]:
    return opened, high + 0.1, low - 0.1, close


@asynccontextmanager
async def fresh_machine(data_dir: Path, monkeypatch: pytest.MonkeyPatch, candles: Candles) -> AsyncIterator[Fresh]:
    clock = FakeClock()
    for each in (WallClock, SteadyClock):
        monkeypatch.setattr(each, "now_ms", lambda self: clock.at_ms)
    kraken, coinbase = KrakenExchange(clock.now_ms), CoinbaseExchange(clock.now_ms)
    await asyncio.gather(kraken.start(), coinbase.start())
    urls = {"kraken": kraken, "coinbase": coinbase}

    async def opened(name: str, timeout_s: float, base_url: str | None, **more: Any) -> Any:
        made = await open_exchange(name, timeout_s, urls[name].url, **{**more, "enableRateLimit": False})
        made.timeout_on_exit = 0
        return made

    monkeypatch.setattr(public_exchange, "open_exchange", opened)
    made = Fresh(find_paths(data_dir=data_dir), clock, kraken, coinbase, candles)
    yield made
    await made.stop()
    await asyncio.gather(kraken.stop(), coinbase.stop())
