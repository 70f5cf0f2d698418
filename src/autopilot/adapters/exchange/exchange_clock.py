"""The clock of an exchange: its own time, kept by a clock of this machine that nobody can set."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from autopilot.adapters.clock import SteadyClock, WallClock
from autopilot.adapters.exchange.ccxt_errors import ONLINE
from autopilot.domain.errors import ExchangeError, MarketUnavailable
from autopilot.domain.timeframe import MINUTE_MS
from autopilot.ports.clock import Clock

LIFE_MS = 10 * MINUTE_MS
STEP_MS = 2_000
"""A change of the wall clock against the steady one that is no drift: one of them was set, or stood still."""
_SECOND_MS = 1_000
EARLIEST_MS, LATEST_MS = 1_577_836_800_000, 4_102_444_800_000
"""2020 and 2100: no exchange states a time outside of them."""


@dataclass(frozen=True, slots=True)
class _Lead:
    """By how much the exchange's time is ahead of the steady clock, in milliseconds: at least and at most."""

    least_ms: int
    most_ms: int

    def narrowed(self, other: _Lead) -> _Lead:
        """The part that both allow; ``other`` if there is none, because then one of the clocks was set."""
        both = _Lead(max(self.least_ms, other.least_ms), min(self.most_ms, other.most_ms))
        return both if both.least_ms <= both.most_ms else other


class ExchangeClock(Clock):
    """The exchange's time; the wall clock's until the exchange has stated its own. ``name``: the exchange's name;
    ``steady``: the clock for pauses and ages.

    It is never ahead of the exchange, because a statement may be as old as the request that it answers. So a candle
    that is closed by this clock is closed, and no signature of a request comes from the exchange's future.

    The exchange's API is believed. The time that a web server states beside an answer may be a proxy's: it counts only
    where the API has not answered, and not against the newest candle.
    """

    def __init__(self, name: str, wall: Clock | None = None, steady: Clock | None = None) -> None:
        self.name = name
        self.steady: Clock = steady or SteadyClock()
        self._wall: Clock = wall or WallClock()
        self._lead: _Lead | None = None
        self.is_stated = False
        """Whether the exchange has stated its time; else it is the wall clock's, or that of a candle."""
        self._is_read = False
        """Whether its API stated it."""
        self._tried_at_ms: int | None = None
        self._wall_lead_ms = 0
        self.is_invalid = False
        """Whether it is to be read before the next request."""
        self._newest_ms = self._overruled_ms = 0
        """The newest candle, and that of the time when the API was last read."""

    def now_ms(self) -> int:
        return self._wall.now_ms() if self._lead is None else self.steady.now_ms() + self._lead.least_ms

    def likely_ms(self) -> int:
        """The middle between the earliest and the latest time that the statements allow.

        An exchange that states whole seconds is known to half a second after one answer. A request sent at a whole
        second by this estimate halves the error, because the answer says on which side of that second it was.
        """
        margin_ms = 0 if self._lead is None else (self._lead.most_ms - self._lead.least_ms) // 2
        return self.now_ms() + margin_ms

    @property
    def offset_ms(self) -> int:
        """By how much it is ahead of the wall clock; 0 before the exchange has stated its time."""
        return self.now_ms() - self._wall.now_ms()

    @property
    def error_ms(self) -> int:
        """By how much the wall clock is behind the exchange (negative: ahead) for certain, however long the answers
        took on their way; 0 if it may be right."""
        if self._lead is None or not self.is_stated:
            return 0
        wall_lead_ms = self._lead_of_wall()
        return max(self._lead.least_ms - wall_lead_ms, 0) + min(self._lead.most_ms - wall_lead_ms, 0)

    def invalidate(self) -> None:
        """The exchange rejected a request, perhaps for a wrong time: read its clock before the next one."""
        self.is_invalid = True

    async def ensure(self, read: Callable[[], Awaitable[int]]) -> None:
        """Call ``read``, which returns the time that the exchange's API states in ms, if the last one is ten minutes
        old, if one of this machine's clocks was set since, or after `invalidate`. Raises ExchangeError if it fails and
        the exchange has never stated its time."""
        sent_ms = self.steady.now_ms()
        if not self._is_due(sent_ms):
            return
        try:
            lead = self._stated(int(await read()), sent_ms)
        except ExchangeError:
            if self._lead is None:
                raise
        else:
            self._learn(lead, is_comparable=self._is_read)
            self._is_read, self._overruled_ms = True, self._newest_ms
        self._tried_at_ms, self._wall_lead_ms, self.is_invalid = sent_ms, self._lead_of_wall(), False

    def hear(self, headers: Mapping[str, str], sent_ms: int, newest_candle: tuple[int, int]) -> None:
        """Learn from the ``Date`` of an answer whose request was sent at ``sent_ms`` by the steady clock. Of two times
        the one nearer to the newest candle (its open and close times) is right. After the API was read it counts only
        while that is in doubt."""
        stated_ms = None if self._is_read and not self._is_doubtful() else _date_ms(headers)
        if stated_ms is None:
            return
        if _distance_ms(stated_ms, newest_candle) <= _distance_ms(self.now_ms(), newest_candle):
            self._learn(self._stated(stated_ms, sent_ms), is_comparable=True)

    def see_candle(self, opened_ms: int) -> None:
        """The exchange has a candle that opened at this time, so its clock is not behind it, unless its API, read since
        then, states an earlier time: orders go by that."""
        self._newest_ms = max(self._newest_ms, opened_ms)
        if opened_ms > self.now_ms() and opened_ms > self._overruled_ms:
            least_ms = opened_ms - self.steady.now_ms()
            self.is_stated = self.is_stated and self._lead is not None and least_ms <= self._lead.most_ms
            most_ms = self._lead.most_ms if self._lead and self.is_stated else least_ms
            self._lead, self.is_invalid = _Lead(least_ms, most_ms), True

    def see_trade(self, at_ms: int) -> None:
        """The exchange shows a trade of this time, so its clock is not behind it. It counts only within the statements:
        a single trade may be of any time."""
        least_ms = at_ms - self.steady.now_ms()
        if self._lead and self.is_stated and self._lead.least_ms < least_ms <= self._lead.most_ms:
            self._lead = _Lead(least_ms, self._lead.most_ms)

    def _learn(self, lead: _Lead, *, is_comparable: bool) -> None:
        narrows = self._lead is not None and self.is_stated and is_comparable
        self._lead = self._lead.narrowed(lead) if self._lead is not None and narrows else lead
        self.is_stated = True

    def _stated(self, stated_ms: int, sent_ms: int) -> _Lead:
        """What an answer that arrived just now says. Raises MarketUnavailable if it is no time."""
        if not EARLIEST_MS <= stated_ms < LATEST_MS:
            raise MarketUnavailable(f"{self.name} states an impossible time: {stated_ms} ms", hint=ONLINE)
        rest_ms = 0 if stated_ms % _SECOND_MS else _SECOND_MS - 1
        return _Lead(stated_ms - self.steady.now_ms(), stated_ms + rest_ms - sent_ms)

    def _is_due(self, now_ms: int) -> bool:
        return self._tried_at_ms is None or now_ms - self._tried_at_ms >= LIFE_MS or self._is_doubtful()

    def _is_doubtful(self) -> bool:
        """Whether a clock of this machine was set, or stood still, since the API was read; or a request was refused."""
        return self.is_invalid or abs(self._lead_of_wall() - self._wall_lead_ms) > STEP_MS

    def _lead_of_wall(self) -> int:
        return self._wall.now_ms() - self.steady.now_ms()


class ExchangeClocks(Clock):
    """The clocks of the exchanges in use, one for each, whoever asks. It is itself a clock: the time that one of them
    has stated, which setting the wall clock does not change; the wall clock's before that."""

    def __init__(self) -> None:
        self._wall = WallClock()
        self._clocks: dict[str, ExchangeClock] = {}

    def __iter__(self) -> Iterator[ExchangeClock]:
        return iter(self._clocks.values())

    def of(self, exchange: str) -> ExchangeClock:
        """The clock of this exchange."""
        if exchange not in self._clocks:
            self._clocks[exchange] = ExchangeClock(exchange)
        return self._clocks[exchange]

    def now_ms(self) -> int:
        return next((clock for clock in self if clock.is_stated), self._wall).now_ms()


def _distance_ms(at_ms: int, candle_ms: tuple[int, int]) -> int:
    """How far a time lies outside of a candle; 0 within it."""
    opened_ms, closed_ms = candle_ms
    return max(opened_ms - at_ms, at_ms - closed_ms, 0)


def _date_ms(headers: Mapping[str, str]) -> int | None:
    """The time in an answer's header, if it is of now: not of an answer from a cache."""
    try:
        stated = parsedate_to_datetime(headers["Date"])
        aged_s = int(headers.get("Age", 0))
    except (KeyError, TypeError, ValueError):
        return None
    stated_ms = int(stated.timestamp() * 1000)
    return stated_ms if not aged_s and EARLIEST_MS <= stated_ms < LATEST_MS else None
