"""A new database file: whole under its name, or not there at all."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from autopilot.domain.errors import StoreUnavailable


def create(path: Path, migrate: str) -> None:
    """Write a database made by the script ``migrate``, for its owner only, unless another process was first.

    It is written under another name and linked: a process that dies halfway leaves nothing that could be mistaken for
    a damaged ledger. Raises StoreUnavailable.
    """
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.executescript(migrate)
        content = memory.serialize()
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.unlink(missing_ok=True)
        try:
            _write(draft, content)
            with suppress(FileExistsError):
                path.hardlink_to(draft)
        finally:
            draft.unlink(missing_ok=True)
        _sync(path.parent)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StoreUnavailable(
            f"the database {path} cannot be made: {error.strerror}",
            hint="make room on the disk, then try again" if full else "choose another directory with --data-dir",
        ) from error


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    """The name is on the disk too."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
