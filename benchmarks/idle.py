"""Memory of a daemon that waits for the next candle."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from autopilot.control.protocol import API
from benchmarks.running import autopilot, configured, daemon
from benchmarks.table import Figure, print_table

SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD")
GOAL_MB = 120.0
SETTLE_S = 5.0
LEAN = """
from autopilot.lean_imports import held_back
with held_back():
    import asyncio, sqlite3, numpy, talib, aiohttp, pydantic, apscheduler.schedulers.asyncio
print(open("/proc/self/status").read())
"""


def run() -> None:
    ours = _daemon("simulated", {"speed": 1.0})
    real = _daemon("coinbase", {})
    imports = subprocess.run(
        [sys.executable, "-c", LEAN],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    print_table(
        f"Resident memory of an idle daemon, {len(SYMBOLS)} symbols",
        [
            Figure("daemon, simulated market", ours[0], "MB", GOAL_MB, f"its own share (PSS) {ours[1]:.0f} MB"),
            Figure("daemon, coinbase through ccxt", real[0], "MB", GOAL_MB, f"PSS {real[1]:.0f} MB; {real[2]}"),
            Figure("imports alone: numpy, TA-Lib, aiohttp, …", _megabytes(imports, "VmRSS"), "MB"),
        ],
    )


def _daemon(exchange: str, market: dict[str, object]) -> tuple[float, float, str]:
    """Resident and proportional size in MB, and the state its symbols are in: a real exchange may be out of reach."""
    settings: dict[str, object] = {"symbols": list(SYMBOLS), "exchange": exchange}
    if market:
        settings[exchange] = market
    with configured(settings) as directory:
        autopilot(directory, "start")
        time.sleep(SETTLE_S)
        status = daemon(directory).get(f"{API}/status")
        process = Path("/proc") / str(status["daemon"]["pid"])
        states = ", ".join(sorted({str(one["state"]) for one in status["symbols"]}))
        return (
            _megabytes((process / "status").read_text(), "VmRSS"),
            _megabytes((process / "smaps_rollup").read_text(), "Pss"),
            f"symbols {states}",
        )


def _megabytes(text: str, name: str) -> float:
    """A line of /proc, which counts KiB."""
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    assert found, f"no {name} in /proc"
    return int(found[1]) * 1024 / 1e6
