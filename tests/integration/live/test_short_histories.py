"""Paper trading on a Kraken that gives its latest 720 candles and no more, wired as in the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
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
from autopilot.adapters.exchange import ccxt_source, public_exchange
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
from autopilot.adapters.store.views.queries import decision, decisions
from autopilot.adapters.store.views.status import status_document
from autopilot.analysis.market_analyzer import WINDOW
from autopilot.analysis.regime import WARM_UP
from autopilot.app.parity import parity
from autopilot.app.report.period import period_report
from autopilot.app.trading.accounts import AccountOpener
from autopilot.app.trading.autopilots import Venue, Wiring
from autopilot.config.paths import Paths, find_paths
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.candles import Candles
from autopilot.domain.errors import NotFound
from autopilot.domain.market import MarketKind
from autopilot.domain.progress import unwatched
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.engine import lent_candles, passing_over
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


@pytest.fixture
async def fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random_candles: Callable[..., Candles]
) -> AsyncIterator[Fresh]:
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
    made = Fresh(find_paths(data_dir=tmp_path), clock, kraken, coinbase, random_candles(6, 3_400))
    yield made
    await made.stop()
    await asyncio.gather(kraken.stop(), coinbase.stop())


OWN = {"count": 719, "joined": 0, "joined_from": None, "left_out": []}
"""Of the 720 the last one is open."""
JOINED = {"count": WINDOW, "joined": 281, "joined_from": "coinbase", "left_out": []}


@pytest.mark.parametrize(("lender", "basis"), [("", OWN), ("kraken", OWN), ("coinbase", JOINED)])
async def test_a_fresh_account_decides_at_the_first_close(fresh: Fresh, lender: str, basis: dict[str, Any]) -> None:
    fresh.lender = lender
    await fresh.start()
    await fresh.cycle(2_000)
    assert fresh.decided() == [(1_999, basis)]
    await fresh.cycle(2_001)
    assert [number for number, _ in fresh.decided()] == [1_999, 2_000]
    found = decision(fresh.paths.database, SYMBOL)
    assert found["selection"]["decided_by"] == "rules"
    if basis is OWN:
        assert found["selection"]["note"].startswith("no model is asked with 720 candles, it needs 1,000")
    assert len(fresh.stored("kraken")) == 720
    assert len(fresh.stored("coinbase")) == basis["joined"], "in a series of its own"


async def test_lent_candles_come_from_the_store_after_a_restart(fresh: Fresh) -> None:
    fresh.lender = "coinbase"
    await fresh.start()
    await fresh.cycle(2_000)
    await fresh.coinbase.stop()
    await fresh.start()
    await fresh.cycle(2_001)
    assert fresh.decided()[-1] == (2_000, JOINED | {"joined": 280})


@pytest.mark.parametrize("trouble", ["gone", "silent", "no market"])
async def test_a_lender_in_trouble_holds_nothing_up(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(lent_candles, "PATIENCE_S", 0.05)
    fresh.lender = "coinbase"
    if trouble == "gone":
        await fresh.coinbase.stop()
    elif trouble == "no market":
        fresh.coinbase.gone.add("BTC")
    else:
        history = ccxt_source.CcxtCandles.history

        async def wait(source: ccxt_source.CcxtCandles, *arguments: Any) -> Candles:
            if source.name == "coinbase":
                await asyncio.Event().wait()
            return await history(source, *arguments)

        monkeypatch.setattr(ccxt_source.CcxtCandles, "history", wait)
    autopilot = await fresh.start()
    async with asyncio.timeout(4):
        await fresh.cycle(2_000)
    assert fresh.decided() == [(1_999, OWN)]
    assert autopilot.record.errors == 0


async def test_after_an_import_and_a_restart_every_candle_has_its_window(fresh: Fresh) -> None:
    await fresh.start()
    await fresh.cycle(2_000)
    assert fresh.database
    imported = fresh.candles[300:2_003]
    SqliteCandles(fresh.database).save_candles("kraken", SYMBOL, imported)
    await fresh.start()
    await fresh.cycle(2_006)
    whole = {"count": WINDOW, "joined": 0, "joined_from": None, "left_out": []}
    assert fresh.decided()[1:] == [(number, whole) for number in range(2_000, 2_006)]


async def test_an_import_counts_without_a_restart_within_an_hour(fresh: Fresh) -> None:
    await fresh.start()
    await fresh.cycle(2_000)
    assert fresh.database
    SqliteCandles(fresh.database).save_candles("kraken", SYMBOL, fresh.candles[300:1_990])
    await fresh.cycle(2_001)
    assert fresh.decided()[-1][1]["count"] == WINDOW


async def test_after_a_long_pause_what_cannot_be_decided_is_passed_over(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing_over, "MAX_CATCH_UP", 70)
    await fresh.start()
    await fresh.cycle(2_000)
    await fresh.start()
    await fresh.cycle(2_400)
    await fresh.start()
    await fresh.cycle(3_200)
    numbers = [number for number, _ in fresh.decided()]
    assert numbers == [1_999, *range(2_330, 2_400), *range(3_130, 3_200)], "the latest 70"
    counts = [basis["count"] for _, basis in fresh.decided()]
    assert counts == [719] + [WINDOW] * 140
    later, earlier = decisions(fresh.paths.database, limit=600)["passed"]
    assert [(each["candles"], each["code"]) for each in (earlier, later)] == [(330, "MISSED"), (730, "MISSED")]
    assert [fresh.number(later[name]) for name in ("first_at_ms", "last_at_ms")] == [2_400, 3_129]
    assert fresh.health() == []


async def test_a_young_market_is_passed_over_until_the_rules_can_decide(fresh: Fresh) -> None:
    fresh.first = 1_450
    await fresh.start()
    await fresh.cycle(1_998)
    await fresh.cycle(1_999)
    assert fresh.decided() == []
    with pytest.raises(NotFound, match=r"no candle of BTC/USD was decided yet: 549 candles of 1h are too few.*550"):
        decision(fresh.paths.database, SYMBOL)
    (passed,) = decisions(fresh.paths.database)["passed"]
    assert (fresh.number(passed["first_at_ms"]), passed["candles"]) == (1_997, 2)
    assert fresh.health() == [("HISTORY_TOO_SHORT", "warning", "BTC/USD")]
    await fresh.cycle(2_000)
    assert fresh.health() == []
    assert fresh.decided() == [(1_999, OWN | {"count": 550, "left_out": ["confirmed", "consensus"]})]
    assert decision(fresh.paths.database, SYMBOL)["passed"] is None
    await fresh.start()
    await fresh.cycle(2_001)
    assert [number for number, _ in fresh.decided()] == [1_999, 2_000]


@pytest.mark.parametrize("lender", ["", "coinbase"])
async def test_what_was_decided_on_other_candles_is_set_aside_by_parity(fresh: Fresh, lender: str) -> None:
    fresh.lender = lender
    await fresh.start()
    for number in range(2_000, 2_040):
        await fresh.cycle(number)
    assert fresh.database
    assert fresh.samples() == [], "neither short windows nor lent candles are learned from"
    found = await asyncio.to_thread(parity, fresh.paths, fresh.config, 30, unwatched)
    assert (found["recorded"], found["again"], found["differences"]) == (0, 0, [])
    assert found["notes"][-1].startswith("decisions with a signal that had fewer than 1,000 candles")
    assert found["notes"][-1].endswith(f"not compared: {found['set_aside']}")
    SqliteCandles(fresh.database).save_candles("kraken", SYMBOL, fresh.candles[300:1_282])
    await fresh.start()
    for number in range(2_040, 2_065):
        await fresh.cycle(number)
    assert len(fresh.decided()) == 65
    assert fresh.samples()[0] > 300 + WARM_UP
    ((signals,),) = fresh.database.rows("SELECT count(*) FROM decisions WHERE signal_type <> 'none'")
    found = await asyncio.to_thread(parity, fresh.paths, fresh.config, 30, unwatched)
    assert found["differences"] == []
    assert found["set_aside"] > 2
    assert found["recorded"] + found["set_aside"] == signals
    assert found["fills"]["recorded"] == found["fills"]["again"] > 0
    assert abs(float(found["cost"]["total"])) < 0.01
    report = await asyncio.to_thread(period_report, fresh.paths, fresh.config, None)
    assert report.document["signals"] == signals
