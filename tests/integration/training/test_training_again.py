"""The training that follows when a champion has lost its skill: of what that one was trained on."""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fake_clock import FakeClock
from small_models import small_card

from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.tasks import SqliteTasks
from autopilot.app.training.tasks import TrainingTasks
from autopilot.config.paths import find_paths

WAITS = ("sh", "-c", "exec sleep 600")
"""A training that does not end by itself."""
WANTED = {"exchange": "kraken", "timeframe": "5m", "symbols": ["ETH/USD", "SOL/USD"], "days": 400}


async def trained() -> None:
    """Nothing follows."""


@pytest.mark.parametrize(
    ("card", "begun"),
    [(WANTED, [WANTED]), (WANTED | {"exchange": "simulated"}, [WANTED | {"exchange": "simulated"}])],
    ids=["real", "simulated"],
)
async def test_it_is_of_the_candles_that_the_champion_was_trained_on(
    tmp_path: Path, card: dict[str, Any], begun: list[dict[str, Any]]
) -> None:
    paths = find_paths(None, tmp_path, {})
    with closing(open_database(paths.database)) as database:
        store = SqliteTasks(database)
        trainings = TrainingTasks(paths, store, FakeClock(1), trained, program=WAITS)
        await trainings.start_again(small_card("m-1", **card))
        requests = [task.request for task in store.unfinished()]
        await trainings.close()
    assert [{name: request[name] for name in WANTED} for request in requests] == begun


async def test_while_another_training_runs_it_is_not_begun_and_that_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = find_paths(None, tmp_path, {})
    with closing(open_database(paths.database)) as database:
        store = SqliteTasks(database)
        trainings = TrainingTasks(paths, store, FakeClock(1), trained, program=WAITS)
        await trainings.start_again(small_card("m-1", **WANTED))
        with caplog.at_level(logging.WARNING):
            await trainings.start_again(small_card("m-2", **WANTED | {"exchange": "binance"}))
        assert "no training was begun" in caplog.text
        assert [task.request["exchange"] for task in store.unfinished()] == ["kraken"]
        await trainings.close()
