"""The default backtest of the last year: models from candles since 2017, and the same asked again."""

from __future__ import annotations

import gzip
import json
import tempfile
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


def row(bench: Bench) -> Row:
    work = "`autopilot backtest --days 365`, with models"
    folder = real_candles()
    if folder is None:
        return Row(work, "Two symbols of real candles since 2017.", [Figure.left_out("AUTOPILOT_TEST_DATA is not set")])
    first, again = asked(bench.now, folder, times=2)
    old = asked(bench.before, folder)[0] if bench.before else None
    old_s = old.cpu_s if old else None
    note = "" if old else BEFORE_NEEDED
    figures = [
        Figure.times("of the CPU before", first.cpu_s, old_s, Goal(0.15), note),
        Figure.times("asked again, of the CPU before", again.cpu_s, old_s, Goal(0.15, 0.05), note),
        Figure("CPU", first.cpu_s, "s", old_s),
        Figure("CPU, asked again", again.cpu_s, "s"),
        Figure("largest memory", first.peak_mib, "MiB", old.peak_mib if old else None),
    ]
    document, repeated = (json.loads(each.output) for each in (first, again))
    checks = [Check("first and again, `--json`", difference(document, repeated))]
    if old:
        before = {name: json.loads(old.output)[name] for name in FIGURES}
        checks.append(Check(f"of `--json`: {', '.join(FIGURES)}", difference(before, document)))
    how = (
        f"{' and '.join(SYMBOLS)} of Binance since 2017 at 1h, {len(document['models'])} models, "
        f"{document['signals']:,} signals. Measured once, with all processes."
    )
    return Row(work, how, figures, checks)


def asked(installed: Installation, folder: Path, years: int | None = None, times: int = 1) -> list[Spent]:
    """The costs of the same backtest, so many ``times``. ``years``: the latest of the history; None for all."""
    with installed.configured(SETTINGS) as directory, tempfile.TemporaryDirectory() as place:
        for symbol in SYMBOLS:
            name = f"BINANCE_{symbol.replace('/', '-')}_1h.csv"
            candles = Path(place) / name
            candles.write_text(latest(folder / f"{name}.gz", None if years is None else years * 365 * 24))
            installed.autopilot(directory, "data", "import", str(candles))
        return [installed.autopilot(directory, "backtest", "--days", "365", "--json") for _ in range(times)]


def latest(packed: Path, rows: int | None) -> str:
    """The head and the last ``rows`` of a packed CSV file."""
    with gzip.open(packed, "rt") as lines:
        head, *found = lines
    return "".join([head, *(found if rows is None else found[-rows:])])
