"""Eight symbols on 1m candles start at once: how long does the daemon keep a client waiting meanwhile?"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.running import autopilot, configured, daemon
from benchmarks.table import Figure, print_table

SYMBOLS = tuple(f"{base}/USD" for base in ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "AVAX", "DOT"))
WATCHED_S = 15.0
PAUSE_S = 0.01
GOAL_MS = 200.0


class BusyStart(NamedTuple):
    """``start_s``: seconds until `autopilot start` was answered; ``longest_ms`` and ``median_ms``: the waits of a
    client that asks for nothing but a sign of life, every ten milliseconds."""

    start_s: float
    longest_ms: float
    median_ms: float


def main(_: list[str]) -> int:
    found = measure()
    print_table(
        f"{len(SYMBOLS)} symbols on 1m candles start at once, simulated market",
        [
            Figure("`autopilot start` answered after", found.start_s, "s"),
            Figure("longest wait of another client", found.longest_ms, "ms", GOAL_MS),
            Figure("median wait of another client", found.median_ms, "ms"),
        ],
    )
    return 0


def measure() -> BusyStart:
    market = {"start": "2024-01-01", "speed": 1.0}
    settings = {"symbols": list(SYMBOLS), "exchange": "simulated", "timeframe": "1m", "simulated": market}
    with configured(settings) as home:
        autopilot(home, "start", "--symbol", SYMBOLS[0])
        autopilot(home, "stop", "--symbol", SYMBOLS[0])
        begun, took_s = time.perf_counter(), []

        def start() -> None:
            autopilot(home, "start", *(option for symbol in SYMBOLS for option in ("--symbol", symbol)))
            took_s.append(time.perf_counter() - begun)

        starting = threading.Thread(target=start)
        starting.start()
        waits = _waits(home, begun + WATCHED_S)
        starting.join()
        return BusyStart(took_s[0], max(waits), sorted(waits)[len(waits) // 2])


def _waits(home: Path, until_s: float) -> list[float]:
    """Milliseconds that each question took."""
    client, waits = daemon(home), []
    while time.perf_counter() < until_s:
        asked = time.perf_counter()
        client.get("/health")
        waits.append((time.perf_counter() - asked) * 1000)
        time.sleep(PAUSE_S)
    return waits
