"""Runs all benchmarks, or those that are named; only if named the yardsticks of learning, the kills, the scenes, the
imports, the requests and the pruning, which take long."""

from __future__ import annotations

import os
import platform
import sys

from benchmarks import (
    backtest,
    busy_start,
    cycle,
    idle,
    imports,
    kills,
    pruning,
    replay_year,
    requests,
    retrain,
    scenes,
    status,
    yardsticks,
)

ALL = {
    "cycle": cycle.run,
    "status": status.run,
    "idle": idle.run,
    "replay_year": replay_year.run,
    "busy_start": busy_start.run,
    "retrain": retrain.run,
    "backtest": backtest.run,
}
LONG = {"yardsticks": yardsticks.main, "imports": imports.main, "scenes": scenes.main, "requests": requests.main}
"""With arguments of their own."""


def main(names: list[str]) -> int:
    if names and (long := LONG.get(names[0])):
        return long(names[1:])
    if names == ["kills"]:
        return kills.main()
    known = ALL | {"pruning": pruning.run}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(known)},", file=sys.stderr)
        print(f"and, each alone: kills, {', '.join(LONG)}", file=sys.stderr)
        return 2
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load before {load}")
    for name in names or ALL:
        known[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
