"""Files that a user asks a command to write."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from autopilot.cli.errors import UsageProblem


def write_file(path: Path, text: str) -> None:
    """Whole or not at all: what was there before stays until all of it is written. Raises UsageProblem."""
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
