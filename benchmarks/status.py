"""How long `autopilot status` takes, beside an interpreter that does nothing and beside Typer."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.running import COMMAND, autopilot, configured
from benchmarks.table import Figure, print_table

SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD")
ROUNDS = 15
GOAL_MS = 250.0


def run() -> None:
    with configured({"symbols": list(SYMBOLS), "exchange": "simulated", "simulated": {"speed": 1.0}}) as directory:
        autopilot(directory, "start")
        where = (COMMAND, "--data-dir", str(directory))
        commands = {
            "autopilot status": (*where, "status"),
            "autopilot status --json": (*where, "status", "--json"),
            "autopilot explain (through Typer)": (*where, "explain"),
            "autopilot --help (Typer alone)": (COMMAND, "--help"),
            "python -c pass": (sys.executable, "-c", "pass"),
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(-1, ROUNDS):
            for name, command in commands.items():
                begin = time.perf_counter()
                subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL)
                if turn >= 0:
                    times[name].append((time.perf_counter() - begin) * 1000)
    print_table(
        f"Wall time of a query, {len(SYMBOLS)} symbols (median of {ROUNDS}, by turns)",
        [
            Figure(name, statistics.median(taken), "ms", GOAL_MS if name == "autopilot status" else None)
            for name, taken in times.items()
        ],
    )
