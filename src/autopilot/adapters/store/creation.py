"""A new database file: whole under its name, or not there at all."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from autopilot.adapters.durable_file import storing, sync_directory, write_file


def create(path: Path, migrate: str) -> None:
    """Write a database made by the script ``migrate``, for its owner only, unless another process was first.

    It is written under another name and linked: a process that dies halfway leaves nothing that could be mistaken for
    a damaged ledger. Raises StoreUnavailable.
    """
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.executescript(migrate)
        content = memory.serialize()
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    with storing(f"the database {path} cannot be made", hint="choose another directory with --data-dir"):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.unlink(missing_ok=True)
        try:
            write_file(draft, content)
            with suppress(FileExistsError):
                path.hardlink_to(draft)
        finally:
            draft.unlink(missing_ok=True)
        sync_directory(path.parent)
