"""The list of trainings."""

from __future__ import annotations

from typing import Any

import pytest

from autopilot.cli.render.layout import lines, plain, text_of
from autopilot.cli.render.training import task_screen, tasks_screen

BANNER = "SIMULATED MARKET – prices are made up"


def task(exchange: str, **changed: Any) -> dict[str, Any]:
    request = {"exchange": exchange, "symbols": ["BTC/USD", "ETH/USD"], "timeframe": "1h", "days": 90}
    nothing = {"result": None, "error": None, "started_at_ms": 1_714_568_400_000}
    return {"id": "1f3a9c2b", "state": "running", "request": request, **nothing, **STAGE, **changed}


STAGE = {"stage": "folds", "done": 3, "total": 8, "detail": ""}


@pytest.mark.parametrize(("exchange", "is_named"), [("simulated", True), ("kraken", False)])
def test_a_simulated_market_is_named(exchange, is_named) -> None:
    assert (BANNER in plain(tasks_screen({"tasks": [task(exchange)]}))) is is_named
    assert (BANNER in plain(task_screen(task(exchange)))) is is_named


def test_in_a_pipe_the_list_has_every_column() -> None:
    head, row = plain(tasks_screen({"tasks": [task("kraken")]}))
    assert head.split() == ["task", "state", "started", "progress", "market", "symbols", "days"]
    assert row.split() == [
        *("1f3a9c2b", "running", "2024-05-01", "13:00Z", "folds", "3/8", "kraken", "BTC/USD,", "ETH/USD", "90")
    ]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_the_list_fits_its_terminal(width) -> None:
    failed = task("kraken", error={"message": "the exchange gave no candles for the whole period", "hint": ""})
    shown = [text_of(item) for item in lines(tasks_screen({"tasks": [failed]}), width)]
    assert max(map(len, shown)) <= width
    assert shown[0].startswith("task      state")
