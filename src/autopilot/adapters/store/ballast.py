"""Disk space that is kept for exits: a file that gives its blocks back when the disk is full."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BALLAST_NAME = "autopilot.ballast"
BALLAST_BYTES = 16_000_000
"""An exit stores less than 100 kB; the WAL reaches 4 MB before SQLite begins it again."""
MARGIN_BYTES = 64_000_000
"""Free space that must remain when the ballast is made, so that it is not given back at once."""
LEAST_FREE_BYTES = 1_000_000
"""Below this an exit cannot rely on the disk: besides the database, other small files are written on its way."""

log = logging.getLogger(__name__)


class Ballast:
    """The file beside the database. Its state is on the disk, so every process on this data directory sees it: full
    length is kept, any other length is released."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / BALLAST_NAME

    @property
    def is_kept(self) -> bool:
        """Whether its space is kept."""
        return self._path.exists() and not self.is_released

    @property
    def is_released(self) -> bool:
        """Whether its space was given back, or was never there. False without the file, before a daemon makes it."""
        return self.released_at_ms is not None

    @property
    def released_at_ms(self) -> int | None:
        """The machine's time of the release; None if it is not released."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return None if found.st_size >= BALLAST_BYTES else found.st_mtime_ns // 1_000_000

    def release(self) -> bool:
        """Give the space back. Returns False if there was nothing to give."""
        try:
            with self._opened(0) as descriptor:
                if not os.fstat(descriptor).st_size:
                    return False
                os.ftruncate(descriptor, 0)
        except OSError:
            return False
        log.error("the disk is full: %d MB that were kept for exits are free now, and nothing is bought", _MEGABYTES)
        return True

    def release_if_needed(self) -> None:
        """Give the space back if almost nothing else is free."""
        with suppress(OSError):
            if shutil.disk_usage(self._directory).free < LEAST_FREE_BYTES:
                self.release()

    def keep(self) -> bool:
        """Allocate the file if there is room for it. Returns whether its space is kept now. Without the room nothing
        changes: a disk that never had any is not full."""
        was_kept = self.is_kept
        with suppress(OSError):
            if not was_kept and shutil.disk_usage(self._directory).free < BALLAST_BYTES + MARGIN_BYTES:
                return False
            with self._opened(os.O_CREAT) as descriptor:
                try:
                    # Also of a file that is there: a restored copy may be sparse.
                    _allocate(descriptor)
                    os.fsync(descriptor)
                except OSError:
                    os.ftruncate(descriptor, 0)
                    raise
            if not was_kept:
                log.info("%d MB of the disk are kept for exits", _MEGABYTES)
            return True
        return False

    @contextmanager
    def _opened(self, flags: int) -> Iterator[int]:
        descriptor = os.open(self._path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _allocate(descriptor: int) -> None:
    try:
        os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
        # The file system cannot allocate. Not zeros: it might compress them.
        for at in range(0, BALLAST_BYTES, _PIECE):
            os.pwrite(descriptor, os.urandom(min(_PIECE, BALLAST_BYTES - at)), at)


_PIECE = 1_000_000
_MEGABYTES = BALLAST_BYTES // 1_000_000
