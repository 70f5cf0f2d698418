"""The daemon's upkeep: the ballast comes back, the size is noted, and a pruning ends when the daemon does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_clock import FakeClock
from lock_holder import held_by_another_program

from autopilot.adapters.store.ballast import BALLAST_NAME
from autopilot.adapters.store.database import Database, open_database
from autopilot.daemon import upkeep as upkeep_module
from autopilot.daemon.scheduler import JobScheduler
from autopilot.daemon.upkeep import Upkeep
from autopilot.domain.timeframe import DAY_MS, MINUTE_MS

DAYS = 30


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "autopilot.db")
    yield opened
    opened.close()


def decide(database: Database) -> None:
    """A decision every half hour, on a real market."""
    with database.transaction(durable=False) as connection:
        connection.executemany(
            "INSERT INTO decisions VALUES (?, 'BTC/USD', 'paper:kraken', 'kraken', 'real', '30m', ?, ?, 'ranging',"
            " 'momentum', 'macd', 'rules', 0.5, 'none', 1.0, 'hold', NULL, NULL, NULL, '{}', NULL, NULL, NULL, NULL)",
            [(f"{at_ms:010x}", at_ms, at_ms) for at_ms in range(0, DAYS * DAY_MS, 30 * MINUTE_MS)],
        )


def decisions(database: Database) -> int:
    return int(database.rows("SELECT count(*) FROM decisions")[0][0])


@pytest.mark.parametrize("lose", ["release", "delete"])
async def test_the_ballast_comes_back_and_the_size_is_noted(database: Database, lose: str) -> None:
    database.ballast.keep()
    if lose == "release":
        database.ballast.release()
    else:
        (database.path.parent / BALLAST_NAME).unlink()
    assert not database.ballast.is_kept
    await Upkeep(database, FakeClock(DAY_MS), 0).look()
    assert database.ballast.is_kept
    assert [row[0] for row in database.rows("SELECT day FROM database_sizes")] == [1]


async def test_a_lock_is_noticed_though_nothing_is_written(database: Database) -> None:
    upkeep = Upkeep(database, FakeClock(DAY_MS), 0)
    with held_by_another_program(database.path):
        await upkeep.look()
        assert database.locked_at_ms is not None
    await upkeep.look()
    assert database.locked_at_ms is None


async def test_without_room_it_goes_on_without_noise(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.ballast.keep()
    database.ballast.release()
    monkeypatch.setattr(type(database.ballast), "keep", lambda _: False)
    upkeep = Upkeep(database, FakeClock(DAY_MS), 5)
    await upkeep.look()
    await upkeep.prune()
    assert database.rows("SELECT * FROM database_sizes") == []


async def test_old_decisions_are_deleted_while_the_loop_is_free(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep_module, "PAUSE_S", 0.0)
    decide(database)
    job = asyncio.create_task(Upkeep(database, FakeClock(), 5).prune())
    turns = 0
    while not job.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10
    # Those of seven days back from the newest one, and the first of each day before.
    assert decisions(database) == 7 * 48 + 1 + 23


async def test_a_pruning_ends_with_the_daemon(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep_module, "PAUSE_S", 60.0)
    decide(database)
    before, upkeep = decisions(database), Upkeep(database, FakeClock(), 5)
    job = asyncio.create_task(upkeep.prune())
    await asyncio.sleep(0)
    await upkeep.close()
    await job
    assert before - decisions(database) < 100


@pytest.mark.parametrize(("keep_days", "is_due"), [(0, False), (90, True)])
async def test_nothing_is_deleted_by_default(database: Database, keep_days: int, is_due: bool) -> None:
    scheduler = JobScheduler()
    Upkeep(database, FakeClock(), keep_days).schedule(scheduler)
    scheduler.start()
    assert (scheduler.next_run_ms("pruning") is not None) is is_due
    assert scheduler.next_run_ms("upkeep") is not None
    scheduler.stop()
