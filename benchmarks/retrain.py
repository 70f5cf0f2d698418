"""How long training takes: as a user first does it, on a busy machine, with more symbols; and what a score costs."""

from __future__ import annotations

import json
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from autopilot.adapters.exchange.offline_markets.simulated_market import ASSETS
from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.models.scoring_model import ScoringModel
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.models import SqliteModels
from autopilot.config.paths import find_paths
from autopilot.strategies.registry import load_strategies
from benchmarks.memory import memory
from benchmarks.running import autopilot, configured
from benchmarks.table import Figure, print_table

SMALL_GOAL_S = 15.0
LOADED_GOAL = 2.5
LARGE_GOAL_S = 90.0
PREDICT_GOAL_MS = 2.0
CONTRIBUTIONS_GOAL_MS = 20.0
MEMORY_GOAL_MB = 4096.0
FOUR_YEARS = 1460
ROUNDS = 200


def main(_: list[str]) -> int:
    with configured({"exchange": "simulated"}) as directory:
        alone = _train(directory, ["BTC/USD", "ETH/USD"], 90)
        with _busy_processors():
            loaded = _train(directory, ["BTC/USD", "ETH/USD"], 90)
        print_table(
            "autopilot retrain --days 90, BTC/USD and ETH/USD, whole command",
            [
                Figure("beside a busy process a processor", loaded[0], "s"),
                Figure("alone", alone[0], "s", SMALL_GOAL_S, _stages(alone[1])),
            ],
        )
        print(f"    goal ≤ {LOADED_GOAL:g} × alone: {'met' if loaded[0] <= LOADED_GOAL * alone[0] else 'MISSED'}")
        _predict(directory)
    for count in (5, 10, 20):
        with configured({"exchange": "simulated"}) as directory, memory() as used_mb:
            seconds, spent = _train(directory, [f"{base}/USD" for base in list(ASSETS)[:count]], FOUR_YEARS)
        goal, memory_goal = (LARGE_GOAL_S, MEMORY_GOAL_MB) if count == 20 else (None, None)
        print_table(
            f"{count} symbols × 4 years × 1h, whole command",
            [
                Figure("retrain", seconds, "s", goal, _stages(spent)),
                Figure("largest memory of all its processes", max(used_mb), "MB", memory_goal),
            ],
        )
    return 0


def _train(directory: Path, symbols: list[str], days: int) -> tuple[float, dict[str, float]]:
    """(wall time of the whole command, seconds by stage)."""
    named = [word for symbol in symbols for word in ("--symbol", symbol)]
    begin = time.perf_counter()
    answer = autopilot(directory, "retrain", "--days", str(days), *named, "--json")
    return time.perf_counter() - begin, json.loads(answer)["result"]["seconds"]


def _stages(seconds: dict[str, float]) -> str:
    return ", ".join(f"{stage} {spent:.1f}" for stage, spent in seconds.items() if spent >= 0.05)


def _spin() -> None:
    while True:
        sum(range(100_000))


@contextmanager
def _busy_processors() -> Iterator[None]:
    spinning = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(multiprocessing.cpu_count())]
    for process in spinning:
        process.start()
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.join()


def _predict(directory: Path) -> None:
    paths = find_paths(None, directory, {})
    with closing(open_database(paths.database)) as database:
        entry = SqliteModels(database).entries()[0]
    text, card = ModelFiles(paths.models_dir).read(entry.id, entry.sha256)
    model = ScoringModel.read(entry, text, card, load_strategies().groups)
    row = np.random.default_rng(1).normal(size=(1, len(model.features)))
    one = model.ensemble.groups[0].booster
    print_table(
        f"One decision scored by all {len(model.ensemble.groups)} members (median of {ROUNDS})",
        [
            Figure("all heads", _median_ms(lambda: model.ensemble.predict(row)), "ms", PREDICT_GOAL_MS),
            Figure(
                "contributions to one group",
                _median_ms(lambda: model.ensemble.contributions(row, 0)),
                "ms",
                CONTRIBUTIONS_GOAL_MS,
            ),
            Figure("one booster of five heads", _median_ms(lambda: one.predict(row)), "ms"),
        ],
    )


def _median_ms(call: Callable[[], object]) -> float:
    taken = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        call()
        taken.append((time.perf_counter() - begin) * 1000)
    return statistics.median(taken)
