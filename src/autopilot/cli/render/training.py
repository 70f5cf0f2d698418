"""Trainings on the screen: the progress and the result of a training, and the list of trainings."""

from __future__ import annotations

from collections.abc import Iterator

from autopilot.cli.render.blocks import (
    BLANK,
    Block,
    Field,
    Screen,
    Span,
    Style,
    as_screen,
    banner,
    field,
    heading,
    line,
    listed,
)
from autopilot.cli.render.layout import clean
from autopilot.cli.render.models.sections import gate_section, metrics_section
from autopilot.cli.render.words import NOTHING, TO_TRAIN, candles_of, count, utc
from autopilot.domain.document_types import Document

BAR = 20
_STYLES = {"succeeded": Style.GOOD, "failed": Style.BAD, "canceled": Style.FAINT}


def progress_text(stage: str, done: int, total: int, detail: str) -> str:
    """``folds             ━━━━━━━━━━──────────  8/16  …``"""
    filled = BAR * done // total if total else 0
    return clean(f"{stage:<17} {'━' * filled}{'─' * (BAR - filled)} {done:>3}/{total:<3} {detail}")


def begun_screen(task: Document) -> Screen:
    """The screen after --detach."""
    return (line(f"training {task['id']} has started; autopilot tasks {task['id']} shows its progress", hang=2),)


def canceled_screen(task: Document) -> Screen:
    """The screen of ``tasks cancel``: the task as it ended."""
    if task["state"] == "canceled":
        return (line(f"training {task['id']} is canceled; nothing was changed"),)
    return (line(f"training {task['id']} ended before it could be canceled: {task['state']}", Style.WARNING, hang=2),)


def scheduled_screen(document: Document) -> Screen:
    if document["schedule"] is None:
        return (line("the schedule is off from the daemon's next start on"),)
    return (line(f"training on schedule {document['schedule']} (UTC) from the daemon's next start on"),)


def tasks_screen(document: Document) -> Screen:
    """``{"tasks": […]}``, the latest first."""
    tasks = document["tasks"]
    if not tasks:
        return (line(f"no training yet; start one with: {TO_TRAIN}"),)
    return (*_banner(tasks), listed(_FIELDS, tasks))


def _banner(tasks: list[Document]) -> Screen:
    return banner({"market": task["request"]["exchange"]} for task in tasks)


@as_screen
def task_screen(task: Document) -> Iterator[Block]:
    """One task: its progress while it runs, then the verdict and the figures, or the error."""
    request = task["request"]
    market = f"{', '.join(request['symbols'])} on {request['exchange']}, {request['timeframe']}"
    yield heading(f"Training {task['id']}: {task['state']}")
    yield line(f"  {market}, {request['days']} days", hang=2)
    yield from _banner([task])
    if task["result"]:
        yield from _result(task["result"])
    elif task["error"]:
        yield from _error(task["error"])
    elif task["stage"]:
        yield line(f"  {progress_text(task['stage'], task['done'], task['total'], task['detail'])}", hang=2)


def _result(result: Document) -> Iterator[Block]:
    seconds = ", ".join(f"{stage} {spent:.1f} s" for stage, spent in result["seconds"].items() if spent >= 0.05)
    about = f" about {candles_of(result)}" if result.get("kind") else ""
    decides = f"it decides{about} from now on" if result["promoted"] else "it was stored, but does not decide"
    model = f"model {result['model_id']} from {count(result['samples'], 'sample')}"
    if result["surrogate"]:
        decides = "a null test on candles without their direction; not stored. The figures below show pure chance"
    yield line(f"  {model}: {decides}", hang=2)
    yield line(f"  {result['verdict']}", Style.GOOD if result["promoted"] else Style.WARNING, hang=2)
    if result.get("decides") and not result["promoted"]:
        yield line(f"  {result['decides'][0].upper()}{result['decides'][1:]}.", hang=2)
    yield from (BLANK, *metrics_section(result["metrics"]), BLANK, *gate_section(result["gate"]), BLANK)
    yield line(f"time: {seconds}", Style.FAINT, hang=2)
    if not result["surrogate"]:
        yield line(f"autopilot model-info {result['model_id']} shows the whole card", Style.FAINT)


def _error(error: Document) -> Iterator[Block]:
    yield line(f"  error: {error['message']}", Style.BAD, hang=2)
    if error["hint"]:
        yield line(f"  try: {error['hint']}", hang=2)


def _standing(task: Document) -> str:
    if task["result"]:
        return str(task["result"]["state"])
    if task["error"]:
        return str(task["error"]["message"])
    return f"{task['stage']} {task['done']}/{task['total']}" if task["stage"] else NOTHING


_FIELDS: tuple[Field[Document], ...] = (
    field("task", lambda task: task["id"]),
    field("state", lambda task: Span(task["state"], _STYLES.get(task["state"], Style.PLAIN))),
    field("started", lambda task: utc(task["started_at_ms"]), rank=2),
    field("progress", _standing, rank=1, shrink_to=12),
    field("market", lambda task: task["request"]["exchange"], rank=3),
    field("symbols", lambda task: ", ".join(task["request"]["symbols"]), rank=5, shrink_to=12),
    field("days", lambda task: str(task["request"]["days"]), right=True, rank=4),
)
