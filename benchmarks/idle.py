"""A daemon's start, and its memory while it waits for the next candle."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from autopilot.control.errors import DaemonNotRunning
from autopilot.control.protocol import API, HEALTH
from benchmarks.listed_exchange import MARKETS, listed_exchange
from benchmarks.running import autopilot, configured, daemon
from benchmarks.table import Figure, print_table

SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD")
GOAL_MIB, STRETCH_MIB = 100.0, 80.0
GOAL_READY_S, STRETCH_READY_S = 0.7, 0.5
SETTLE_S = 20.0
ROUNDS = 9
POLL_S = 0.01


def measure_ready(rounds: int = ROUNDS) -> float:
    """CPU seconds (user and system) of a daemon from its start to its first answer: the median."""
    settings = {"symbols": list(SYMBOLS), "exchange": "simulated"}
    with configured(settings) as directory:
        return statistics.median([_ready_s(directory) for _ in range(rounds + 1)][1:])


def measure() -> dict[str, float]:
    """Resident memory in MiB of an idle daemon by its market."""
    simulated = _resident_mib("simulated", {"simulated": {"speed": 1.0}}, {})
    with listed_exchange() as environment:
        real = _resident_mib("coinbase", {"sentiment": {"enabled": False}}, environment)
    return {"simulated": simulated, "real": real}


def run() -> None:
    ready_s, memory = measure_ready(), measure()
    note = f"stretch {STRETCH_READY_S:g} s"
    print_table("CPU time until a daemon answers", [Figure("ready", ready_s, "s", GOAL_READY_S, note)])
    print_table(
        f"Resident memory of an idle daemon, {len(SYMBOLS)} symbols (stretch {STRETCH_MIB:g} MiB)",
        [
            Figure("simulated market", memory["simulated"], "MiB", GOAL_MIB, _in_mb(memory["simulated"])),
            Figure(f"ccxt, {MARKETS} markets", memory["real"], "MiB", GOAL_MIB, _in_mb(memory["real"])),
        ],
    )


def _ready_s(directory: Path) -> float:
    command = (sys.executable, "-P", "-m", "autopilot", "--data-dir", str(directory), "daemon")
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_compiled({})
    ) as process:
        try:
            while not _answers(directory):
                time.sleep(POLL_S)
            times = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
        finally:
            process.terminate()


def _answers(directory: Path) -> bool:
    with suppress(DaemonNotRunning):
        return bool(daemon(directory).get(HEALTH))
    return False


def _resident_mib(exchange: str, more: Mapping[str, object], environment: Mapping[str, str]) -> float:
    """Raises RuntimeError if its symbols do not run."""
    with configured({"symbols": list(SYMBOLS), "exchange": exchange, **more}) as directory:
        before = dict(os.environ)
        os.environ.update(environment)
        try:
            autopilot(directory, "start")
        finally:
            os.environ.clear()
            os.environ.update(before)
        time.sleep(SETTLE_S)
        status = daemon(directory).get(f"{API}/status")
        states = {str(each["state"]) for each in status["symbols"]}
        if states != {"running"}:
            raise RuntimeError(f"the symbols are {', '.join(sorted(states))}")
        text = Path(f"/proc/{status['daemon']['pid']}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)
        assert found, "Linux says the size"
        return int(found[1]) / 1024


def _compiled(environment: Mapping[str, str]) -> dict[str, str]:
    """With modules that are compiled once, as an installed program has them."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **environment}


def _in_mb(mib: float) -> str:
    return f"{mib * 1.048576:.0f} MB"
