"""`autopilot status` beside an interpreter that does nothing."""

from __future__ import annotations

from statistics import median

from benchmarks.costs import spend
from benchmarks.documents import IDENTICAL
from benchmarks.installation import start_symbols
from benchmarks.rows.row import Bench, Check, Figure, Goal, Row

SETTINGS = {
    "symbols": ["BTC/USD", "ETH/USD", "SOL/USD"],
    "exchange": "simulated",
    "simulated": {"speed": 1.0},
}
ROUNDS = 25
COMMANDS = {"status": ("status",), "status --json": ("status", "--json"), "explain": ("explain",)}
"""By their names. The last one shows what a query costs that is drawn by Rich."""
CHANGING = "disk_free_bytes"
"""The one field that other programs change meanwhile."""


def row(bench: Bench) -> Row:
    with bench.now.configured(SETTINGS) as directory, bench.now.daemon(directory) as daemon:
        start_symbols(daemon)
        works = {("pass", "now"): [bench.now.python, "-c", "pass"]}
        for installed in bench.both:
            for name, words in COMMANDS.items():
                works[name, installed.name] = installed.command(directory, *words)
        costs: dict[tuple[str, str], list[float]] = {work: [] for work in works}
        shown: dict[tuple[str, str], str] = {}
        for turn in range(-1, min(ROUNDS, bench.rounds * 3)):
            for work, command in works.items():
                spent = spend(command)
                shown[work] = spent.output
                if turn >= 0:
                    costs[work].append(spent.cpu_s)
    unit = median(costs["pass", "now"])
    figures = []
    for name in COMMANDS:
        before = median(costs[name, bench.before.name]) / unit if bench.before else None
        goal = Goal(2.2, 1.8) if name == "status" else None
        taken = median(costs[name, "now"])
        figures.append(
            Figure(f"`{name}`", taken / unit, "× `python -c pass`", before, goal, f"{1000 * taken:.1f} ms CPU")
        )
    checks = [
        Check(f"what old and new `{name}` print of one daemon", _sameness(shown, name, bench.before.name))
        for name in COMMANDS
        if bench.before
    ]
    how = f"A query of a daemon with three symbols; `python -c pass` takes {1000 * unit:.1f} ms CPU. Medians, by turns."
    return Row("`autopilot status`", how, figures, checks)


def _sameness(shown: dict[tuple[str, str], str], name: str, before: str) -> str:
    lines = zip(shown[name, before].splitlines(), shown[name, "now"].splitlines(), strict=False)
    differing = ((old, new) for old, new in lines if old != new and CHANGING not in old)
    return next((f"{old!r} before, {new!r} now" for old, new in differing), IDENTICAL)
