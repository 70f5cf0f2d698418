"""The whole autopilot without a model over a million candles, whole process."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.costs import Spent, spend
from benchmarks.documents import difference
from benchmarks.installation import ROOT, Installation
from benchmarks.rows.row import BEFORE_NEEDED, Bench, Check, Figure, Goal, Row

LENGTH = 1_000_000
SETTINGS = {"symbols": ["BTC/USD"], "exchange": "binance"}
BACKTEST = ("backtest", "--symbol", "BTC/USD", "--no-model", "--json")


def row(bench: Bench) -> Row:
    spent: dict[str, list[Spent]] = {each.name: [] for each in bench.both}
    with ExitStack() as opened:
        places = {each.name: opened.enter_context(each.configured(SETTINGS)) for each in bench.both}
        for installed in bench.both:
            store_made(installed, places[installed.name], LENGTH)
        for _ in range(max(1, bench.rounds // 3)):
            for installed in bench.both:
                spent[installed.name].append(tested(installed, places[installed.name], "1m", "--no-compare"))
    now = spent["now"]
    old = spent[bench.before.name] if bench.before else []
    cpu_s, old_s = (median(each.cpu_s for each in them) if them else None for them in (now, old))
    assert cpu_s is not None
    figures = [
        Figure.times("of the CPU before", cpu_s, old_s, Goal(0.55, 0.4), "" if old else BEFORE_NEEDED),
        Figure("CPU", cpu_s, "s", old_s),
        Figure("largest memory", _peak(now), "MiB", _peak(old), Goal(450, 300)),
        Figure("page faults", _faults(now), "thousands", _faults(old)),
    ]
    checks = [Check("`backtest --json`", same_backtests(old[0], now[0]))] if old else []
    how = f"`autopilot backtest --no-model --no-compare` over {LENGTH:,} candles at 1m from a seed."
    return Row("Whole autopilot without a model, 1M candles", how, figures, checks)


def store_made(installed: Installation, directory: Path, length: int) -> None:
    """Store so many candles of BTC/USD at 1m."""
    program = str(ROOT / "benchmarks" / "made_candles.py")
    spend([installed.python, program, str(directory / "autopilot.db"), "binance", "BTC/USD", str(length)])


def tested(installed: Installation, directory: Path, timeframe: str, *options: str) -> Spent:
    return installed.autopilot(directory, *BACKTEST, "--timeframe", timeframe, *options)


def same_backtests(before: Spent, now: Spent) -> str:
    """Of what both printed with --json."""
    old, new = json.loads(before.output), json.loads(now.output)
    found = difference(old, new)
    return f"{found} ({_counts(new)})" if found == "identical" else found


def _counts(found: dict[str, Any]) -> str:
    return f"{found['signals']:,} signals, {found['orders']:,} orders, {found['metrics']['trades']:,} trades"


def _peak(spent: list[Spent]) -> float | None:
    return max(each.peak_mib for each in spent) if spent else None


def _faults(spent: list[Spent]) -> float | None:
    return median(each.faults for each in spent) / 1000 if spent else None
