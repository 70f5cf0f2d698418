"""The daemon answers while many symbols begin on short candles."""

from __future__ import annotations

from collections.abc import Callable

from home import Home

from autopilot.control.protocol import API

SYMBOLS = [f"{base}/USD" for base in ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "AVAX", "DOT")]


def test_clients_are_answered_while_eight_symbols_begin(new_home: Callable[[], Home]) -> None:
    home = new_home()
    home.configure(symbols=SYMBOLS, exchange="simulated", timeframe="1m", simulated={"speed": 1.0})
    home.foreground()

    def undecided() -> list[str]:
        states = home.client.get(f"{API}/status")["symbols"]
        return [state["symbol"] for state in states if state["last_decision"] is None]

    # The last symbols have to wait until the first ones are done.
    assert len(home.client.post(f"{API}/start")["started"]) == len(SYMBOLS)
    assert undecided()
    home.client.post(f"{API}/pause", {})
    assert undecided()
    stopped = home.client.post(f"{API}/stop", {})
    assert stopped["stopped"] == SYMBOLS
    home.clear()
