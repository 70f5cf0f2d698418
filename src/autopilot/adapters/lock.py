"""Locks on files, such as that of a data directory's one daemon: the kernel drops them with their process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from autopilot.domain.errors import AutopilotError, ConfigError, Kind

LOCK_NAME = "autopilot.lock"
"""The daemon's lock, beside the database."""


class AlreadyRunning(AutopilotError):
    """Another daemon owns the data directory. ``pid`` is its process id where it is known."""

    kind = Kind.BLOCKED

    def __init__(self, message: str, *, hint: str = "", pid: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.pid = pid


@contextmanager
def hold_lock(lock_file: Path, busy: Callable[[int | None], AutopilotError] | None = None) -> Iterator[None]:
    """Own ``lock_file`` inside the block. If another process owns it, raises the error that ``busy`` makes of its
    process id (None: not known), by default AlreadyRunning. Raises ConfigError if the file cannot be opened."""
    descriptor = _open(lock_file)
    try:
        if not _try_lock(descriptor):
            pid = _read_pid(descriptor)
            raise busy(pid) if busy else _daemon_runs(lock_file, pid)
        os.ftruncate(descriptor, 0)
        # The id only helps people: on a full disk the lock holds without it.
        with suppress(OSError):
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder(lock_file: Path) -> int | None:
    """The id of the process that owns ``lock_file``, if any. Raises ConfigError if the file cannot be opened. Creates
    none: it would belong to whoever asks."""
    if not lock_file.exists():
        return None
    descriptor = _open(lock_file)
    try:
        return None if _try_lock(descriptor) else _read_pid(descriptor)
    finally:
        os.close(descriptor)


def _daemon_runs(lock_file: Path, pid: int | None) -> AlreadyRunning:
    return AlreadyRunning(
        f"a daemon{f' (process {pid})' if pid else ''} already runs on {lock_file.parent}",
        hint="autopilot status shows it, autopilot stop stops it",
        pid=pid,
    )


def _open(lock_file: Path) -> int:
    try:
        return os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(
            f"cannot open the lock {lock_file}: {error.strerror}",
            hint="the data directory must be one that this user may write; choose it with AUTOPILOT_DATA_DIR",
        ) from error


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_pid(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None
