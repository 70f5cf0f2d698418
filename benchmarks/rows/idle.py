"""A daemon from its start to its first answer, and its memory while it waits for the next candle."""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import median

from autopilot.control.protocol import API
from benchmarks.costs import processor_s, resident_mib
from benchmarks.installation import Installation, start_symbols
from benchmarks.listed_exchange import MARKETS, listed_exchange
from benchmarks.rows.row import Bench, Figure, Goal, Row

SYMBOLS = ["BTC/USD", "ETH/USD", "SOL/USD"]
SIMULATED = {"symbols": SYMBOLS, "exchange": "simulated", "simulated": {"speed": 1.0}}
CCXT = {"symbols": SYMBOLS, "exchange": "coinbase"}
SETTLE_S = 5.0


def row(bench: Bench) -> Row:
    ready: dict[str, list[float]] = {each.name: [] for each in bench.both}
    for _ in range(bench.rounds):
        for installed in bench.both:
            ready[installed.name].append(_ready_s(installed))
    simulated = {each.name: _idle(each, SIMULATED) for each in bench.both}
    with listed_exchange() as redirected:
        ccxt = {each.name: _idle(each, CCXT, redirected) for each in bench.both}
    before = bench.before.name if bench.before else ""
    old_ready = median(ready[before]) if before else None
    figures = [
        Figure("ready: first answer on its socket", median(ready["now"]), "s CPU", old_ready, Goal(0.7, 0.5)),
        Figure("idle, simulated", simulated["now"], "MiB", simulated.get(before), Goal(100, 80)),
        Figure("idle, Coinbase through ccxt", ccxt["now"], "MiB", ccxt.get(before), Goal(100, 80)),
    ]
    how = (
        f"{len(SYMBOLS)} symbols. Resident memory {SETTLE_S:g} s after their start, without a model. Coinbase is a "
        f"stand-in on the loopback interface that lists {MARKETS} markets."
    )
    return Row("Daemon ready and idle", how, figures)


def _ready_s(installed: Installation) -> float:
    with installed.configured(SIMULATED) as directory, installed.daemon(directory) as daemon:
        return processor_s(daemon.pid)


def _idle(
    installed: Installation, settings: Mapping[str, object], redirected: Mapping[str, str] | None = None
) -> float:
    """Raises RuntimeError if its symbols do not run."""
    with (
        installed.configured(settings) as directory,
        installed.daemon(directory, more=redirected) as daemon,
    ):
        start_symbols(daemon)
        time.sleep(SETTLE_S)
        states = {str(each["state"]) for each in daemon.client.get(f"{API}/status")["symbols"]}
        if states != {"running"}:
            raise RuntimeError(f"the symbols are {', '.join(states)}")
        return resident_mib(daemon.pid)
