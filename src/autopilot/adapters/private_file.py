"""Reading secrets: from files that only their owner may open, systemd credentials, and descriptors."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
"""Set by systemd (systemd.exec(5), LoadCredential)."""


def read_private(path: Path, most_bytes: int) -> bytes:
    """The content of a file, at most ``most_bytes``. Raises OSError, also if another user owns it or may open it."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        if found.st_uid not in (0, os.geteuid()):
            raise PermissionError(errno.EACCES, "it belongs to another user")
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise PermissionError(errno.EACCES, f"its mode {stat.S_IMODE(found.st_mode):04o} lets others open it")
        return file.read(most_bytes)


def credential_file(name: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The file of the systemd credential called ``name``; None without it."""
    directory = environ.get(CREDENTIALS_VARIABLE)
    file = Path(directory) / name if directory else None
    return file if file and file.exists() else None


def read_given(source: Path | int, most_bytes: int) -> bytes:
    """The content of a credential or of a descriptor, at most ``most_bytes``; closes the descriptor. Raises OSError,
    also for a terminal, which would show a secret while it is typed."""
    with open(source, "rb") as file:  # noqa: PTH123 - a descriptor too
        if file.isatty():
            raise OSError(errno.ENOTTY, "it is a terminal, which shows what is typed")
        return file.read(most_bytes)
