"""Files that hold secrets, and are nobody else's to read."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_private(path: Path, most_bytes: int) -> bytes:
    """Its content, ``most_bytes`` at most. Raises OSError, also when it is another user's, or others may open it."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        if found.st_uid not in (0, os.geteuid()):
            raise PermissionError(errno.EACCES, "it belongs to another user")
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise PermissionError(errno.EACCES, f"its mode {stat.S_IMODE(found.st_mode):04o} lets others open it")
        return file.read(most_bytes)
