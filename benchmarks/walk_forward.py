"""The CPU time of a backtest with walk-forward models: the first time, asked again, and with more years of history."""

from __future__ import annotations

import json
import resource
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from autopilot.adapters.imports.candle_files import import_path
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database, open_database
from autopilot.config.paths import find_paths
from autopilot.domain.signal import STRATEGY_GROUPS
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.selection.strategy_rules import StrategyProfile
from autopilot.training.data.training_set import TrainingSet
from autopilot.training.model.fit import FitSettings, fit
from benchmarks.running import autopilot, configured, real_candles
from benchmarks.table import Figure, print_table

FILES = ("BINANCE_BTC-USDT_1h.csv.gz", "BINANCE_ETH-USDT_1h.csv.gz")
SYMBOLS = ("BTC/USDT", "ETH/USDT")
TESTED_DAYS = 365
HISTORIES_YEARS = (2, 4, 7)
SAMPLES, FEATURES, STRATEGIES = 4300, 139, 14
"""Those of two symbols over seven years."""


def run() -> None:
    folder = real_candles()
    if folder is None:
        print("\nwalk-forward models: AUTOPILOT_TEST_DATA names no real candles")
        return
    yardstick = Figure("one model of 4,300 samples, trained in this process", one_fit_s(), "s")
    for years in HISTORIES_YEARS:
        first_s, again_s, models = measure(folder, years)
        for name, seconds in (("first time", first_s), ("asked again", again_s)):
            figure = Figure(name, seconds, "s", note=f"{models} models decided")
            print_table(f"autopilot backtest, a year of {years}, two symbols, CPU", [figure, yardstick])


def measure(folder: Path, years: int) -> tuple[float, float, int]:
    """CPU seconds (user and system, all processes) of the default backtest of the last year, the first time and again,
    on the last ``years`` of the candles in ``folder``; and the number of models that decided."""
    settings = {"exchange": "binance", "symbols": list(SYMBOLS)}
    with configured(settings) as directory, configured(settings) as whole:
        with closing(_database(directory)) as last, closing(_database(whole)) as every:
            for file in FILES:
                report = import_path(SqliteCandles(every), folder / file)[0]
                candles = SqliteCandles(every).load_candles(report.exchange, report.symbol, report.timeframe)
                kept = candles[-years * 365 * Timeframe.H1.per_day :]
                SqliteCandles(last).save_candles(report.exchange, report.symbol, kept)
        first_s, found = _backtest(directory)
        again_s, same = _backtest(directory)
    assert found == same, "asked again, the answer is the same"
    return first_s, again_s, len(json.loads(found)["models"])


def _database(directory: Path) -> Database:
    return open_database(find_paths(None, directory, {}).database)


def _backtest(directory: Path) -> tuple[float, str]:
    """(CPU seconds, the document)."""
    before = _children_s()
    found = autopilot(directory, "backtest", "--days", str(TESTED_DAYS), "--json")
    return _children_s() - before, found


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def one_fit_s() -> float:
    """CPU seconds of one whole model, on noise."""
    random = np.random.default_rng(1)
    at_ms = np.sort(random.integers(0, 7 * 365, SAMPLES)) * DAY_MS
    unit = np.full(SAMPLES, 0.02)
    data = TrainingSet(
        names=tuple(f"feature_{number}" for number in range(FEATURES)),
        strategies=tuple(StrategyProfile(f"s{at}", STRATEGY_GROUPS[at % 5], {}) for at in range(STRATEGIES)),
        symbols=SYMBOLS,
        features=random.normal(size=(SAMPLES, FEATURES)),
        returns=random.normal(size=(SAMPLES, STRATEGIES)) * unit[:, None],
        picks=np.tile(np.arange(5), (SAMPLES, 1)),
        best_past=np.zeros(SAMPLES, dtype=np.int64),
        latest=np.zeros((SAMPLES, STRATEGIES)),
        at_ms=at_ms,
        matured_ms=at_ms + DAY_MS,
        symbol=np.zeros(SAMPLES, dtype=np.int64),
        unit=unit,
        hold=np.zeros(SAMPLES),
        regime=np.zeros(SAMPLES, dtype=np.int8),
        rule_group=np.zeros(SAMPLES, dtype=np.int64),
    )
    begin = time.process_time()
    fit(data, np.arange(SAMPLES), FitSettings())
    return time.process_time() - begin


if __name__ == "__main__":
    run()
