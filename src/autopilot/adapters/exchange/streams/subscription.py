"""One stream of one symbol, and whether it still says what it should."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from autopilot.domain.market import Quote
from autopilot.domain.timeframe import MINUTE_MS, Timeframe
from autopilot.ports.streams import StreamState, StreamStatus

LEAST_SILENCE_MS, LONGEST_SILENCE_MS = 10_000, 5 * MINUTE_MS
"""A stream that says nothing for less than the first is never silent; for more than the second it always is, if the
exchange's price changed since."""
USUAL_GAPS = 4
"""A silence is this many times as long as the longest pauses were lately."""
FADING = 0.99
"""How much of the longest pause is left after each message."""


class StreamKind(StrEnum):
    """What a stream shows."""

    CANDLES = "candles"
    TICKER = "ticker"


@dataclass(frozen=True, slots=True)
class Heard:
    """The part of a message that matters: the latest price and its time by the exchange, if it says; in a candle stream
    the newest candle's open time; and ``numbers``, all of them: a message that repeats them is no sign of life."""

    price: float
    at_ms: int | None
    open_at_ms: int | None
    numbers: tuple[Any, ...]


class Subscription:
    """A stream of ``symbol``. ``steady_ms`` is the time of a clock that nobody sets, ``now_ms`` the exchange's."""

    def __init__(self, kind: StreamKind, symbol: str, timeframe: Timeframe, steady_ms: int, now_ms: int) -> None:
        self.kind = kind
        self.symbol = symbol
        self.timeframe = timeframe
        self.status = StreamStatus(StreamState.CONNECTING, now_ms)
        self.refusals = 0
        """How often in a row it was refused, or said nothing on a new connection while the price changed."""
        self.refused_at_ms = 0
        self._numbers: tuple[Any, ...] = ()
        self._alive_at_ms = steady_ms
        """The last sign of life, or the beginning of the connection, by the steady clock."""
        self._usual_gap_ms = 0.0
        self._has_spoken = False
        self._compared: tuple[float, int] | None = None
        """The exchange's latest price by request, and when it was known."""

    @property
    def has_spoken(self) -> bool:
        """Whether it has said anything on this connection."""
        return self._has_spoken

    def enter(self, state: StreamState, now_ms: int, detail: str = "") -> None:
        """Change the state at this time of the exchange."""
        if state is not self.status.state:
            self.status = StreamStatus(state, now_ms, detail)
        elif detail and detail != self.status.detail:
            self.status = StreamStatus(state, self.status.since_ms, detail)

    def begin(self, steady_ms: int) -> None:
        """It is asked for on a new connection."""
        self._alive_at_ms, self._has_spoken = steady_ms, False

    def hear(self, heard: Heard, steady_ms: int) -> bool:
        """Whether the message says anything new."""
        if heard.numbers == self._numbers and self._has_spoken:
            return False
        if self._has_spoken:
            self._usual_gap_ms = max(float(steady_ms - self._alive_at_ms), self._usual_gap_ms * FADING)
        self._numbers, self._alive_at_ms, self._has_spoken, self.refusals = heard.numbers, steady_ms, True, 0
        return True

    @property
    def patience_ms(self) -> float:
        """How long it may say nothing while the exchange's price changes."""
        return min(max(USUAL_GAPS * self._usual_gap_ms, LEAST_SILENCE_MS), LONGEST_SILENCE_MS)

    def is_silent(self, quote: Quote, steady_ms: int) -> bool:
        """Whether it should have spoken: the exchange's price by request changed after its last sign of life."""
        before, self._compared = self._compared, (quote.price, steady_ms)
        if before is None or before[0] == quote.price:
            return False
        moved_after_it = before[1] >= self._alive_at_ms
        return moved_after_it and steady_ms - self._alive_at_ms >= self.patience_ms
