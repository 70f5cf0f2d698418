"""The daemon answers while many symbols begin on short candles."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from home import Home

from autopilot.control.errors import ControlError
from autopilot.control.protocol import API

SYMBOLS = [f"{base}/USD" for base in ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "AVAX", "DOT")]
ENOUGH = 8


def test_status_is_answered_while_eight_symbols_begin(new_home: Callable[[], Home]) -> None:
    home = new_home()
    home.configure(symbols=SYMBOLS, exchange="simulated", timeframe="1m", simulated={"speed": 1.0})
    home.foreground()
    with ThreadPoolExecutor(1) as threads:
        starting = threads.submit(home.client.post, f"{API}/start")
        undecided = []
        while len(undecided) < ENOUGH:
            states = home.client.get(f"{API}/status")["symbols"]
            undecided += [states] if any(state["last_decision"] is None for state in states) else []
            assert not starting.done(), "the start was answered before enough questions were"
        home.kill_hard()
        with suppress(ControlError, OSError):
            starting.result()
    home.clear()
