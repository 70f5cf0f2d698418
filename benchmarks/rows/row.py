"""A row of the table of docs/performance.md, on the screen and in Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.installation import Installation

BEFORE_NEEDED = "needs --before"


@dataclass(frozen=True, slots=True)
class Goal:
    """``value`` at most ``must``, better at most ``stretch``."""

    must: float
    stretch: float | None = None

    def verdict(self, value: float) -> str:
        if self.stretch is not None and value <= self.stretch:
            return "stretch met"
        return "met" if value <= self.must else "missed"

    def __str__(self) -> str:
        return f"{number(self.must)}" if self.stretch is None else f"{number(self.must)}; {number(self.stretch)}"


@dataclass(frozen=True, slots=True)
class Figure:
    """``value`` and, of the code before, ``before`` in ``unit``. ``value`` is None where it could not be measured, and
    ``note`` says why."""

    name: str
    value: float | None
    unit: str
    before: float | None = None
    goal: Goal | None = None
    note: str = ""

    @classmethod
    def left_out(cls, why: str) -> Figure:
        return cls("left out", None, "", note=why)

    @classmethod
    def times(cls, name: str, value: float, unit: float | None, goal: Goal, note: str) -> Figure:
        """``value`` as so many times ``unit``; without the latter ``note`` says why not."""
        return cls(name, None if unit is None else value / unit, "×", goal=goal, note=note)

    @property
    def ratio(self) -> str:
        return "" if self.value is None or not self.before else f"{self.value / self.before:.2f}"

    @property
    def verdict(self) -> str:
        return "" if self.goal is None or self.value is None else self.goal.verdict(self.value)

    def cells(self) -> list[str]:
        name = f"{self.name}, {self.unit}" if self.unit else self.name
        return [name, number(self.value), number(self.before), self.ratio, str(self.goal or ""), self.verdict]


@dataclass(frozen=True, slots=True)
class Check:
    """What was compared and with what result."""

    what: str
    found: str


@dataclass(frozen=True, slots=True)
class Row:
    """``how``: the work and how often it was measured, in a sentence."""

    work: str
    how: str
    figures: Sequence[Figure]
    checks: Sequence[Check] = ()


@dataclass(frozen=True, slots=True)
class Bench:
    """What a row is measured on. ``rounds``: how often quick work is repeated."""

    now: Installation
    before: Installation | None
    rounds: int

    @property
    def both(self) -> list[Installation]:
        """By turns: each measured in this order, again and again."""
        return [self.now] if self.before is None else [self.before, self.now]


COLUMNS = ("figure", "now", "before", "ratio", "goal; stretch", "verdict")


def text(row: Row) -> str:
    lines = [f"\n{row.work}", *textwrap.wrap(row.how, 100, initial_indent="  ", subsequent_indent="  ")]
    lines += [_line(COLUMNS)]
    for figure in row.figures:
        lines.append(_line(figure.cells()))
        if figure.note:
            lines.append(f"      {figure.note}")
    return "\n".join([*lines, *(f"  same? {check.what}: {check.found}" for check in row.checks)])


def markdown(rows: Sequence[Row]) -> list[str]:
    """The lines of the figures, of the checks and of how each was measured."""
    figures = [(row.work if at == 0 else "", *figure.cells()) for row in rows for at, figure in enumerate(row.figures)]
    checks = [(row.work, check.what, check.found) for row in rows for check in row.checks]
    return [
        *_table(("work", *COLUMNS), figures),
        *(["", *_table(("work", "compared", "result"), checks)] if checks else []),
        "",
        *_table(("work", "how it was measured"), [(row.work, row.how) for row in rows]),
    ]


def replace_part(document: Path, name: str, lines: Sequence[str]) -> None:
    """Write ``lines`` between the comments "name" and "end of name" of a Markdown file. Raises ValueError if it has
    none."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, found, rest = document.read_text().partition(begin)
    if not found or end not in rest:
        raise ValueError(f"{document} has no part between {begin.strip()} and {end}")
    document.write_text(f"{before}{begin}\n{chr(10).join(lines)}\n\n{rest[rest.index(end) :]}")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(each)} |" for each in (head, ["---"] * len(head), *rows)]


def number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _line(cells: Sequence[str]) -> str:
    name, now, before, ratio, goal, verdict = cells
    return f"  {name:<50} {now:>8} {before:>8} {ratio:>6}  {goal:<14} {verdict}".rstrip()
