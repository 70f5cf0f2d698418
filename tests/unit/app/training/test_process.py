"""A training request as a task stores it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autopilot.app.training.process import new_task, request_of
from autopilot.domain.errors import StoreCorrupt
from autopilot.domain.timeframe import Timeframe
from autopilot.training.request import TrainingRequest

REQUEST = TrainingRequest("kraken", ("BTC/USD", "ETH/USD"), Timeframe.H4, 90, 10, seed=7, surrogate=True)


def test_a_task_keeps_its_request() -> None:
    task = new_task(REQUEST, 1_700_000_000_000)
    assert task.request == {
        "exchange": "kraken",
        "symbols": ["BTC/USD", "ETH/USD"],
        "timeframe": "4h",
        "days": 90,
        "source": None,
        "download": True,
        "min_samples_per_strategy": 10,
        "seed": 7,
        "surrogate": True,
    }
    assert request_of(task) == REQUEST


def test_a_task_of_an_earlier_version_is_still_read() -> None:
    task = new_task(REQUEST, 0)
    older = {name: value for name, value in task.request.items() if name not in ("seed", "surrogate")}
    assert request_of(replace(task, request=older)) == replace(REQUEST, seed=1, surrogate=False)
    newer = task.request | {"gpu": True}
    assert request_of(replace(task, request=newer)) == REQUEST


@pytest.mark.parametrize("changed", [{"timeframe": "7h"}, {"days": "soon"}, {"symbols": None}])
def test_a_request_that_cannot_be_read_is_a_corrupt_store(changed: dict[str, object]) -> None:
    task = new_task(REQUEST, 0)
    with pytest.raises(StoreCorrupt, match="training request"):
        request_of(replace(task, request=task.request | changed))
