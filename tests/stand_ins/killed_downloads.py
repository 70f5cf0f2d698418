"""A download that is killed again and again, from an exchange that counts: which candles are fetched twice, and how
much of the exchange's limit is used.

``killed_downloads.py [--days N] [--kills N] [--delay S]`` prints the outcome; exit code 1 if a stored page was fetched
again, or if candles are missing at the end.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from candle_exchange import AskedPage, CandleExchange, candle_values

from autopilot.adapters.exchange.venues.opening import public_exchange
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.domain.coverage import TimeSpan, missing
from autopilot.domain.timeframe import Timeframe

EDGES = 2
"""Candles that a page has beside the wanted ones."""
SYMBOLS = ("BTC/USD", "ETH/USD")


@dataclass(frozen=True, slots=True)
class Killed:
    """``again``: candles that were fetched although they were stored; ``twice``: all that were fetched more than once;
    ``at_most``: those of the pages that were on their way at the deaths; ``use``: the pages a second of the run that
    was not killed, as a share of what the limit allows, None with a killed one."""

    candles: int
    expected: int
    differing: int
    pages: int
    again: int
    twice: int
    at_most: int
    seconds: float


def run(program: Sequence[str], data_dir: Path, days: int, exchange: CandleExchange, kills: int, seed: int) -> Killed:
    """``program``: the words that start Autopilot. The kills are at random pages, each of a process of its own."""
    timeframe = Timeframe.M1
    chance, again, at_most, began = random.Random(seed), 0, 0, time.monotonic()
    wanted = ["data", "download", "--exchange", "coinbase", "--timeframe", timeframe, "--days", str(days), "--json"]
    words = [*program, "--data-dir", str(data_dir), *wanted, *(word for each in SYMBOLS for word in ("--symbol", each))]
    per_kill = max(1, 2 * days * timeframe.per_day // 298 // (kills + 1))
    for number in range(kills + 1):
        before, covered = len(exchange.pages), covered_spans(data_dir, timeframe)
        child = subprocess.Popen(words, env=os.environ | exchange.environment, stdout=subprocess.DEVNULL)
        if number < kills:
            last = before + chance.randint(1, 2 * per_kill)

            def end(count: int, child: subprocess.Popen[bytes] = child, last: int = last) -> None:
                if count >= last:
                    child.send_signal(signal.SIGKILL)

            exchange.on_page = end
        code = child.wait()
        exchange.on_page = lambda _: None
        if number < kills and code == -signal.SIGKILL:
            at_most += exchange.most_under_way * 300
        pages = [each for each in exchange.pages[before:] if each.length_s == 60]
        again += sum(fetched_again(each, covered) for each in pages)
    pages = [each for each in exchange.pages if each.length_s == 60]
    stored, expected, differing = compared(data_dir, timeframe, days)
    fetched = sum((each.last_s - each.first_s) // 60 + 1 - EDGES for each in pages)
    return Killed(stored, expected, differing, len(pages), again, fetched - stored, at_most, time.monotonic() - began)


def covered_spans(data_dir: Path, timeframe: Timeframe) -> dict[str, list[TimeSpan]]:
    """By product."""
    if not (data_dir / "autopilot.db").exists():
        return {}
    with closing(open_database(data_dir / "autopilot.db")) as database:
        store = SqliteCandles(database)
        return {
            symbol.replace("/", "-"): [each.span for each in store.covered("coinbase", symbol, timeframe)]
            for symbol in SYMBOLS
        }


def fetched_again(page: AskedPage, covered: dict[str, list[TimeSpan]]) -> int:
    """How many candles of a page, without its edges, were stored already."""
    first_ms, end_ms = (page.first_s + 60) * 1000, page.last_s * 1000
    if first_ms >= end_ms:
        return 0
    rest = missing(TimeSpan(first_ms, end_ms), covered.get(page.product, []))
    return (end_ms - first_ms - sum(each.to_ms - each.from_ms for each in rest)) // 60_000


def compared(data_dir: Path, timeframe: Timeframe, days: int) -> tuple[int, int, int]:
    """Stored candles, at least so many as there should be, and how many of them are not those of the exchange."""
    stored = differing = 0
    with closing(open_database(data_dir / "autopilot.db")) as database:
        for symbol in SYMBOLS:
            held = SqliteCandles(database).load_candles("coinbase", symbol, timeframe)
            stored += len(held)
            for index in range(0, len(held), max(1, len(held) // 500)):
                candle = held.candle(index)
                values = candle_values(candle.open_at_ms // 1000, 60)
                differing += candle[1:] != tuple(float(f"{value:.2f}") for value in values)
            differing += int(((held.open_at_ms[1:] - held.open_at_ms[:-1]) != timeframe.ms).sum())
    return stored, len(SYMBOLS) * days * timeframe.per_day, differing


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--delay", type=float, default=0.15, help="seconds that each page takes")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args(arguments)
    program = [sys.executable, "-m", "autopilot"]
    os.environ["AUTOPILOT_TEST_LIMITS"] = "1"
    is_right = True
    for kills in (0, wanted.kills):
        exchange = CandleExchange(delay_s=wanted.delay)
        with tempfile.TemporaryDirectory() as place, exchange.answering():
            found = run(program, Path(place), wanted.days, exchange, kills, wanted.seed)
        print(f"{kills} kills: {found}", flush=True)
        if not kills:
            print(f"share of the limit used: {used(exchange):.3f}", flush=True)
        is_right &= found.again == 0 and found.differing == 0 and found.candles >= found.expected
        is_right &= found.twice <= found.at_most
    return 0 if is_right else 1


def used(exchange: CandleExchange) -> float:
    """The pages a second, as a share of what the limit allows."""
    times = [each.came_at for each in exchange.pages if each.length_s == 60]
    allowed = 1000 / public_exchange_limit()
    return (len(times) - 1) / (times[-1] - times[0]) / allowed


def public_exchange_limit() -> float:
    """Milliseconds a request, as ccxt states them for Coinbase."""
    import asyncio

    async def stated() -> float:
        exchange = public_exchange("coinbase")
        opened = await exchange.open()
        await exchange.close()
        return float(opened.rateLimit)

    return asyncio.run(stated())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
