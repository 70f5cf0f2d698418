"""The streams of one kind, kept alive: connected again after a failure, and renewed before the exchange cuts them."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import localcontext
from typing import Any

from autopilot.adapters.exchange.ccxt_errors import scrub
from autopilot.adapters.exchange.streams.session import StreamSession
from autopilot.adapters.exchange.streams.subscription import Heard, Subscription
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS
from autopilot.ports.clock import Clock
from autopilot.ports.streams import StreamState

LIFE_MS = 23 * HOUR_MS
"""Binance cuts a connection after 24 hours."""
OVERLAP_S = 30.0
"""How long a new connection may take to say something before the old one is closed."""
LONGEST_PAUSE_S = 60.0
STEADY_MS = MINUTE_MS
"""A connection that lived so long was a good one: the next pause is short."""
MOST_REFUSALS = 3
REFUSED_MS = 15 * MINUTE_MS
"""After so many refusals a stream is left alone for so long."""

log = logging.getLogger(__name__)


class NoStreams(Exception):
    """The exchange has no streams of the kind."""


class StreamConnection:
    """One connection for any number of subscriptions. ``opened`` opens ccxt's exchange for it, or raises `NoStreams`;
    ``hear`` is called with every message. ``steady`` is a clock that nobody sets, ``clock`` the exchange's."""

    def __init__(
        self,
        opened: Callable[[], Awaitable[Any]],
        hear: Callable[[Subscription, Heard], None],
        clock: Clock,
        steady: Clock,
        least_pause_s: float,
    ) -> None:
        self._opened = opened
        self._hear = hear
        self._clock = clock
        self._steady = steady
        self._least_pause_s = least_pause_s
        self._subscriptions: set[Subscription] = set()
        self._changed = asyncio.Event()
        self._torn = ""
        """Why the connection is to be replaced; empty if it is not."""
        self._failures = 0
        self._session: StreamSession | None = None
        self._running: asyncio.Task[None] | None = None
        self.is_off = False
        """Whether the exchange has no such streams."""

    def add(self, subscription: Subscription) -> None:
        """Begin this stream too."""
        self._subscriptions.add(subscription)
        self._changed.set()
        if self._running is None:
            self._running = asyncio.create_task(self._run())

    def remove(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)
        self._changed.set()

    def check(self) -> None:
        """See whether a stream that was refused is to be tried again."""
        self._changed.set()

    def reads(self, subscription: Subscription) -> bool:
        """Whether it is asked for on the present connection."""
        return self._session is not None and subscription in self._session.reading

    def tear(self, why: str) -> None:
        """Replace the connection."""
        self._torn = why
        self._changed.set()

    async def close(self) -> None:
        running, self._running = self._running, None
        if running:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    def _wanted(self) -> set[Subscription]:
        """Without those that were refused and are left alone for a while."""
        now_ms = self._steady.now_ms()
        return {
            each
            for each in self._subscriptions
            if each.refusals < MOST_REFUSALS or now_ms - each.refused_at_ms >= REFUSED_MS
        }

    async def _run(self) -> None:
        with localcontext():  # ccxt changes the rounding of the current one
            while True:
                await self._until_wanted()
                began_ms = self._steady.now_ms()
                try:
                    why = await self._serve()
                except asyncio.CancelledError:
                    raise
                except NoStreams:
                    self.is_off = True
                    return
                except Exception as error:  # noqa: BLE001 - whatever ccxt raises: polling goes on, and so does this
                    why = scrub(error)
                if why is None:
                    continue
                self._failures = 1 if self._steady.now_ms() - began_ms >= STEADY_MS else self._failures + 1
                for each in self._subscriptions:
                    if each.status.state is StreamState.LIVE:
                        each.enter(StreamState.CONNECTING, self._clock.now_ms(), why)
                await asyncio.sleep(self._pause_s())

    def _pause_s(self) -> float:
        """Longer after each failure, and never the same for everybody."""
        longest = min(self._least_pause_s * 2.0 ** min(self._failures, 10), LONGEST_PAUSE_S)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    async def _until_wanted(self) -> None:
        while not self._wanted():
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), REFUSED_MS / 1000)

    async def _serve(self) -> str | None:
        """Read until the connection fails, and return why; None when no stream is wanted any more."""
        self._torn = ""
        self._session = StreamSession(await self._opened(), self._hear)
        born_ms = self._steady.now_ms()
        try:
            while True:
                self._changed.clear()
                if self._torn:
                    return self._torn
                if not self._wanted():
                    return None
                await self._follow_changes(self._session)
                if failed := self._failed(self._session):
                    return failed
                left_ms = born_ms + LIFE_MS - self._steady.now_ms()
                if left_ms <= 0:
                    await self._renew(self._session)
                    born_ms = self._steady.now_ms()
                    continue
                await self._until_something_happens(self._session, min(left_ms, REFUSED_MS) / 1000)
        finally:
            session, self._session = self._session, None
            await session.close()

    async def _follow_changes(self, session: StreamSession) -> None:
        wanted = self._wanted()
        for each in wanted - session.reading.keys():
            each.begin(self._steady.now_ms())
            session.start(each)
        for each in session.reading.keys() - wanted:
            await session.stop(each)

    async def _until_something_happens(self, session: StreamSession, timeout_s: float) -> None:
        changed = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait(
                [changed, *session.reading.values()], timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            changed.cancel()

    def _failed(self, session: StreamSession) -> str | None:
        """Why a stream ended, if one did. A refused one is counted. ccxt cancels who waits on a connection that it
        closes."""
        from ccxt.base.errors import NetworkError

        words = []
        for each, task in session.reading.items():
            if not task.done():
                continue
            error = None if task.cancelled() else task.exception()
            words.append(scrub(error) if error else "the connection was closed")
            if error and not isinstance(error, NetworkError | OSError) and not each.has_spoken:
                self.refuse(each, words[-1])
        return words[0] if words else None

    def refuse(self, subscription: Subscription, why: str) -> None:
        """It was refused, or says nothing at all."""
        subscription.refusals += 1
        if subscription.refusals >= MOST_REFUSALS:
            subscription.refused_at_ms = self._steady.now_ms()
            subscription.enter(StreamState.REFUSED, self._clock.now_ms(), why)
            log.warning("%s: no stream of its %s, it is polled: %s", subscription.symbol, subscription.kind, why)
        self._changed.set()

    async def _renew(self, old: StreamSession) -> None:
        """Make a new connection, wait until it says something or has had its time to, then close the old one."""
        wanted, spoken, complete = set(old.reading), set[Subscription](), asyncio.Event()

        def hear(subscription: Subscription, heard: Heard) -> None:
            spoken.add(subscription)
            if spoken >= wanted:
                complete.set()
            self._hear(subscription, heard)

        fresh = StreamSession(await self._opened(), hear)
        try:
            for each in wanted:
                fresh.start(each)
            with suppress(TimeoutError):
                await asyncio.wait_for(complete.wait(), OVERLAP_S)
        except BaseException:
            await fresh.close()
            raise
        self._session = fresh
        await old.close()
