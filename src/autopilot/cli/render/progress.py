"""How far long work is, on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from autopilot.cli.render.layout import clean
from autopilot.domain.progress import Progress, unwatched


@contextmanager
def progress_view(target: TextIO, *, is_short: bool = False) -> Iterator[Progress]:
    """A bar on a terminal, which is gone at the end; elsewhere a line for each stage, or nothing for short work. Work
    without a stage has not begun, and is not shown."""
    if target.isatty():
        with _bar(target) as progress:
            yield progress
    else:
        yield unwatched if is_short else _stage_lines(target)


@contextmanager
def _bar(target: TextIO) -> Iterator[Progress]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    from autopilot.cli.render.terminal import console

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[detail]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
    )
    # Without a thread of its own: trainings start other processes.
    with Bar(*columns, console=console(target), transient=True, auto_refresh=False) as bar:
        task = bar.add_task("", visible=False, detail="")

        def show(stage: str, done: int, total: int, detail: str = "") -> None:
            if stage:
                bar.update(
                    task,
                    description=clean(stage),
                    completed=done,
                    total=total,
                    detail=clean(detail),
                    visible=True,
                    refresh=True,
                )

        yield show


def _stage_lines(target: TextIO) -> Progress:
    shown = ""

    def show(stage: str, done: int, total: int, detail: str = "") -> None:  # noqa: ARG001 - as Progress asks
        nonlocal shown
        if stage and stage != shown:
            target.write(f"{clean(stage)}\n")
            target.flush()
        shown = stage

    return show
