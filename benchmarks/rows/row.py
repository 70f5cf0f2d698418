"""A row of the table of docs/performance.md, on the screen and in Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

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
        return [self.name, number(self.value), number(self.before), self.ratio, str(self.goal or ""), self.verdict]


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
        name, *others = figure.cells()
        lines.append(_line([f"{name}, {figure.unit}" if figure.unit else name, *others]))
        if figure.note:
            lines.append(f"      {figure.note}")
    return "\n".join([*lines, *(f"  same? {check.what}: {check.found}" for check in row.checks)])


def markdown(rows: Iterable[Row]) -> Iterator[str]:
    """The lines of the table, then those of the checks."""
    rows = list(rows)
    yield "| work | figure | now | before | ratio | goal; stretch | verdict |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for row in rows:
        for at, figure in enumerate(row.figures):
            name, *others = figure.cells()
            cells = [f"{name}, {figure.unit}" if figure.unit else name, *others]
            yield "| " + " | ".join([row.work if at == 0 else "", *cells]) + " |"
    yield ""
    yield "| work | compared | result |"
    yield "| --- | --- | --- |"
    for row in rows:
        for at, check in enumerate(row.checks):
            yield f"| {row.work if at == 0 else ''} | {check.what} | {check.found} |"


def number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _line(cells: Sequence[str]) -> str:
    name, now, before, ratio, goal, verdict = cells
    return f"  {name:<50} {now:>8} {before:>8} {ratio:>6}  {goal:<14} {verdict}".rstrip()
