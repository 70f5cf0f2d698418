"""A file system of some megabytes, which a test fills."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_PAGE = 4096


@contextmanager
def mounted(place: Path, megabytes: int) -> Iterator[None]:
    """In place of the directory. Skips the test if this user may not mount anything."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", place]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount anything")
    yield
    subprocess.run(["umount", place], check=True)


@contextmanager
def no_room(place: Path) -> Iterator[None]:
    """On the disk itself, to the last byte."""
    rest = place / "rest"
    with rest.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(_PAGE))
    yield
    rest.unlink()
