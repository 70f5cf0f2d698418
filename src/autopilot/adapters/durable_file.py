"""Files that are whole or not there, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autopilot.domain.errors import StoreUnavailable


def write_durably(path: Path, content: bytes, what: str) -> None:
    """All or nothing, on the disk when it returns, for its owner only. ``what`` it is, for the error. Raises
    StoreUnavailable."""
    with storing(f"{what} {path} cannot be written"):
        replace_file(path, content)
        sync_directory(path.parent)


@contextmanager
def storing(failure: str, hint: str = "check the directory's owner and mode") -> Iterator[None]:
    """Raises StoreUnavailable in place of OSError."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StoreUnavailable(
            f"{failure}: {error.strerror}", hint="make room on the disk, then try again" if full else hint
        ) from error


def replace_file(path: Path, content: bytes) -> None:
    """All or nothing under its name, which is on the disk when the directory is. Raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_file(draft, content)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_file(path: Path, content: bytes) -> None:
    """On the disk when this returns; a new file is its owner's only. Raises OSError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """The names are on the disk too. Raises OSError."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
