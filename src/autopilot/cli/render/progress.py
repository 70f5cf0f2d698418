"""How far long work is, and how long it still takes, on standard error."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from autopilot.cli.render.layout import clean
from autopilot.cli.render.remaining import Clock, Cost, Remaining
from autopilot.domain.progress import Progress, unwatched

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

REDRAWN_A_SECOND = 2.0
MANY = 10_000
"""Steps, of which nobody wants to know the number."""
LONG_S = 10.0
"""Work that takes longer is long: the user may want less of it."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The stages of work in their order, with what each costs, and options that make it ``shorter``."""

    costs: Mapping[str, Cost] = field(default_factory=dict)
    shorter: Sequence[str] = ()


@contextmanager
def progress_view(
    target: TextIO, forecast: Forecast | None = None, *, is_short: bool = False, clock: Clock = time.monotonic
) -> Iterator[Progress]:
    """A bar on a terminal with the remaining time, which is gone at the end; elsewhere a line for each stage, or
    nothing for short work. Work without a stage has not begun, and is not shown."""
    if target.isatty():
        with _bar(target, forecast or Forecast(), clock) as progress:
            yield progress
    else:
        yield unwatched if is_short else _stage_lines(target)


@contextmanager
def _bar(target: TextIO, forecast: Forecast, clock: Clock) -> Iterator[Progress]:
    view = _View(forecast, clock)
    with view.bar(target) as bar:
        task = bar.add_task("", visible=False, steps="", detail="")

        def show(stage: str, done: int, total: int, detail: str = "") -> None:
            if stage:
                view.remaining.report(str(stage), done, total)
                bar.update(
                    task,
                    description=clean(stage),
                    completed=done,
                    total=total,
                    steps=_steps(done, total),
                    detail=clean(detail),
                    visible=True,
                    refresh=True,
                )

        yield show


class _View:
    """The remaining time, and whether it was ever long."""

    def __init__(self, forecast: Forecast, clock: Clock) -> None:
        self.remaining = Remaining(forecast.costs, clock)
        self._shorter = ", ".join(forecast.shorter)
        self._is_long = False

    def time_left(self) -> str:
        left = self.remaining.left()
        if left is None:
            return ""
        self._is_long = self._is_long or left.seconds >= LONG_S
        return str(left)

    def advice(self) -> str:
        """What would make the work shorter, if it is long."""
        return f"shorter with: {self._shorter}" if self._is_long and self._shorter else ""

    def bar(self, target: TextIO) -> Bar:
        """Redrawn by a thread of its own, because a step may take long."""
        from rich.console import RenderableType
        from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
        from rich.progress import Progress as Bar
        from rich.table import Column
        from rich.text import Text

        from autopilot.cli.render.terminal import console

        view = self

        class TimeLeft(ProgressColumn):
            def render(self, task: Task) -> Text:  # noqa: ARG002 - there is one task
                return Text(view.time_left())

        class WithAdvice(Bar):
            def get_renderables(self) -> Iterator[RenderableType]:
                yield self.make_tasks_table(self.tasks)
                if advice := view.advice():
                    yield Text(advice, style="dim")

        return WithAdvice(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[steps]}", markup=False, table_column=Column(no_wrap=True)),
            TimeLeft(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[detail]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=console(target),
            transient=True,
            refresh_per_second=REDRAWN_A_SECOND,
        )


def _steps(done: int, total: int) -> str:
    """``8/16``, or the percentage of many."""
    return f"{done}/{total}" if total < MANY else f"{100 * done // total} %"


def _stage_lines(target: TextIO) -> Progress:
    shown = ""

    def show(stage: str, done: int, total: int, detail: str = "") -> None:  # noqa: ARG001 - as Progress asks
        nonlocal shown
        if stage and stage != shown:
            target.write(f"{clean(stage)}\n")
            target.flush()
        shown = stage

    return show
