"""The lock-step clock of an offline market: one candle at a time, in the same order at every run.

Candles go out ordered by (close time, symbol), exactly one at a time. The next one goes out only when the one before it
was decided, which its symbol says by asking for what comes after it. So the cycles of several symbols interleave
identically however fast each of them is, and after a restart the session goes on where the decisions ended, as soon as
every symbol that is taken up again has asked.
"""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from autopilot.adapters.clock import MarketClock
from autopilot.domain.candles import Candles
from autopilot.domain.errors import ExchangeError, MarketEnded, MarketUnavailable
from autopilot.domain.market import Market, MarketKind, Quote
from autopilot.domain.timeframe import Timeframe, iso_utc
from autopilot.ports.clock import Clock
from autopilot.ports.market_data import MarketSnapshot

TURN_S = 1.0
"""The longest that one fetch waits for its turn or for its candle to be due."""


class Tape(Protocol):
    """One symbol's candles, past and to come. Methods raise ExchangeError."""

    @property
    def start_ms(self) -> int:
        """Open time from which a fresh session decides; what opened before is its history."""
        ...

    def next_from(self, open_at_ms: int) -> int | None:
        """Open time of the first candle that opens at or after ``open_at_ms``; None when there is none."""
        ...

    def load(self, since_ms: int | None, until_ms: int, limit: int) -> Candles:
        """The latest ``limit`` candles that open in [since_ms, until_ms]."""
        ...


OpenTape = Callable[[str, Timeframe], Tape]


@dataclass(slots=True, eq=False)
class _Subscription:
    """One symbol at the table. ``next_ms`` opens the candle that is out (``is_out``: handed over, not yet decided) or
    that comes next; None when there are no more."""

    symbol: str
    timeframe: Timeframe
    resume_at_ms: int | None
    tape: Tape | None = None
    next_ms: int | None = None
    is_out: bool = False
    has_begun: bool = False
    has_asked: bool = False
    turn: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_awaited(self) -> bool:
        """It is taken up again and has not asked yet: time must not go on before it has settled what it left open."""
        return self.resume_at_ms is not None and self.next_ms is not None and not self.has_asked

    @property
    def close_ms(self) -> float:
        return math.inf if self.next_ms is None else self.next_ms + self.timeframe.ms


class MarketSession:
    """``speed``: market seconds per wall second; 0 as fast as the cycles go."""

    def __init__(self, open_tape: OpenTape, speed: float) -> None:
        self._open_tape = open_tape
        self._speed = speed
        self._seats: dict[str, _Subscription] = {}
        self._tapes: dict[tuple[str, Timeframe], Tape] = {}
        self._reached_ms = 0
        self._anchor: tuple[float, float] | None = None

    def now_ms(self) -> int:
        """Close time of the latest candle handed out. It stands still between two candles, whatever the speed, so that
        nothing that is decided depends on the wall."""
        starts = (seat.tape.start_ms for seat in self._seats.values() if seat.tape)
        return self._reached_ms or min(starts, default=0)

    def join(self, symbols: Collection[str], timeframe: Timeframe, resume_at_ms: int | None) -> None:
        """Symbols with different points to resume at are joined one after the other, before the first of them is
        fetched. Time never goes back: a symbol that lags behind what others have decided starts with the candle that
        closes now, and finds what it missed in its history. One that starts afresh does the same."""
        for symbol in symbols:
            self._tapes.pop((symbol, timeframe), None)
            self._tapes.pop((symbol, timeframe), None)
            self._seats[symbol] = _Subscription(symbol, timeframe, resume_at_ms)
        self._reached_ms = max(self._reached_ms, resume_at_ms or 0)
        for seat in self._seats.values():
            if not seat.has_begun:
                with suppress(ExchangeError):  # its fetch says it, and the others need not wait for it
                    self._place(seat)
        self._wake()

    def leave(self, symbol: str) -> None:
        seat = self._seats.pop(symbol, None)
        if seat:
            seat.turn.set()
        if not self._seats:
            self._anchor = None
        self._wake()

    def close(self) -> None:
        for symbol in tuple(self._seats):
            self.leave(symbol)

    async def fetch(self, symbol: str, timeframe: Timeframe, since_ms: int | None, limit: int) -> MarketSnapshot:
        """As CandleSource.fetch. Asking for what comes after a candle says that it is decided; asking again for the
        same one gives it again. Without a turn within a second the snapshot is empty, with no quote."""
        seat = self._seat(symbol, timeframe)
        if not seat.has_asked:
            seat.has_asked = True
            self._wake()
        if seat.next_ms is not None and since_ms is not None and since_ms > seat.next_ms:
            self._advance(seat, since_ms)
        if not seat.is_out:
            waiting = await self._wait_for_turn(seat)
            if waiting is not None:
                return waiting
        return self._hand_out(seat, since_ms, limit)

    def history(self, symbol: str, timeframe: Timeframe, until_ms: int, limit: int) -> Candles:
        """The latest ``limit`` candles that open at or before ``until_ms`` and are closed by now."""
        tape = self._tape(symbol, timeframe)
        return tape.load(None, min(until_ms, self.now_ms() - timeframe.ms), limit)

    def _seat(self, symbol: str, timeframe: Timeframe) -> _Subscription:
        seat = self._seats.get(symbol)
        if seat is None or seat.timeframe is not timeframe:
            self._tape(symbol, timeframe)
            raise MarketUnavailable(
                f"{symbol} {timeframe} has not joined this market", hint=f"autopilot start --symbol {symbol}"
            )
        if seat.tape is None:
            self._place(seat)
        return seat

    def _tape(self, symbol: str, timeframe: Timeframe) -> Tape:
        key = (symbol, timeframe)
        if key not in self._tapes:
            self._tapes[key] = self._open_tape(symbol, timeframe)
        return self._tapes[key]

    def _place(self, seat: _Subscription) -> None:
        tape = self._tape(seat.symbol, seat.timeframe)
        start_ms = tape.start_ms if seat.resume_at_ms is None else seat.resume_at_ms
        seat.next_ms = tape.next_from(max(start_ms, self._reached_ms - seat.timeframe.ms))
        seat.tape = tape

    def _advance(self, seat: _Subscription, since_ms: int) -> None:
        assert seat.tape is not None, "a seat with a next candle has a tape"
        seat.next_ms = seat.tape.next_from(since_ms)
        seat.is_out = False
        seat.has_begun = True
        self._wake()

    def _owner(self) -> _Subscription | None:
        return min(self._seats.values(), key=lambda seat: (seat.close_ms, seat.symbol), default=None)

    def _wake(self) -> None:
        owner = self._owner()
        if owner:
            owner.turn.set()

    async def _wait_for_turn(self, seat: _Subscription) -> MarketSnapshot | None:
        """None when it is this seat's turn and its candle is due; otherwise what to answer. Raises MarketEnded."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + TURN_S
        while self._seats.get(seat.symbol) is seat:
            if seat.next_ms is None:
                raise MarketEnded(
                    f"{seat.symbol} {seat.timeframe} has ended at {iso_utc(self.now_ms())}: there are no more candles",
                    hint="import more candles, or let the market begin earlier",
                )
            owner = self._owner()
            assert owner is not None, "this seat is one"
            now, due = loop.time(), self._due(owner.close_ms)
            all_here = not any(each.is_awaited for each in self._seats.values())
            if owner is seat and due <= now and all_here:
                return None
            if due > deadline and not owner.is_out:
                return _nothing(seat, more=False)
            wait_s = min(due, deadline) - now if owner is seat and all_here else deadline - now
            if wait_s <= 0:
                return _nothing(seat, more=True)
            seat.turn.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await seat.turn.wait()
        return _nothing(seat, more=False)

    def _due(self, close_ms: float) -> float:
        """The event loop's time at which a candle with this close time goes out."""
        if self._anchor is None or not self._speed:
            return -math.inf
        wall_s, market_ms = self._anchor
        return wall_s + (close_ms - market_ms) / 1000 / self._speed

    def _hand_out(self, seat: _Subscription, since_ms: int | None, limit: int) -> MarketSnapshot:
        assert seat.tape is not None, "it was this seat's turn"
        assert seat.next_ms is not None, "it was this seat's turn"
        candles = seat.tape.load(since_ms, seat.next_ms, limit)
        close_ms = seat.next_ms + seat.timeframe.ms
        now_s = asyncio.get_running_loop().time()
        seat.is_out = seat.has_begun = True
        self._reached_ms = max(self._reached_ms, close_ms)
        self._anchor = self._anchor or (now_s, close_ms)
        quote = Quote(seat.symbol, float(candles.close[-1]), close_ms) if len(candles) else None
        # Asking again at once is what says that this one is decided, and others may be waiting to hear it.
        return MarketSnapshot(candles, quote, more=True)


def _nothing(seat: _Subscription, *, more: bool) -> MarketSnapshot:
    return MarketSnapshot(Candles.empty(seat.timeframe), None, more)


class OfflineExchange(ABC):
    """A CandleSource whose time is its own."""

    name: str
    kind: MarketKind

    def __init__(self, speed: float, clock_skew_ms: int = 0) -> None:
        self._session = MarketSession(self._open_tape, speed)
        self._clock = MarketClock(self._session.now_ms, clock_skew_ms)

    @abstractmethod
    def _open_tape(self, symbol: str, timeframe: Timeframe) -> Tape:
        """Raises UnknownSymbol, UnknownTimeframe, MarketUnavailable."""

    @abstractmethod
    async def market(self, symbol: str) -> Market:
        """The market's rules. Raises UnknownSymbol, MarketUnavailable."""

    @property
    def clock(self) -> Clock:
        return self._clock

    def join(self, symbols: Collection[str], timeframe: Timeframe, resume_at_ms: int | None) -> None:
        self._session.join(symbols, timeframe, resume_at_ms)

    def leave(self, symbol: str) -> None:
        self._session.leave(symbol)

    async def fetch(self, symbol: str, timeframe: Timeframe, since_ms: int | None, limit: int) -> MarketSnapshot:
        return await self._session.fetch(symbol, timeframe, since_ms, limit)

    async def history(self, symbol: str, timeframe: Timeframe, until_ms: int, limit: int) -> Candles:
        return self._session.history(symbol, timeframe, until_ms, limit)

    async def close(self) -> None:
        """Everyone leaves; whoever waits for a turn stops waiting."""
        self._session.close()
