"""The memory of a command, summed over all of its processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def memory() -> Iterator[list[float]]:
    """A list that grows by the memory of all processes below this one, in MB, every quarter of a second. Shared memory
    counts once."""
    used, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.25):
            used.append(sum(map(_held_mb, _descendants(os.getpid()))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield used
    finally:
        over.set()
        watcher.join()


def _descendants(pid: int) -> Iterator[int]:
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, listed.read_text().split()):
                yield child
                yield from _descendants(child)


def _held_mb(pid: int) -> float:
    """Its proportional set size; 0 when it has just ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
