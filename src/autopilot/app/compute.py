"""Executors for the maps of a training: this process, processes on this machine, or a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from autopilot.distribution import install_hint
from autopilot.domain.errors import ConfigError

MIN_PARALLEL_CANDLES = 20_000
"""Number of candles of all symbols below which starting processes takes longer than the work."""
CONNECT_S = 10


@contextmanager
def compute(scheduler: str | None, candles: int) -> Iterator[Executor]:
    """An executor for the work on ``candles`` candles of all symbols together. ``scheduler``: the address of a Dask
    scheduler, or None for this machine.

    Raises ConfigError when the cluster cannot be used.
    """
    if scheduler:
        with _cluster(scheduler) as executor:
            yield executor
    elif candles < MIN_PARALLEL_CANDLES or _processors() < 2:
        thread = InProcess()
        try:
            yield thread
        finally:
            thread.shutdown(wait=True, cancel_futures=True)
    else:
        pool = ProcessPoolExecutor(
            _processors(), mp_context=multiprocessing.get_context("spawn"), initializer=_begin_worker
        )
        try:
            yield pool
        except BaseException:
            # Nobody needs the results of the running tasks, and one can take long.
            for worker in multiprocessing.active_children():
                worker.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _processors() -> int:
    return len(os.sched_getaffinity(0))


def _begin_worker() -> None:
    """Ignore Ctrl-C, which reaches the whole process group: the parent ends its workers. End with the parent, which
    cannot end them if it was killed; they would wait for it forever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


@contextmanager
def _cluster(scheduler: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        raise ConfigError(
            "[compute] scheduler is set, and Dask is not installed",
            hint=f"{install_hint('cluster')}, or unset it",
        ) from None
    try:
        client: Any = Client(scheduler, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the Dask scheduler {scheduler} cannot be reached: {error}",
            hint="start it, or train on this machine: autopilot config set compute.scheduler --unset",
        ) from error
    try:
        yield client.get_executor(pure=False)
    finally:
        client.close()


class InProcess(ThreadPoolExecutor):
    """An executor that runs one call after the other in this process, beside the thread that waits for their
    results."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)
