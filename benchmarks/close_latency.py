"""How long after a candle's close is it decided? Twenty symbols at 1m on an exchange that is traded in real time.

A decision's time is that at which its event reaches a client, by the clock that the exchange uses too. With --before,
the daemon of that git revision runs beside, on the same exchange; decisions on the same candle are compared.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

from autopilot.control.errors import ControlError
from autopilot.control.protocol import API
from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import MINUTE_MS
from autopilot.engine.provenance import window_hash
from benchmarks.installation import Daemon, Installation, installations, start_symbols
from benchmarks.table import Figure, print_table
from benchmarks.traded_exchange import Coin, traded_exchange

REDIRECTED = """
from autopilot.adapters.exchange import ccxt_setup
opened = ccxt_setup.open_exchange
async def redirected(name, timeout_s, base_url, **more):
    return await opened(name, timeout_s, {url!r}, **{{**more, "enableRateLimit": {limited}}})
ccxt_setup.open_exchange = redirected
"""
START_S = 90.0
"""Until all symbols have begun."""
LATE_S = 70.0
"""After the last close, for whoever decides at an interval of a minute."""
COMPARED = ("price", "action", "signal_type", "denied_code", "regime", "group", "strategy", "decided_by", "confidence")


@dataclass
class Watched:
    """The decisions of one daemon. ``arrived``: (milliseconds after the close, decision) by symbol and candle."""

    name: str
    daemon: Daemon
    arrived: dict[tuple[str, int], tuple[float, dict[str, Any]]] = field(default_factory=dict)

    def watch(self) -> None:
        """Until the daemon ends."""
        with suppress(ControlError):
            for event in self.daemon.client.events(("decision",)):
                body = event["body"]
                late_ms = time.time() * 1000 - body["candle_at_ms"] - MINUTE_MS
                self.arrived[body["symbol"], body["candle_at_ms"]] = late_ms, body

    def of(self, candles: Sequence[int]) -> dict[tuple[str, int], tuple[float, dict[str, Any]]]:
        """The decisions on these candles."""
        return {key: found for key, found in self.arrived.items() if key[1] in candles}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks close_latency", description=__doc__)
    parser.add_argument("--closes", type=int, default=3)
    parser.add_argument("--symbols", type=int, default=20)
    parser.add_argument("--exchange", choices=("coinbase", "kraken"), default="coinbase")
    parser.add_argument("--limited", action="store_true", help="send requests no faster than ccxt does")
    parser.add_argument("--before", metavar="REF", help="a git revision to run beside")
    wanted = parser.parse_args(arguments)
    symbols = [f"{Coin(number).name}/USD" for number in range(wanted.symbols)]
    settings = {"symbols": symbols, "exchange": wanted.exchange, "timeframe": "1m", "sentiment": {"enabled": False}}
    with (
        traded_exchange(wanted.symbols) as (url, requests),
        installations(wanted.before) as installed,
        ExitStack() as opened,
    ):
        first = REDIRECTED.format(url=url, limited=wanted.limited)
        watched = [_started(each, settings, first, opened) for each in installed if each]
        candles = _closes(watched, wanted.symbols, wanted.closes)
        begun = requests()
        until_s = (candles[-1] + MINUTE_MS) / 1000 + (LATE_S if wanted.before or wanted.limited else 10.0)
        while time.time() < until_s and any(len(each.of(candles)) < len(symbols) * len(candles) for each in watched):
            time.sleep(0.2)
        rate = "ccxt's own rate limit" if wanted.limited else "no rate limit"
        _report(watched, candles, f"{wanted.symbols} symbols, {len(candles)} closes of 1m, {wanted.exchange}, {rate}")
        print(f"  requests for candles, all daemons together: {requests() - begun}")
        ours, *others = watched
        print(f"  windows unlike the exchange's final candles: {_wrong(ours, wanted.exchange, candles)}")
        for other in others:
            print(f"  decisions unlike those of {other.name}: {_differing(ours.of(candles), other.of(candles))}")
    return 0


def _started(installed: Installation, settings: Mapping[str, object], first: str, opened: ExitStack) -> Watched:
    directory = opened.enter_context(installed.configured(settings))
    watched = Watched(installed.name, opened.enter_context(installed.daemon(directory, first)))
    threading.Thread(target=watched.watch, daemon=True).start()
    start_symbols(watched.daemon)
    return watched


def _closes(watched: Sequence[Watched], symbols: int, closes: int) -> list[int]:
    """The open times of the candles to measure: all symbols have begun before the first of them closes. Raises
    RuntimeError if they do not begin."""
    deadline = time.monotonic() + START_S
    while any(len({symbol for symbol, _ in each.arrived}) < symbols for each in watched):
        if time.monotonic() > deadline:
            status = watched[0].daemon.client.get(f"{API}/status")
            raise RuntimeError(
                f"not all have begun: {[(each['state'], each['message']) for each in status['symbols']]}"
            )
        time.sleep(0.1)
    first_ms = (int(time.time() * 1000) + 3_000) // MINUTE_MS * MINUTE_MS
    return [first_ms + number * MINUTE_MS for number in range(closes)]


def _report(watched: Sequence[Watched], candles: Sequence[int], title: str) -> None:
    figures = []
    for each in watched:
        late_s = sorted(late_ms / 1000 for late_ms, _ in each.of(candles).values())
        points = quantiles(late_s, n=100, method="inclusive")
        goals = (1.5, 3.0) if each is watched[0] else (None, None)
        note = f"{len(late_s)} decisions, {late_s[0]:.2f} to {late_s[-1]:.2f} s"
        figures += [
            Figure(f"{each.name}: close to decision, median", points[49], "s", goals[0], note),
            Figure(f"{each.name}: close to decision, p99", points[98], "s", goals[1]),
        ]
    print_table(title, figures)


def _wrong(watched: Watched, exchange: str, candles: Sequence[int]) -> int:
    """How many decisions were not made on the candles that the exchange shows at the end."""
    count = 0
    for (symbol, candle_at_ms), (_, body) in watched.of(candles).items():
        document = watched.daemon.client.get(f"{API}/decisions/{body['id']}")
        length = document["basis"]["count"]
        coin = Coin.named(symbol.removesuffix("/USD"))
        truth: Candles = coin.candles(candle_at_ms - (length + 100) * MINUTE_MS, int(time.time() * 1000))
        count += document["provenance"]["window_hash"] != window_hash(
            exchange, symbol, truth.until(candle_at_ms)[-length:]
        )
    return count


def _differing(ours: Mapping[Any, Any], theirs: Mapping[Any, Any]) -> str:
    both = ours.keys() & theirs.keys()
    differ = sum(any(ours[key][1][name] != theirs[key][1][name] for name in COMPARED) for key in both)
    return f"{differ} of {len(both)}"
