"""Files that are written whole or not at all, also after a crash."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autopilot.domain.errors import StoreFull, StoreUnavailable

LONGEST_S = 5.0
"""The longest wait for another process, which writes one small file."""
_LOOK_AGAIN_S = 0.01


def write_durably(path: Path, content: bytes, what: str) -> None:
    """Write a file, whole or not at all; it is on the disk on return, readable for its owner only. ``what`` names it in
    the error. Raises StoreUnavailable."""
    with storing(f"{what} {path} cannot be written"):
        replace_file(path, content)
        sync_directory(path.parent)


@contextmanager
def storing(failure: str, hint: str = "check the directory's owner and mode") -> Iterator[None]:
    """Raises StoreUnavailable in place of OSError, StoreFull if the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(f"{failure}: {error.strerror}", hint="make room on the disk, then try again") from error
        raise StoreUnavailable(f"{failure}: {error.strerror}", hint=hint) from error


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Lock a directory, so that two processes do not lose each other's changes. Raises StoreUnavailable if another
    process does not release it."""
    with storing(f"the directory {directory} cannot be used"):
        descriptor = os.open(directory, os.O_RDONLY)
    try:
        deadline = time.monotonic() + LONGEST_S
        while not _is_locked(descriptor):
            if time.monotonic() >= deadline:
                raise StoreUnavailable(
                    f"another process has been changing files in {directory} for {LONGEST_S:g} s",
                    hint="run the command again",
                )
            time.sleep(_LOOK_AGAIN_S)
        yield
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file, whole or not at all; its name is on the disk after `sync_directory`. Raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        write_file(draft, content)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_file(path: Path, content: bytes) -> None:
    """Create a file; it is on the disk on return, readable for its owner only. Raises OSError, also if the name is
    taken: it could be another user's file or a link."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """Flush the directory's names to the disk. Raises OSError."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
