"""The table of docs/performance.md, or the rows that are named; other benchmarks each alone.

With --before the same work runs with the code of that git revision too, by turns, and the decisions are compared.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from benchmarks.installation import installations
from benchmarks.machine import machine, machine_table
from benchmarks.rows.row import Bench, Row, markdown, replace_part, text

ROWS = ("cycle", "decision", "replay_year", "walk_forward", "long_series", "backtest", "status", "idle")
"""In the table's order; modules of `benchmarks.rows`."""
LONG = ("walk_forward",)
"""Only if named, or with --long."""
ALONE = {
    "growth": "with candles, symbols and years",
    "statements": "SQL statements, commits and bytes of a decision",
    "close_latency": "from the close of a candle to its decision, 20 symbols",
    "feed_faults": "12 faults of the feeds of two exchanges, and 1,000 reconnects",
    "busy_start": "the longest wait of a client while eight symbols start",
    "candle_pages": "what a request for candles says on the wire, for every exchange of ccxt",
    "retrain": "training, and the score of one decision",
    "yardsticks": "how well the training learns",
    "pruning": "old decisions of a symbol-year at 1m",
    "candle_store": "candles written, read and imported, beside another revision",
    "imports": "20,000 candle files, well formed and damaged",
    "archives": "half a year of 1m by archive files and by pages",
    "requests": "40,000 broken requests to a daemon",
    "kills": "a trader killed at every point of its life",
    "download": "a year of 1m candles, and killed at 20 pages",
    "scenes": "some hours on an exchange as it is",
    "freqtrade": "installs it for the row backtest; 800 MB",
}
"""Each is a module with `main`, which takes the arguments that follow and returns the exit code."""
ROUNDS, QUICK_ROUNDS = 9, 2


def main(arguments: list[str]) -> int:
    if arguments and arguments[0] in ALONE:
        found: int = import_module(f"benchmarks.{arguments[0]}").main(arguments[1:])
        return found
    wanted = _parsed(arguments)
    names = wanted.names or [name for name in ROWS if wanted.long or name not in LONG]
    lines = machine(wanted.before)
    print("\n".join(f"{name}: {value}" for name, value in lines.items()))
    rows: list[Row] = []
    with installations(wanted.before) as (now, before):
        bench = Bench(now, before, QUICK_ROUNDS if wanted.quick else ROUNDS)
        for name in names:
            measure: Callable[[Bench], Row] = import_module(f"benchmarks.rows.{name}").row
            rows.append(measure(bench))
            print(text(rows[-1]), flush=True)
    if wanted.document:
        replace_part(wanted.document, "table", [*machine_table(lines), "", *markdown(rows)])
    return 0


def _parsed(arguments: list[str]) -> argparse.Namespace:
    alone = "\n".join(f"  {name:<18} {what}" for name, what in ALONE.items())
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description=__doc__,
        epilog=f"each alone, with arguments of its own:\n{alone}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--before", metavar="REF", help="a git revision of this repository to measure beside")
    parser.add_argument("--long", action="store_true", help=f"also {', '.join(LONG)}")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--document", metavar="FILE", type=Path, help="put the table into this Markdown file too")
    parsed = parser.parse_args(arguments)
    if unknown := [name for name in parsed.names if name not in ROWS]:
        parser.error(f"there is no row {', '.join(unknown)}; there are {', '.join(ROWS)}, and alone {', '.join(ALONE)}")
    return parsed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
