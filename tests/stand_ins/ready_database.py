"""Databases for tests whose subject is not how a database comes into being: copies of one that was created, because
creating one takes ten times as long and waits for the disk."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

from autopilot.adapters.store.database import Database, open_database

_MEMORY = Path("/dev/shm")


def directory_in_memory() -> tempfile.TemporaryDirectory[str]:
    """For a database that no test takes the power from: a sync costs nothing there, and an example makes hundreds. On
    the disk where there is no such place."""
    return tempfile.TemporaryDirectory(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None)


def ready_database(path: Path) -> Database:
    """As `open_database`: the one at ``path``, or else an empty one."""
    if not path.exists():
        path.write_bytes(_created())
    return open_database(path)


@cache
def _created() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "autopilot.db"
        open_database(path).close()
        return path.read_bytes()
