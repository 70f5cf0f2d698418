"""How cost grows: with candles, with symbols in one daemon, and with the years of history that models learn from."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from autopilot.control.protocol import API
from benchmarks.costs import processor_s, resident_mib
from benchmarks.installation import Daemon, Installation, installations, start_symbols
from benchmarks.machine import machine, machine_table
from benchmarks.rows import long_series, walk_forward
from benchmarks.rows.decision import decided
from benchmarks.rows.row import Figure, Row, markdown, replace_part, text
from benchmarks.running import real_candles

LENGTHS = (10_000, 100_000, 1_000_000)
BASES = (
    *("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "AVAX", "DOT", "LINK", "LTC"),
    *("BCH", "ETC", "XLM", "TRX", "ATOM", "BNB", "UNI", "AAVE", "NEAR", "FIL"),
)
SYMBOLS = [f"{base}/{quote}" for quote in ("USD", "EUR") for base in BASES]
COUNTS = (1, 10, 40)
DECISIONS_A_SECOND, WARM_UP, WATCHED_S = 40, 3, 15.0
ASK_S = 0.1
"""Between two requests of the status while a daemon works."""
YEARS = (2, 4, 6)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks growth", description=__doc__)
    works = {"candles": with_candles, "symbols": with_symbols, "years": with_years}
    parser.add_argument("names", nargs="*", metavar="WITH", help=", ".join(works))
    parser.add_argument("--document", metavar="FILE", type=Path, help="put the tables into this Markdown file too")
    wanted = parser.parse_args(arguments)
    rows = []
    with installations(None) as (installed, _):
        for name in wanted.names or works:
            rows.append(works[name](installed))
            print(text(rows[-1]), flush=True)
    if wanted.document:
        replace_part(wanted.document, "growth", [*machine_table(machine()), "", *markdown(rows)])
    return 0


def with_candles(installed: Installation) -> Row:
    figures = []
    for length in LENGTHS:
        with installed.configured(long_series.SETTINGS) as directory:
            long_series.store_made(installed, directory, length)
            spent = long_series.tested(installed, directory, "1m", "--no-compare")
        figures += [
            Figure(f"{length:,} candles", spent.cpu_s, "s CPU"),
            Figure(f"{length:,} candles", 1e6 * spent.cpu_s / length, "µs CPU per candle"),
            Figure(f"{length:,} candles", spent.peak_mib, "MiB"),
        ]
    return Row("A backtest without a model, with candles", "Whole process, 14 strategies, 1m, one symbol.", figures)


def with_symbols(installed: Installation) -> Row:
    figures = []
    for count in COUNTS:
        speed = 3600.0 * DECISIONS_A_SECOND / count
        settings = {"symbols": SYMBOLS[:count], "exchange": "simulated", "simulated": {"speed": speed}}
        with installed.configured(settings) as directory, installed.daemon(directory) as daemon:
            begun = time.monotonic()
            start_symbols(daemon)
            start_s = time.monotonic() - begun
            cpu_ms, longest_ms = _watched(daemon, count)
            figures += [
                Figure(f"{count} symbols, a decision", cpu_ms, "ms CPU"),
                Figure(f"{count} symbols, resident memory", resident_mib(daemon.pid), "MiB"),
                Figure(f"{count} symbols, longest answer of status", longest_ms, "ms wall"),
                Figure(f"{count} symbols, answer of start", 1000 * start_s, "ms wall"),
            ]
    how = f"One daemon on the simulated market at 1h, {DECISIONS_A_SECOND} decisions a second in all, no model."
    return Row("A daemon, with symbols", how, figures)


def _watched(daemon: Daemon, symbols: int) -> tuple[float, float]:
    """(CPU per decision in ms once every symbol has made some, the longest answer of the status in ms)."""
    longest_s, begin = 0.0, None
    until = time.monotonic() + WATCHED_S
    while begin is None or time.monotonic() < until:
        begun = time.monotonic()
        daemon.client.get(f"{API}/status")
        longest_s = max(longest_s, time.monotonic() - begun)
        if begin is None and (first := decided(daemon)) >= WARM_UP * symbols:
            begin, until = (first, processor_s(daemon.pid)), time.monotonic() + WATCHED_S
        time.sleep(ASK_S)
    first, begin_s = begin
    return 1000 * (processor_s(daemon.pid) - begin_s) / (decided(daemon) - first), 1000 * longest_s


def with_years(installed: Installation) -> Row:
    work = "`autopilot backtest --days 365`, with years of history"
    folder = real_candles()
    if folder is None:
        return Row(work, "Two symbols of real candles.", [Figure.left_out("AUTOPILOT_TEST_DATA is not set")])
    figures = []
    for years in YEARS:
        first, again = walk_forward.asked(installed, folder, years, times=2)
        figures += [
            Figure(f"{years} years", first.cpu_s, "s CPU"),
            Figure(f"{years} years, asked again", again.cpu_s, "s CPU"),
            Figure(f"{years} years", first.peak_mib, "MiB"),
        ]
    return Row(work, f"{' and '.join(walk_forward.SYMBOLS)} at 1h, models included, all processes.", figures)
