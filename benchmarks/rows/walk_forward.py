"""The default backtest of the last year: models from candles since 2017, and the same asked again."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.costs import Spent
from benchmarks.documents import difference
from benchmarks.installation import Installation
from benchmarks.rows.row import BEFORE_NEEDED, Bench, Check, Figure, Goal, Row
from benchmarks.running import real_candles

SYMBOLS = ("BTC/USDT", "ETH/USDT")
SETTINGS = {"symbols": list(SYMBOLS), "exchange": "binance"}
FIGURES = ("candles", "signals", "orders", "fills", "metrics")
"""Parts of the document that follow from the decisions."""


@dataclass(frozen=True, slots=True)
class Asked:
    first: Spent
    again: Spent


def row(bench: Bench) -> Row:
    work = "`autopilot backtest --days 365`, with models"
    folder = real_candles()
    if folder is None:
        return Row(work, "Two symbols of real candles since 2017.", [Figure.left_out("AUTOPILOT_TEST_DATA is not set")])
    found = {each.name: asked(each, folder) for each in bench.both}
    now = found["now"]
    old = found[bench.before.name] if bench.before else None
    old_s = old.first.cpu_s if old else None
    note = "" if old else BEFORE_NEEDED
    figures = [
        Figure.times("of the CPU before", now.first.cpu_s, old_s, Goal(0.15), note),
        Figure.times("asked again, of the CPU before", now.again.cpu_s, old_s, Goal(0.15, 0.05), note),
        Figure("CPU", now.first.cpu_s, "s", old_s),
        Figure("CPU, asked again", now.again.cpu_s, "s", old.again.cpu_s if old else None),
        Figure("largest memory", now.first.peak_mib, "MiB", old.first.peak_mib if old else None),
    ]
    checks = [Check("first and again, `--json`", _sameness(now.first, now.again))]
    if old:
        checks.append(Check("old and new, `--json`", _sameness(old.first, now.first)))
    how = (
        f"{' and '.join(SYMBOLS)} of Binance since 2017 at 1h, {_models(now.first)}. Measured once, with all processes."
    )
    return Row(work, how, figures, checks)


def asked(installed: Installation, folder: Path, years: int | None = None) -> Asked:
    """``years``: the latest of the history; None for all."""
    with installed.configured(SETTINGS) as directory, tempfile.TemporaryDirectory() as place:
        for symbol in SYMBOLS:
            name = f"BINANCE_{symbol.replace('/', '-')}_1h.csv"
            candles = Path(place) / name
            candles.write_text(latest(folder / f"{name}.gz", None if years is None else years * 365 * 24))
            installed.autopilot(directory, "data", "import", str(candles))
        first, again = (installed.autopilot(directory, "backtest", "--days", "365", "--json") for _ in range(2))
        return Asked(first, again)


def latest(packed: Path, rows: int | None) -> str:
    """The head and the last ``rows`` of a packed CSV file."""
    with gzip.open(packed, "rt") as lines:
        head, *found = lines
    return "".join([head, *(found if rows is None else found[-rows:])])


def _sameness(before: Spent, now: Spent, names: Sequence[str] = FIGURES) -> str:
    old, new = ({name: json.loads(each.output)[name] for name in names} for each in (before, now))
    return difference(old, new)


def _models(spent: Spent) -> str:
    found = json.loads(spent.output)
    return f"{len(found['models'])} models that decide, {found['signals']:,} signals"
