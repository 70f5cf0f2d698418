"""How far long work is, and how long it still takes, on standard error."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from autopilot.cli.render.layout import clean
from autopilot.cli.render.remaining import Clock, Cost, Remaining
from autopilot.domain.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

REDRAWN_A_SECOND = 2.0
MANY = 10_000
"""Steps, of which nobody wants to know the number."""
LONG_S = 10.0
"""Work that takes longer is long: the user may want less of it."""
PATIENCE_S = 3.0
"""From then on the remaining time is said, or that it is not known yet."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The stages of work in their order, with what each costs, and options that make it ``shorter``."""

    costs: Mapping[str, Cost] = field(default_factory=dict)
    shorter: Sequence[str] = ()


@contextmanager
def progress_view(
    target: TextIO, forecast: Forecast | None = None, *, is_short: bool = False, clock: Clock = time.monotonic
) -> Iterator[Progress]:
    """A bar on a terminal with the remaining time, which is gone at the end. Elsewhere a line for each stage, if the
    work is not short, and one for the remaining time of long work. Work without a stage has not begun, and is not
    shown."""
    if target.isatty():
        with _bar(target, forecast or Forecast(), clock) as progress:
            yield progress
    else:
        yield _lines(target, _View(forecast or Forecast(), clock), shows_stages=not is_short)


@contextmanager
def _bar(target: TextIO, forecast: Forecast, clock: Clock) -> Iterator[Progress]:
    view = _View(forecast, clock)
    with view.bar(target) as bar:
        task = bar.add_task("", visible=False, steps="", detail="")

        def show(stage: str, done: int, total: int, detail: str = "") -> None:
            if stage:
                view.report(stage, done, total)
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
        self._remaining, self._clock = Remaining(forecast.costs, clock), clock
        self._shorter = ", ".join(forecast.shorter)
        self._begun: float | None = None
        self._is_long = False

    def report(self, stage: str, done: int, total: int) -> None:
        self._begun = self._clock() if self._begun is None else self._begun
        self._remaining.report(str(stage), done, total)

    @property
    def elapsed(self) -> float:
        """Seconds since the first stage began."""
        return 0.0 if self._begun is None else self._clock() - self._begun

    @property
    def is_due(self) -> bool:
        """Whether it is time to announce the remaining time."""
        return self.elapsed >= PATIENCE_S or self._remaining.is_measured

    def time_left(self) -> str:
        left = self._remaining.left()
        if left is None:
            is_late = self.elapsed >= PATIENCE_S
            self._is_long = self._is_long or is_late
            return "estimating" if is_late else ""
        self._is_long = self._is_long or left.seconds >= LONG_S
        return str(left)

    def advice(self) -> str:
        """What would make the work shorter, if it is long."""
        return f"shorter with: {self._shorter}" if self._is_long and self._shorter else ""

    def announcement(self) -> str:
        """The remaining time with the advice, if the work is long."""
        left = self.time_left()
        return "; ".join(filter(None, (left, self.advice()))) if self._is_long else ""

    def bar(self, target: TextIO) -> Bar:
        """Redrawn by a thread of its own, because a step may take long."""
        from rich.console import Console, RenderableType
        from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
        from rich.progress import Progress as Bar
        from rich.table import Column
        from rich.text import Text

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
            console=Console(file=target, highlight=False, markup=False, emoji=False),
            transient=True,
            refresh_per_second=REDRAWN_A_SECOND,
        )


def _steps(done: int, total: int) -> str:
    """``8/16``, or the percentage of many."""
    return f"{done}/{total}" if total < MANY else f"{100 * done // total} %"


def _lines(target: TextIO, view: _View, *, shows_stages: bool) -> Progress:
    shown, is_announced = "", False

    def say(line: str) -> None:
        target.write(f"{clean(line)}\n")
        target.flush()

    def show(stage: str, done: int, total: int, detail: str = "") -> None:  # noqa: ARG001 - as Progress asks
        nonlocal shown, is_announced
        if not stage:
            return
        view.report(stage, done, total)
        if shows_stages and stage != shown:
            say(stage)
        shown = stage
        if not is_announced and view.is_due and (announcement := view.announcement()):
            say(announcement)
            is_announced = True

    return show
