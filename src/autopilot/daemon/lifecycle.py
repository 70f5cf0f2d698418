"""From nothing to a daemon that answers, and back: lock, then database and engine, then socket."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autopilot.adapters.lock import hold_lock
from autopilot.adapters.store import migration
from autopilot.config.paths import Paths, create_directories
from autopilot.daemon.memory import SETTLED_S, settle_memory
from autopilot.daemon.readiness import Readiness
from autopilot.daemon.server.server import ControlServer
from autopilot.domain.errors import AutopilotError

if TYPE_CHECKING:
    from autopilot.daemon.service import AutopilotService

STOP_LIMIT_S = 20.0
CANCEL_LIMIT_S = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StopSignal:
    """The first request to stop is polite; the second one means at once."""

    polite: asyncio.Event = field(default_factory=asyncio.Event)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)

    def request(self) -> None:
        if self.polite.is_set():
            self.hurry.set()
        self.polite.set()


OpenService = Callable[[Callable[[], None]], Coroutine[Any, Any, "AutopilotService"]]
"""Reads the configuration, opens the database, starts the engine. Its argument asks the daemon to stop. Canceled when a
signal comes first."""


async def run_daemon(open_service: OpenService, paths: Paths) -> None:
    """Serve until SIGTERM, SIGINT or the service itself asks to stop; a second signal does not wait for cycles
    under way.

    Raises AlreadyRunning, ConfigError, SocketUnusable, StoreError and whatever ``open_service`` raises; the command
    that waits for this daemon gets the same error.
    """
    readiness = Readiness.inherited()
    try:
        create_directories(paths)
        with hold_lock(paths.lock_file):
            stop = StopSignal()
            with _signals(stop):
                await _serve(open_service, paths, stop, readiness)
    except AutopilotError as error:
        readiness.failed(error)
        raise


async def _serve(open_service: OpenService, paths: Paths, stop: StopSignal, readiness: Readiness) -> None:
    with readiness.passing_on(migration.log):
        service = await _open(open_service, stop)
    if service is None:
        return
    try:
        server = ControlServer(service, paths.socket)
        try:
            await server.start()
            log.info("ready: process %d, socket %s", os.getpid(), paths.socket)
            readiness.ready()
            asyncio.get_running_loop().call_later(SETTLED_S, settle_memory)
            await stop.polite.wait()
            log.info("stopping")
        finally:
            await server.stop()
    finally:
        await _close(service, stop)
    log.info("stopped")


async def _open(open_service: OpenService, stop: StopSignal) -> AutopilotService | None:
    """None if the daemon is asked to stop before it is up."""
    opening = asyncio.ensure_future(open_service(stop.request))
    stopping = asyncio.ensure_future(stop.polite.wait())
    await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if opening.done():
        return opening.result()
    opening.cancel()
    await asyncio.wait({opening}, timeout=CANCEL_LIMIT_S)
    return None


async def _close(service: AutopilotService, stop: StopSignal) -> None:
    closing = asyncio.ensure_future(service.close())
    hurry = asyncio.ensure_future(stop.hurry.wait())
    await asyncio.wait({closing, hurry}, timeout=STOP_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
    hurry.cancel()
    if not closing.done():
        log.warning("stopping without waiting for cycles under way; the next start resumes")
        closing.cancel()
        await asyncio.wait({closing}, timeout=CANCEL_LIMIT_S)
    if closing.done() and not closing.cancelled():
        closing.result()


@contextmanager
def _signals(stop: StopSignal) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    wanted = (signal.SIGTERM, signal.SIGINT)
    for number in wanted:
        loop.add_signal_handler(number, stop.request)
    try:
        yield
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)
