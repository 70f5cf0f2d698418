"""Processor time of `autopilot status`, beside an interpreter that does nothing and beside Typer."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence

from benchmarks.running import COMMAND, autopilot, configured
from benchmarks.table import Figure, print_table

SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD")
ROUNDS = 31
GOAL = 2.2
STRETCH = 1.8
NOTHING = "python -c pass"
STATUS = "autopilot status"


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """CPU milliseconds (user and system) of each command: the median of ``rounds``, by turns, all modules compiled."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with configured({"symbols": list(SYMBOLS), "exchange": "simulated", "simulated": {"speed": 1.0}}) as directory:
        autopilot(directory, "start")
        where = (COMMAND, "--data-dir", str(directory))
        commands = {
            NOTHING: (sys.executable, "-c", "pass"),
            STATUS: (*where, "status"),
            "autopilot status --json": (*where, "status", "--json"),
            "autopilot explain (through Typer)": (*where, "explain"),
            "autopilot --help (Typer alone)": (COMMAND, "--help"),
        }
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(-1, rounds):
            for name, command in commands.items():
                spent = _cpu_ms(command, environment)
                if turn >= 0:
                    taken[name].append(spent)
    return {name: statistics.median(times) for name, times in taken.items()}


def run() -> None:
    found = measure()
    ratio = found[STATUS] / found[NOTHING]
    print_table(
        f"CPU time of a query, {len(SYMBOLS)} symbols (median of {ROUNDS}, by turns)",
        [
            Figure(f"{STATUS}, of {NOTHING}", ratio, "×", GOAL, f"stretch {STRETCH:g} ×"),
            *(Figure(name, value, "ms") for name, value in found.items()),
        ],
    )


def _cpu_ms(command: Sequence[str], environment: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
