"""A command's output: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from autopilot.cli.errors import UsageProblem
from autopilot.cli.render.blocks import Screen, line
from autopilot.cli.render.layout import clean, lines, plain, text_of
from autopilot.domain.errors import AutopilotError


@dataclass(frozen=True, slots=True)
class Output:
    """``as_json``: one JSON document on standard output instead of a screen."""

    as_json: bool
    results: TextIO
    remarks: TextIO

    @classmethod
    def standard(cls, as_json: bool) -> Output:
        return cls(as_json, sys.stdout, sys.stderr)

    def show(self, document: Any, screen: Screen) -> None:
        """One result, as a document or as a screen."""
        if self.as_json:
            self.write(json.dumps(document, ensure_ascii=False, indent=2))
        elif self.results.isatty():
            from autopilot.cli.render.terminal import console, rendered

            target = console(self.results)
            target.print(rendered(screen, target.width), soft_wrap=True)
        else:
            self.write("\n".join(plain(screen)))

    def write(self, text: str) -> None:
        """A line on standard output, at once. Raises OutputLost."""
        self.results.write(text + "\n")
        self.results.flush()

    def remark(self, text: str) -> None:
        """A line on standard error."""
        self.remarks.write(clean(text) + "\n")
        self.remarks.flush()

    def trouble(self, error: AutopilotError) -> None:
        """An error and its hint, on standard error."""
        screen = tuple(line(text, hang=2) for text in error_lines(str(error), error.hint))
        for spans in lines(screen, _width(self.remarks)):
            self.remarks.write(text_of(spans) + "\n")

    def save_page(self, path: Path, page: str) -> None:
        """Write an HTML report, and say so. Raises UsageProblem."""
        replace_text(path, page)
        self.remark(f"the report is in {path}")

    def failure(self, error: AutopilotError) -> None:
        """The error that ends the command: in words and, with ``--json``, as a document too."""
        self.trouble(error)
        if self.as_json:
            self.write(json.dumps({"error": error.document()}, ensure_ascii=False))


def error_lines(message: str, hint: str) -> list[str]:
    """``error: …`` and ``try: …``; a message of several lines keeps them, indented."""
    first, *more = message.splitlines() or [""]
    lines = [f"error: {clean(first)}", *(f"  {clean(item.strip())}" for item in more)]
    return [*lines, *(f"try: {clean(item)}" for item in hint.splitlines()[:1])]


def _width(stream: TextIO) -> int | None:
    """The columns of a terminal; None if it is not one, or does not know."""
    return os.get_terminal_size(stream.fileno()).columns or None if stream.isatty() else None


def replace_text(path: Path, text: str) -> None:
    """Replace the file at once when all of it is written. Raises UsageProblem."""
    import tempfile

    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageProblem(
            f"cannot write {path}: {error.strerror}", hint="name a file in a directory that you may write"
        ) from error
