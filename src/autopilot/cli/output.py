"""A command's output: results on standard output, everything else on standard error."""

from __future__ import annotations

import os
import sys

from autopilot.cli.render.blocks import line
from autopilot.cli.render.layout import clean, lines, plain, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, TextIO

    from autopilot.cli.render.blocks import Screen
    from autopilot.domain.errors import AutopilotError


class Output:
    """``as_json``: one JSON document on standard output instead of a screen."""

    def __init__(self, as_json: bool, results: TextIO, remarks: TextIO) -> None:
        self.as_json = as_json
        self.results = results
        self.remarks = remarks

    @classmethod
    def standard(cls, as_json: bool) -> Output:
        return cls(as_json, sys.stdout, sys.stderr)

    def show(self, document: Any, screen: Screen) -> None:
        """One result, as a document or as a screen."""
        if self.as_json:
            self.write(_json_text(document, indent=2))
        elif self.results.isatty():
            from autopilot.cli.render.terminal import columns_of, looks, painted

            self.write("\n".join(painted(screen, columns_of(self.results), looks())))
        else:
            self.write("\n".join(plain(screen)))

    def write(self, text: str) -> None:
        """A line on standard output, at once. Raises OutputLost."""
        self.results.write(text + "\n")
        self.results.flush()

    def remark(self, text: str) -> None:
        """A sentence on standard error."""
        self._say([text])

    def trouble(self, error: AutopilotError) -> None:
        """An error and its hint, on standard error."""
        self._say(error_lines(str(error), error.hint))

    def _say(self, texts: list[str]) -> None:
        from autopilot.cli.render.terminal import columns_of

        width = columns_of(self.remarks) if self.remarks.isatty() else None
        for spans in lines(tuple(line(text, hang=2) for text in texts), width):
            self.remarks.write(text_of(spans) + "\n")
        self.remarks.flush()

    def save_page(self, path: Path, page: str) -> None:
        """Write an HTML report, and say so. Raises UsageProblem."""
        replace_text(path, page)
        self.remark(f"the report is in {path}")

    def failure(self, error: AutopilotError) -> None:
        """The error that ends the command: in words and, with ``--json``, as a document too."""
        self.trouble(error)
        if self.as_json:
            self.write(_json_text({"error": error.document()}))


def _json_text(document: Any, indent: int | None = None) -> str:
    """The document as JSON, in UTF-8 rather than in escapes."""
    import json

    return json.dumps(document, ensure_ascii=False, indent=indent)


def error_lines(message: str, hint: str) -> list[str]:
    """``error: …`` and ``try: …``; a message of several lines keeps them, indented."""
    first, *more = message.splitlines() or [""]
    lines = [f"error: {clean(first)}", *(f"  {clean(item.strip())}" for item in more)]
    return [*lines, *(f"try: {clean(item)}" for item in hint.splitlines()[:1])]


def replace_text(path: Path, text: str) -> None:
    """Replace the file at once when all of it is written. Raises UsageProblem."""
    import tempfile
    from pathlib import Path

    from autopilot.cli.errors import UsageProblem

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
