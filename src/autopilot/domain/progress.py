"""How long work reports its progress, wherever it runs."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called with ``done`` of ``total`` steps of a stage; ``detail`` names the step. It may raise to end the work."""

    def __call__(self, stage: str, done: int, total: int, detail: str = "") -> None: ...


def unwatched(stage: str, done: int, total: int, detail: str = "") -> None:
    """A Progress that nobody watches."""


def part_of(progress: Progress, number: int, parts: int) -> Progress:
    """The Progress of part ``number``, from 0, of a stage with equal ``parts``."""

    def report(stage: str, done: int, total: int, detail: str = "") -> None:
        progress(stage, number * total + done, parts * total, detail)

    return report
