"""A download that is killed again and again, from an exchange that counts: which pages are fetched twice, and how much
of the exchange's limit is used.

``killed_downloads.py [--days N] [--kills N] [--delay S]`` prints the outcome; exit code 1 if a stored page was fetched
again, or if candles are missing or wrong at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from candle_exchange import AskedPage, CandleExchange, candle_values

from autopilot.adapters.exchange.venues.opening import public_exchange
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.domain.coverage import TimeSpan, missing
from autopilot.domain.timeframe import MINUTE_MS, Timeframe

SYMBOLS = ("BTC/USD", "ETH/USD")
NEW_S = 600
"""A page that ends so near to the present shows the exchange's time; each process fetches one such."""
Spans = Mapping[str, Sequence[TimeSpan]]


@dataclass(slots=True)
class KilledDownload:
    """``pages``: that were fetched, without those for the clock; ``again``: candles that were fetched although they
    were stored; ``lost``: for each death, the pages that were fetched and not stored; ``wrong``: candles that differ
    from the exchange's, or are missing."""

    candles: int = 0
    wrong: int = 0
    pages: int = 0
    again: int = 0
    lost: list[int] = field(default_factory=list)
    seconds: float = 0.0


class Child(Protocol):
    """A process, as `subprocess` and `multiprocessing` have them."""

    def kill(self) -> None: ...


def words_of(data_dir: Path, days: int) -> list[str]:
    """The arguments of the download."""
    symbols = (word for each in SYMBOLS for word in ("--symbol", each))
    wanted = ["data", "download", "--exchange", "coinbase", "--timeframe", "1m", "--days", str(days), "--json"]
    return ["--data-dir", str(data_dir), *wanted, *symbols]


def run(
    start: Callable[[], tuple[Child, Callable[[], int]]],
    data_dir: Path,
    days: int,
    exchange: CandleExchange,
    kills: int,
    seed: int = 1,
) -> KilledDownload:
    """``start`` begins the download; it returns the process, and how to wait for its exit code. Each process but the
    last one is killed at a random page."""
    found, chance, began = KilledDownload(), random.Random(seed), time.monotonic()
    all_pages = len(SYMBOLS) * days * Timeframe.M1.per_day // 298
    deaths = sorted(chance.sample(range(2, all_pages), kills))
    while True:
        before, stored = len(exchange.pages), covered(data_dir)
        last = deaths[len(found.lost)] - found.pages if len(found.lost) < kills else None

        begun: list[Child] = []

        def end(_: int, begun: list[Child] = begun, last: int | None = last, before: int = before) -> None:
            if begun and last is not None and len(candle_pages(exchange, before)) >= max(1, last):
                begun[0].kill()

        exchange.on_page = end
        child, wait = start()
        begun.append(child)
        code = wait()
        pages = candle_pages(exchange, before)
        found.pages += len(pages)
        found.again += sum(inside(each, stored) for each in pages)
        if code != -signal.SIGKILL:
            break
        now_stored = covered(data_dir)
        found.lost.append(sum(inside(each, now_stored) < length(each) for each in pages))
    found.candles, found.wrong = compared(data_dir, days)
    found.seconds = time.monotonic() - began
    return found


def candle_pages(exchange: CandleExchange, first: int) -> list[AskedPage]:
    """The pages from number ``first`` on, without those for the clock and for the beginning of the history."""
    return [each for each in exchange.pages[first:] if each.length_s == 60 and each.last_s < time.time() - NEW_S]


def covered(data_dir: Path) -> Spans:
    """By product."""
    if not (data_dir / "autopilot.db").exists():
        return {}
    with closing(open_database(data_dir / "autopilot.db")) as database:
        store = SqliteCandles(database)
        return {
            symbol.replace("/", "-"): [each.span for each in store.covered("coinbase", symbol, Timeframe.M1)]
            for symbol in SYMBOLS
        }


def length(page: AskedPage) -> int:
    """The candles of a page without those on either side of the wanted ones: one before, and two after them."""
    return max(0, (page.last_s - page.first_s) // 60 - 2)


def inside(page: AskedPage, spans: Spans) -> int:
    """How many of these candles are in ``spans``."""
    if not length(page):
        return 0
    span = TimeSpan((page.first_s + 60) * 1000, (page.last_s - 60) * 1000)
    rest = missing(span, spans.get(page.product, ()))
    return length(page) - sum(each.to_ms - each.from_ms for each in rest) // MINUTE_MS


def compared(data_dir: Path, days: int) -> tuple[int, int]:
    """Stored candles, and how many are missing or, in a sample, not those of the exchange."""
    stored = wrong = 0
    with closing(open_database(data_dir / "autopilot.db")) as database:
        for symbol in SYMBOLS:
            held = SqliteCandles(database).load_candles("coinbase", symbol, Timeframe.M1)
            stored += len(held)
            wrong += max(0, days * Timeframe.M1.per_day - len(held))
            for index in range(0, len(held), max(1, len(held) // 500)):
                candle = held.candle(index)
                values = candle_values(candle.open_at_ms // 1000, 60)
                wrong += candle[1:] != tuple(float(f"{value:.2f}") for value in values)
    return stored, wrong


def used(exchange: CandleExchange) -> float:
    """The pages a second, as a share of what the limit allows."""

    async def allowed() -> float:
        connection = public_exchange("coinbase")
        await connection.open()
        try:
            return connection.requests_per_s
        finally:
            await connection.close()

    times = [each.came_at for each in candle_pages(exchange, 0)]
    return (len(times) - 1) / (times[-1] - times[0]) / asyncio.run(allowed())


def begin(data_dir: Path, days: int, exchange: CandleExchange) -> tuple[Child, Callable[[], int]]:
    """The installed program, within the exchange's limit."""
    child = subprocess.Popen(
        [sys.executable, "-m", "autopilot", *words_of(data_dir, days)],
        env=os.environ | exchange.environment | {"AUTOPILOT_TEST_LIMITS": "1"},
        stdout=subprocess.DEVNULL,
    )
    return child, child.wait


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365, help="of 1m candles")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--delay", type=float, default=0.15, help="seconds that each page takes")
    wanted = parser.parse_args(arguments)
    is_right = True
    for kills in (0, wanted.kills):
        exchange = CandleExchange(delay_s=wanted.delay)
        with tempfile.TemporaryDirectory() as place, exchange.answering():
            start = partial(begin, Path(place), wanted.days, exchange)
            found = run(start, Path(place), wanted.days, exchange, kills)
            share = "" if kills else f", {used(exchange):.3f} of the exchange's limit used"
        sys.stdout.write(f"{kills} kills: {found}{share}, {exchange.most_under_way} at most under way\n")
        sys.stdout.flush()
        is_right = is_right and not found.again and not found.wrong and len(found.lost) == kills
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
