"""`autopilot backtest` with 14 strategies over real candles, beside freqtrade with one strategy; whole processes."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks import freqtrade
from benchmarks.costs import CommandFailed, Spent
from benchmarks.installation import Installation
from benchmarks.rows.long_series import SETTINGS, same_backtests, tested
from benchmarks.rows.row import Bench, Check, Figure, Goal, Row
from benchmarks.rows.walk_forward import latest
from benchmarks.running import real_candles

LENGTH = 60_000
NOT_INSTALLED = "freqtrade is not installed: python -m benchmarks freqtrade"
GOAL = Goal(0.25, 0.15)


def row(bench: Bench) -> Row:
    work = "`autopilot backtest`, 60k real candles"
    folder = real_candles()
    if folder is None:
        return Row(work, "Real candles at 1h.", [Figure.left_out("AUTOPILOT_TEST_DATA is not set")])
    with ExitStack() as opened:
        candles = Path(opened.enter_context(tempfile.TemporaryDirectory())) / "BINANCE_BTC-USD_1h.csv"
        candles.write_text(latest(folder / "BINANCE_BTC-USDT_1h.csv.gz", LENGTH))
        places: dict[Installation, Path] = {}
        for installed in bench.both:
            places[installed] = opened.enter_context(installed.configured(SETTINGS))
            installed.autopilot(places[installed], "data", "import", str(candles))
        try:
            other = opened.enter_context(freqtrade.peer(candles)) if freqtrade.is_installed() else None
            note = "" if other else NOT_INSTALLED
        except CommandFailed as error:
            other, note = None, f"freqtrade did not store candles: {error}"
        theirs: list[Spent] = []
        ours: dict[str, list[Spent]] = {each.name: [] for each in bench.both}
        for _ in range(max(1, bench.rounds // 2 + 1)):
            if other:
                theirs.append(other.backtest())
            for installed, place in places.items():
                ours[installed.name].append(tested(installed, place, "1h", "--no-compare"))
        compared = {each.name: tested(each, place, "1h") for each, place in places.items()}
    old = ours[bench.before.name] if bench.before else []
    unit, before = _cpu_s(theirs), _cpu_s(old)
    now = _cpu_s(ours["now"])
    assert now is not None
    figures = [
        Figure("one backtest", _times(now, unit), "× freqtrade", _times(before, unit), GOAL, note),
        Figure("one backtest", now, "s CPU", before),
        Figure("largest memory", _peak(ours["now"]), "MiB", _peak(old)),
        Figure(
            "and each strategy alone, to compare",
            compared["now"].cpu_s,
            "s CPU",
            compared[bench.before.name].cpu_s if bench.before else None,
        ),
        Figure("freqtrade", unit, "s CPU"),
        Figure("freqtrade, largest memory", _peak(theirs), "MiB"),
    ]
    checks = []
    if bench.before:
        checks.append(Check("`backtest --no-compare --json`", same_backtests(old[0], ours["now"][0])))
        checks.append(Check("`backtest --json`", same_backtests(compared[bench.before.name], compared["now"])))
    how = (
        f"BTC/USDT of Binance, the latest {LENGTH:,} hours, 14 strategies and no model, whole process. freqtrade "
        f"{freqtrade.VERSION} tests one strategy, an EMA cross with an RSI filter. Medians, by turns."
    )
    return Row(work, how, figures, checks)


def _cpu_s(spent: list[Spent]) -> float | None:
    return median(each.cpu_s for each in spent) if spent else None


def _times(seconds: float | None, unit: float | None) -> float | None:
    return None if seconds is None or unit is None else seconds / unit


def _peak(spent: list[Spent]) -> float | None:
    return max(each.peak_mib for each in spent) if spent else None
