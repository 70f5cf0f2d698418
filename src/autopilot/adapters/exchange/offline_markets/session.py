"""An offline market hands out one candle at a time, in the same order at every run.

Candles go out ordered by (close time, symbol). The next one goes out only when the one before it was decided, which its
symbol says by fetching the candles after it. So the cycles of several symbols interleave identically, however fast each
of them is. After a restart the market goes on where the decisions ended, as soon as every resumed symbol has fetched.
"""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from autopilot.adapters.clock import MarketClock
from autopilot.domain.candles import Candles
from autopilot.domain.errors import ExchangeError, MarketEnded, MarketUnavailable
from autopilot.domain.market import MarketKind, Quote
from autopilot.domain.timeframe import Timeframe, utc_text
from autopilot.ports.clock import Clock
from autopilot.ports.market_data import KnownMarket, MarketSnapshot

MAKER_FEE, TAKER_FEE = Decimal("0.0025"), Decimal("0.0040")
"""Kraken's fees of the lowest tier: offline markets have none of their own."""
TURN_S = 1.0
"""The longest wait of one fetch for its turn or for its candle to be due."""


class Tape(Protocol):
    """One symbol's candles, past and to come. Methods raise ExchangeError."""

    start_ms: int
    """Open time of the first candle that a new symbol decides; the candles before it are its history."""

    def next_from(self, open_at_ms: int) -> int | None:
        """Open time of the first candle that opens at or after ``open_at_ms``; None after the last candle."""

    def load(self, since_ms: int | None, until_ms: int, limit: int) -> Candles:
        """The latest ``limit`` candles that open in [since_ms, until_ms]."""


@dataclass(slots=True, eq=False)
class _Subscription:
    """One symbol that is fetched. ``next_ms``: open time of the candle that is out (``is_out``: handed over, not yet
    decided), or else of the next one; None after the last candle."""

    symbol: str
    timeframe: Timeframe
    resume_at_ms: int | None
    tape: Tape | None = None
    next_ms: int | None = None
    is_out: bool = False
    has_begun: bool = False
    has_fetched: bool = False
    turn: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_awaited(self) -> bool:
        """It resumes and has not fetched yet: time must stand still until it has settled its open orders."""
        return self.resume_at_ms is not None and self.next_ms is not None and not self.has_fetched

    @property
    def close_ms(self) -> float:
        return math.inf if self.next_ms is None else self.next_ms + self.timeframe.ms


class OfflineExchange(KnownMarket, ABC):
    """A market with a clock of its own. ``speed``: market seconds per wall second; 0 as fast as the cycles go.
    ``clock_skew_ms``: how far its clock is ahead of the candles, as an injected fault."""

    name: str
    kind: MarketKind

    def __init__(self, speed: float, clock_skew_ms: int = 0) -> None:
        self._speed = speed
        self._clock = MarketClock(self._now_ms, clock_skew_ms)
        self._subscriptions: dict[str, _Subscription] = {}
        self._tapes: dict[tuple[str, Timeframe], Tape] = {}
        self._reached_ms = 0
        self._anchor: tuple[float, float] | None = None

    @abstractmethod
    def _open_tape(self, symbol: str, timeframe: Timeframe) -> Tape:
        """Raises UnknownSymbol, UnknownTimeframe, MarketUnavailable."""

    @property
    def clock(self) -> Clock:
        """Reads the close time of the latest candle handed out. It stands still between two candles at every speed, so
        that no decision depends on the wall clock."""
        return self._clock

    def subscribe(self, symbols: Collection[str], timeframe: Timeframe, resume_at_ms: int | None) -> None:
        """Symbols that resume at different times are subscribed one after the other, before the first of them is
        fetched. Time never goes back: a symbol that lags behind the others starts with the candle that closes now, and
        finds the missed candles in its history. So does a new symbol."""
        for symbol in symbols:
            self._tapes.pop((symbol, timeframe), None)
            self._subscriptions[symbol] = _Subscription(symbol, timeframe, resume_at_ms)
        self._reached_ms = max(self._reached_ms, resume_at_ms or 0)
        for subscription in self._subscriptions.values():
            if not subscription.has_begun:
                with suppress(ExchangeError):  # its own fetch raises it, and the others need not wait
                    self._place(subscription)
        self._wake()

    def unsubscribe(self, symbol: str) -> None:
        subscription = self._subscriptions.pop(symbol, None)
        if subscription:
            subscription.turn.set()
        if not self._subscriptions:
            self._anchor = None
        self._wake()

    async def close(self) -> None:
        """End every subscription; a fetch that waits for its turn returns."""
        for symbol in tuple(self._subscriptions):
            self.unsubscribe(symbol)

    async def fetch(self, symbol: str, timeframe: Timeframe, since_ms: int | None, limit: int) -> MarketSnapshot:
        """A fetch of the candles after the latest one says that it is decided; a fetch of the same candle returns it
        again. Without a turn within a second the snapshot is empty and has no quote."""
        subscription = self._subscription(symbol, timeframe)
        if not subscription.has_fetched:
            subscription.has_fetched = True
            self._wake()
        if subscription.next_ms is not None and since_ms is not None and since_ms > subscription.next_ms:
            self._advance(subscription, since_ms)
        if not subscription.is_out:
            waiting = await self._wait_for_turn(subscription)
            if waiting is not None:
                return waiting
        return self._hand_out(subscription, since_ms, limit)

    async def history(self, symbol: str, timeframe: Timeframe, until_ms: int, limit: int) -> Candles:
        return self.known(symbol, timeframe, min(until_ms, self._now_ms() - timeframe.ms), limit)

    def known(self, symbol: str, timeframe: Timeframe, until_ms: int, limit: int) -> Candles:
        return self._tape(symbol, timeframe).load(None, until_ms, limit)

    def _now_ms(self) -> int:
        starts = (each.tape.start_ms for each in self._subscriptions.values() if each.tape)
        return self._reached_ms or min(starts, default=0)

    def _subscription(self, symbol: str, timeframe: Timeframe) -> _Subscription:
        subscription = self._subscriptions.get(symbol)
        if subscription is None or subscription.timeframe is not timeframe:
            self._tape(symbol, timeframe)
            raise MarketUnavailable(
                f"{symbol} {timeframe} is not subscribed on this market", hint=f"autopilot start --symbol {symbol}"
            )
        if subscription.tape is None:
            self._place(subscription)
        return subscription

    def _tape(self, symbol: str, timeframe: Timeframe) -> Tape:
        key = (symbol, timeframe)
        if key not in self._tapes:
            self._tapes[key] = self._open_tape(symbol, timeframe)
        return self._tapes[key]

    def _place(self, subscription: _Subscription) -> None:
        tape = self._tape(subscription.symbol, subscription.timeframe)
        start_ms = tape.start_ms if subscription.resume_at_ms is None else subscription.resume_at_ms
        subscription.next_ms = tape.next_from(max(start_ms, self._reached_ms - subscription.timeframe.ms))
        subscription.tape = tape

    def _advance(self, subscription: _Subscription, since_ms: int) -> None:
        assert subscription.tape is not None, "a subscription with a next candle has a tape"
        subscription.next_ms = subscription.tape.next_from(since_ms)
        subscription.is_out = False
        subscription.has_begun = True
        self._wake()

    def _owner(self) -> _Subscription | None:
        return min(self._subscriptions.values(), key=lambda each: (each.close_ms, each.symbol), default=None)

    def _wake(self) -> None:
        if owner := self._owner():
            owner.turn.set()

    async def _wait_for_turn(self, subscription: _Subscription) -> MarketSnapshot | None:
        """None when it is the subscription's turn and its candle is due; otherwise the answer to the fetch. Raises
        MarketEnded."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + TURN_S
        while self._subscriptions.get(subscription.symbol) is subscription:
            if subscription.next_ms is None:
                raise MarketEnded(
                    f"the {subscription.timeframe} candles ended at {utc_text(self._now_ms())}; the market has no more",
                    hint="import more candles, or let the market begin earlier",
                )
            owner = self._owner()
            assert owner is not None, "this subscription is one"
            now, due = loop.time(), self._due(owner.close_ms)
            all_here = not any(each.is_awaited for each in self._subscriptions.values())
            if owner is subscription and due <= now and all_here:
                return None
            if due > deadline and not owner.is_out:
                return _nothing(subscription, more=False)
            wait_s = min(due, deadline) - now if owner is subscription and all_here else deadline - now
            if wait_s <= 0:
                return _nothing(subscription, more=True)
            subscription.turn.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await subscription.turn.wait()
        return _nothing(subscription, more=False)

    def _due(self, close_ms: float) -> float:
        """The time of the event loop at which the candle that closes at ``close_ms`` goes out."""
        if self._anchor is None or not self._speed:
            return -math.inf
        wall_s, market_ms = self._anchor
        return wall_s + (close_ms - market_ms) / 1000 / self._speed

    def _hand_out(self, subscription: _Subscription, since_ms: int | None, limit: int) -> MarketSnapshot:
        assert subscription.tape is not None, "it was its turn"
        assert subscription.next_ms is not None, "it was its turn"
        candles = subscription.tape.load(since_ms, subscription.next_ms, limit)
        close_ms = subscription.next_ms + subscription.timeframe.ms
        now_s = asyncio.get_running_loop().time()
        subscription.is_out = subscription.has_begun = True
        self._reached_ms = max(self._reached_ms, close_ms)
        self._anchor = self._anchor or (now_s, close_ms)
        quote = Quote(subscription.symbol, float(candles.close[-1]), close_ms) if len(candles) else None
        # Only the next fetch says that this candle is decided, and others may be waiting for that.
        return MarketSnapshot(candles, quote, more=True)


def _nothing(subscription: _Subscription, *, more: bool) -> MarketSnapshot:
    return MarketSnapshot(Candles.empty(subscription.timeframe), None, more)
