"""The live analysis cycle of one symbol, beside 36 usual indicators on arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median

from benchmarks.costs import spend
from benchmarks.installation import Installation
from benchmarks.rows.row import Bench, Check, Figure, Goal, Row

PROGRAM = """
import json, time
from benchmarks import cycle, indicators

BATCHES, BATCH = 20, 25
own, reference = (cycle._candles(symbol) for symbol in ("ETH/USD", "BTC/USD"))
is_live = hasattr(cycle, "Cycle")
decide = cycle.Cycle(own, reference).decide if is_live else cycle._cycle(own, reference)
works = decide, indicators.on_arrays(own[: indicators.LENGTH])
for work in works:
    work()
taken = [], []
with cycle.one_core():
    for _ in range(BATCHES):
        for work, times in zip(works, taken):
            for _ in range(BATCH):
                begin = time.thread_time_ns()
                work()
                times.append((time.thread_time_ns() - begin) / 1e6)
equal = f"{cycle._compared(own, reference)} of {cycle.COMPARED} readings identical" if is_live else ""
print(json.dumps([*taken, equal]))
"""
"""Runs under either state of the code, with the benchmarks of that state."""


@dataclass(frozen=True, slots=True)
class _Cycle:
    """Milliseconds of processor time. ``equal``: how many live readings equal those of the whole window."""

    middle: float
    p99: float
    unit: float
    equal: str


def row(bench: Bench) -> Row:
    found = {each.name: _cycle(each) for each in bench.both}
    now, old = found["now"], found[bench.before.name] if bench.before else None
    figures = [
        Figure(
            "median", now.middle / now.unit, "× 36 TA-Lib calls", old.middle / old.unit if old else None, Goal(9.0, 3.0)
        ),
        Figure("p99", now.p99 / now.middle, "× median", old.p99 / old.middle if old else None, Goal(2.0)),
        Figure("median", now.middle, "ms CPU", old.middle if old else None),
    ]
    how = (
        f"Indicators, regime, features, 14 strategies and the choice for the next closed candle; 500 candles on one "
        f"core, by turns with the unit, which takes {now.unit:.3f} ms."
    )
    checks = [Check("the live reading and that of the whole window", now.equal)] if now.equal else []
    return Row("Live analysis cycle, 1,000 candles", how, figures, checks)


def _cycle(installed: Installation) -> _Cycle:
    ours, unit, equal = json.loads(spend([installed.python, "-c", PROGRAM], cwd=installed.checkout).output)
    return _Cycle(median(ours), sorted(ours)[int(len(ours) * 0.99)], median(unit), equal)
