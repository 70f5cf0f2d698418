"""The process dies around every durable write, one after the other; the run's result is the same to the last digit."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from ready_database import ready_database

from autopilot.adapters.clock import WallClock
from autopilot.adapters.models.champions import Champions
from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.models.first_reading import FIRST_READER
from autopilot.adapters.models.readings import FirstReadings
from autopilot.adapters.sentiment.offline import NeutralSentiment
from autopilot.adapters.store.commit_group import CommitGroup
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.models import SqliteModels
from autopilot.adapters.store.views.bookkeeping import check_books
from autopilot.app.trading.accounts import AccountOpener
from autopilot.app.trading.autopilots import Wiring
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.engine.account_watch import AccountWatch
from autopilot.engine.events import EventLog
from autopilot.engine.state import RunState
from autopilot.execution.restrictions import Restrictions
from autopilot.strategies.registry import load_strategies

SYMBOLS = ("BTC/USD", "ETH/USD")
CONFIG = AutopilotConfig.of(
    {"exchange": "simulated", "simulated": {"end": "2024-01-03T12:00:00Z", "speed": 0.0, "seed": 3}}
)
"""The least confidence below is low, for an unrealistically busy market with much to lose."""
TABLES = ("decisions", "orders", "fills", "positions", "round_trips", "equity", "performance_samples", "paper_balances")


class Killed(BaseException):
    """No code of ours catches it, as none survives a SIGKILL."""


class MortalDatabase(Database):
    """Dies at its ``death``-th durable transaction, just before or just after that is committed. Before, the group of
    decisions that it would have committed is lost too."""

    def __init__(self, database: Database, death: int | None, *, after: bool) -> None:
        super().__init__(database.path, database.connection)
        self._death = death
        self._after = after
        self.durable = 0

    @contextmanager
    def transaction(self, *, durable: bool, grouped: bool = False) -> Iterator[Any]:
        self.durable += durable
        dies = durable and self.durable == self._death
        if dies and not self._after:
            raise Killed
        with super().transaction(durable=durable, grouped=grouped) as connection:
            yield connection
        if dies:
            raise Killed


async def trade(database: Database, *, may_fail: bool = False) -> None:
    """Both symbols to the end of their market. ``may_fail``: whether cycles may fail on the way."""
    database.group = CommitGroup(asyncio.get_running_loop().call_later)
    strategies, files = load_strategies(), ModelFiles(database.path.parent / "models")
    champions = Champions(
        SqliteModels(database), files, strategies.groups, DAY_MS, FirstReadings(database, None, FIRST_READER)
    )
    events = EventLog(lambda: 0)
    watch = AccountWatch(WallClock(), events)
    accounts = AccountOpener(CONFIG, database, events, Restrictions())
    wiring = Wiring(accounts, strategies, NeutralSentiment(), champions, watch)
    venue = wiring.open_venue("paper:simulated")
    config = AutopilotConfig(min_confidence_threshold=0.3)
    autopilots = [
        venue.make(
            config.trading(symbol, exchange="simulated", timeframe=Timeframe.H1, interval_s=60.0, auto_execute=True)
        )
        for symbol in SYMBOLS
    ]
    for symbol in SYMBOLS:
        decided_ms = SqliteLedger(database).last_decided_at_ms(venue.account, symbol, Timeframe.H1)
        venue.source.subscribe([symbol], Timeframe.H1, None if decided_ms is None else decided_ms + Timeframe.H1.ms)

    async def run(autopilot: Any) -> None:
        while autopilot.record.state is not RunState.FINISHED:
            await autopilot.run_cycle()
            await asyncio.sleep(0)
            assert may_fail or autopilot.record.errors == 0, autopilot.record.last_error

    async with asyncio.timeout(60):
        await asyncio.gather(*(run(autopilot) for autopilot in autopilots))


def run_to_the_end(path: Path, death: int | None = None, *, after: bool = False) -> int:
    """How many durable transactions there were; raises Killed."""
    opened = ready_database(path)
    database = MortalDatabase(opened, death, after=after)
    try:
        asyncio.run(trade(database))
    except Killed:
        opened.connection.rollback()
        raise
    finally:
        opened.close()
    return database.durable


def contents(path: Path) -> dict[str, list[list[Any]]]:
    database = open_database(path)
    try:
        return {
            table: sorted((_comparable(dict(row)) for row in database.rows(f"SELECT * FROM {table}")), key=repr)
            for table in TABLES
        }
    finally:
        database.close()


def _comparable(row: dict[str, Any]) -> list[Any]:
    return [value for name, value in row.items() if name != "id" or isinstance(value, str)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[list[Any]]], int]:
    path = tmp_path_factory.mktemp("whole") / "autopilot.db"
    writes = run_to_the_end(path)
    return contents(path), writes


def test_the_run_has_something_to_lose(whole: tuple[dict[str, list[list[Any]]], int]) -> None:
    result, writes = whole
    assert len(result["fills"]) >= 4
    assert len(result["round_trips"]) >= 1
    assert writes >= 20


@pytest.mark.parametrize("after", [False, True], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("share", [0.02, 0.13, 0.22, 0.35, 0.5, 0.61, 0.78, 1.0])
def test_a_death_around_a_durable_write_changes_nothing(
    whole: tuple[dict[str, list[list[Any]]], int], tmp_path: Path, share: float, after: bool
) -> None:
    expected, writes = whole
    path = tmp_path / "autopilot.db"
    with pytest.raises(Killed):
        run_to_the_end(path, max(1, round(share * writes)), after=after)
    run_to_the_end(path)
    assert check_books(path).disagreements == ()
    got = contents(path)
    for table in TABLES:
        assert got[table] == expected[table], table


def test_deaths_in_a_row_change_nothing(whole: tuple[dict[str, list[list[Any]]], int], tmp_path: Path) -> None:
    expected, _ = whole
    path = tmp_path / "autopilot.db"
    deaths: Sequence[int] = (2, 1, 3, 5, 1, 4, 6, 2, 3)
    for number, death in enumerate(deaths):
        with pytest.raises(Killed):
            run_to_the_end(path, death, after=number % 2 == 0)
    run_to_the_end(path)
    assert contents(path) == expected


class LosingDatabase(Database):
    """Those of its transactions that may be grouped and have these numbers make the COMMIT fail, which undoes the
    group."""

    def __init__(self, database: Database, numbers: Collection[int]) -> None:
        super().__init__(database.path, database.connection)
        self._numbers = numbers
        self._count = 0

    @contextmanager
    def transaction(self, *, durable: bool, grouped: bool = False) -> Iterator[Any]:
        with super().transaction(durable=durable, grouped=grouped) as connection:
            yield connection
            self._count += grouped
            if grouped and self._count in self._numbers:
                connection.execute("PRAGMA defer_foreign_keys = ON")
                connection.execute(
                    "INSERT INTO fills VALUES ('a', ?, 'no order', 'BTC/USD', 'buy', '1', '1', '0', 'USD', 0, 1)",
                    (str(self._count),),
                )


@pytest.mark.parametrize("numbers", [{1}, {5, 6, 7, 8}, {17, 40, 90}])
def test_candles_whose_group_could_not_be_committed_are_decided_again(
    whole: tuple[dict[str, list[list[Any]]], int],
    tmp_path: Path,
    numbers: Collection[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "autopilot.db"
    opened = open_database(path)
    asyncio.run(trade(LosingDatabase(opened, numbers), may_fail=True))
    opened.close()
    assert "are made again" in caplog.text or "FOREIGN KEY" in caplog.text
    assert check_books(path).disagreements == ()
    with closing(open_database(path)) as database:
        assert database.rows("SELECT 1 FROM fills WHERE account = 'a'") == []
        rows = database.rows("SELECT symbol, count(*), min(candle_at_ms), max(candle_at_ms) FROM decisions GROUP BY 1")
    assert sum(row[1] for row in rows) == len(whole[0]["decisions"])
    for _, count, first_ms, last_ms in rows:
        assert count == (last_ms - first_ms) // Timeframe.H1.ms + 1
