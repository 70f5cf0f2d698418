"""Small files that are whole or not there, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from autopilot.domain.errors import StoreUnavailable


def write_durably(path: Path, content: bytes, what: str) -> None:
    """All or nothing, on the disk when it returns, for its owner only. ``what`` it is, for the error. Raises
    StoreUnavailable."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StoreUnavailable(
            f"{what} {path} cannot be written: {error.strerror}",
            hint="make room on the disk, then try again" if full else "check the directory's owner and mode",
        ) from error


def _sync(directory: Path) -> None:
    """The name is on the disk too."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
