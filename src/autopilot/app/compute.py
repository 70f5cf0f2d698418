"""Where the maps of a training run: in this process, in processes of this machine, or on a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from autopilot.distribution import install_hint
from autopilot.domain.errors import ConfigError

SMALL = 20_000
"""Candles of all symbols together below which starting processes takes longer than the work."""
CONNECT_S = 10


@contextmanager
def compute(scheduler: str | None, candles: int) -> Iterator[Executor]:
    """``scheduler``: the address of a Dask scheduler, or None for this machine. ``candles``: how much there is to do.

    Raises ConfigError when the cluster cannot be used.
    """
    if scheduler:
        with _cluster(scheduler) as executor:
            yield executor
    elif candles < SMALL or _processors() < 2:
        yield InProcess()
    else:
        pool = ProcessPoolExecutor(
            _processors(), mp_context=multiprocessing.get_context("spawn"), initializer=_begin_worker
        )
        try:
            yield pool
        except BaseException:
            # Nobody waits for what is under way any more, and a part can take long.
            for worker in multiprocessing.active_children():
                worker.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _processors() -> int:
    return len(os.sched_getaffinity(0))


def _begin_worker() -> None:
    """Ctrl-C reaches the whole terminal group, and the parent ends its workers by itself; where it was killed it
    cannot, and they would wait for it for ever."""
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
            hint="start it, or train on this machine: autopilot config unset compute.scheduler",
        ) from error
    try:
        yield client.get_executor(pure=False)
    finally:
        client.close()


P = ParamSpec("P")
T = TypeVar("T")


class InProcess(Executor):
    """Runs each call when it is submitted."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the future's to tell
            future.set_exception(error)
        return future
