"""Figures side by side: measured value, goal, and a yardstick from the same run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """``value`` and ``goal`` in ``unit``; ``note`` explains the value."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    note: str = ""

    def beside(self, yardstick: Figure) -> str:
        """This figure as so many times ``yardstick``."""
        return f"{self.value / yardstick.value:.2f} × {yardstick.name}"


def print_table(title: str, figures: Sequence[Figure]) -> None:
    """``figures`` with the first as ours; the others are yardsticks, and the first is given in each of them."""
    print(f"\n{title}")
    ours, *yardsticks = figures
    for figure in figures:
        goal = "" if figure.goal is None else f"goal ≤ {figure.goal:g}: {_verdict(figure)}"
        print(f"  {figure.name:<44} {_number(figure.value):>9} {figure.unit:<4} {goal:<20} {figure.note}".rstrip())
    for yardstick in yardsticks:
        if yardstick.unit == ours.unit:
            print(f"    = {ours.beside(yardstick)}")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _verdict(figure: Figure) -> str:
    return "met" if figure.goal is not None and figure.value <= figure.goal else "MISSED"
