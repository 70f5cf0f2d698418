"""Past candles page by page, from what the exchange's API gives."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from math import ceil

from autopilot.adapters.exchange.candle_rows import Row, usable_rows
from autopilot.adapters.exchange.ccxt_errors import is_final, is_refusal
from autopilot.adapters.exchange.history.answers import Answer, Proof
from autopilot.adapters.exchange.history.page_rules import PageRules
from autopilot.adapters.exchange.public_exchange import PublicExchange
from autopilot.domain.candles import Candles
from autopilot.domain.coverage import TimeSpan, Way, missing
from autopilot.domain.errors import HistoryUnavailable, MarketUnavailable
from autopilot.domain.timeframe import Timeframe, utc_text
from autopilot.ports.history import FetchedChunk, HistoryChunk, HistoryWay

BYTES_A_CANDLE = 90
"""In an answer, on average."""
QUEUE_S = 1.5
"""As many pages are on their way as the rate limit allows in this time: enough to keep it busy, and few enough that a
decision's request does not wait long behind them."""
MOST_AT_ONCE = 30
LEAST_COUNT = 100
"""A page of this many candles is refused for no limit."""
WAYS_OUT = (
    "take another exchange's candles of the same market, or import files: autopilot data import; "
    "docs/data.md says what each exchange gives"
)
_EDGES = 2
"""The candles that a request includes beside the wanted ones: one on either side."""


class PageWay(HistoryWay):
    """``exchange``: the connection, shared with the live candles.

    Each request stays within the exchange's limit, and its answer is checked against the request: see `Answer`.
    """

    way = Way.PAGES

    def __init__(self, exchange: PublicExchange) -> None:
        self._exchange = exchange
        self._proofs: dict[Timeframe, Proof] = {}
        self._largest: int | None = None
        """The most candles of a request, if the exchange has refused as many as its stated limit."""
        self._heeded: set[Timeframe] = set()
        """Those of which the exchange is known to heed a request's times."""
        self._room: asyncio.Semaphore | None = None

    @property
    def exchange(self) -> str:
        return self._exchange.name

    @property
    def requests_per_s(self) -> float:
        return self._exchange.requests_per_s

    async def chunks(self, symbol: str, timeframe: Timeframe, lacking: Sequence[TimeSpan]) -> Sequence[HistoryChunk]:
        await self._exchange.require_timeframe(timeframe)
        await self._exchange.description(symbol)
        rules = await self._exchange.page_rules(symbol)
        if not rules.is_addressable:
            raise HistoryUnavailable(
                f"{self.exchange} gives its latest {timeframe} candles only, whatever is requested: "
                "ccxt does not send it the time of the candles",
                hint=WAYS_OUT,
            )
        if lacking and not self._exchange.clock.is_stated:
            # Which candles are closed is a matter of its clock, and it states that with its newest candles.
            self._learn(await self._latest(HistoryChunk(Way.PAGES, symbol, timeframe, lacking[0]), rules))
        step_ms = self._wanted_at_most(rules) * timeframe.ms
        return [
            HistoryChunk(
                Way.PAGES,
                symbol,
                timeframe,
                span := TimeSpan(from_ms, min(from_ms + step_ms, given.to_ms)),
                bytes=BYTES_A_CANDLE * (span.to_ms - span.from_ms) // timeframe.ms,
            )
            for given in self._given(timeframe, lacking, rules)
            for from_ms in range(given.from_ms, given.to_ms, step_ms)
        ]

    async def fetch(self, chunk: HistoryChunk) -> FetchedChunk:
        rules = await self._exchange.page_rules(chunk.symbol)
        sent_at_ms = self._exchange.clock.now_ms()
        answer = await self._answer(chunk, chunk.span, rules)
        if not answer.inside and not answer.surrounds:
            answer = await self._without_doubt(chunk, answer, rules)
        known = self._learn(answer)
        # By the clock of then and by that of now, which the answer may have put right.
        closed_ms = chunk.timeframe.floor(min(sent_at_ms, self._exchange.clock.now_ms()))
        if known.from_ms >= closed_ms:
            return FetchedChunk(Candles.empty(chunk.timeframe), None)
        known = TimeSpan(known.from_ms, min(known.to_ms, closed_ms))
        candles = Candles.from_rows(chunk.timeframe, [row for row in answer.inside if row[0] < known.to_ms])
        if len(candles):
            return FetchedChunk(candles, known)
        return FetchedChunk(candles, known, answer.next_at_ms, is_doubtful=not answer.surrounds)

    async def collect(self, symbol: str, timeframe: Timeframe, wanted: TimeSpan) -> Candles:
        """All candles of a span that the exchange gives, by as many requests as that takes. Raises as `chunks` and
        `fetch` do."""
        found: list[FetchedChunk] = []
        pending = deque(await self.chunks(symbol, timeframe, [wanted]))
        while pending:
            chunk = pending.popleft()
            fetched = await self.fetch(chunk)
            if fetched.known:
                found.append(fetched)
                pending.extend(replace(chunk, span=rest) for rest in missing(chunk.span, [fetched.known]))
        found.sort(key=lambda each: each.known or chunk.span)
        return reduce(Candles.followed_by, (each.candles for each in found), Candles.empty(timeframe))

    async def close(self) -> None:
        await self._exchange.close()

    def _wanted_at_most(self, rules: PageRules) -> int:
        """How many candles of a page are wanted."""
        if rules.latest is not None and rules.latest <= rules.limit:
            return rules.latest
        return min(rules.limit, self._largest or rules.limit) - _EDGES

    def _given(self, timeframe: Timeframe, lacking: Sequence[TimeSpan], rules: PageRules) -> list[TimeSpan]:
        """The parts of ``lacking`` that are closed and that the exchange still gives."""
        closed_ms = timeframe.floor(self._exchange.clock.now_ms())
        oldest_ms = 0 if rules.latest is None else closed_ms - (rules.latest - 1) * timeframe.ms
        parts = [(max(span.from_ms, oldest_ms), min(span.to_ms, closed_ms)) for span in lacking]
        given = [TimeSpan(from_ms, to_ms) for from_ms, to_ms in parts if from_ms < to_ms]
        if not given and any(span.to_ms <= oldest_ms for span in lacking):
            raise HistoryUnavailable(
                f"{self.exchange} gives only its latest {rules.latest} {timeframe} candles: none before "
                f"{utc_text(oldest_ms)}",
                hint=WAYS_OUT,
            )
        return given

    async def _without_doubt(self, chunk: HistoryChunk, answer: Answer, rules: PageRules) -> Answer:
        """An answer without a wanted candle says that there are none, unless the exchange ignores the request's times,
        or answers nothing to a request for too many."""
        timeframe = chunk.timeframe
        if answer.begins_after:
            await self._require_heeded(chunk, answer)
        if answer.count <= self._proof(timeframe).reach or answer.goes_on:
            return answer
        if not self._proof(timeframe).reach:
            self._learn(await self._latest(chunk, rules))
        reach = self._proof(timeframe).reach
        if not 0 < reach < answer.count:
            return answer
        less = TimeSpan(answer.span.from_ms, answer.span.from_ms + reach * timeframe.ms)
        return await self._answer(chunk, less, rules)

    async def _latest(self, chunk: HistoryChunk, rules: PageRules) -> Answer:
        """To the newest page, which has candles; to that of days if the market has not been traded for so long."""
        offered = (await self._exchange.open()).timeframes
        for timeframe in dict.fromkeys((chunk.timeframe, *([Timeframe.D1] if Timeframe.D1 in offered else []))):
            to_ms = timeframe.floor(self._exchange.clock.now_ms()) + timeframe.ms
            for count in (self._wanted_at_most(rules), LEAST_COUNT - _EDGES):
                span = TimeSpan(to_ms - count * timeframe.ms, to_ms)
                answer = await self._answer(replace(chunk, timeframe=timeframe), span, rules)
                if answer.rows:
                    return answer
        raise MarketUnavailable(
            f"{self.exchange} has no {timeframe} candle of {chunk.symbol} since {utc_text(answer.span.from_ms)}, by "
            "this machine's clock",
            hint="check the clock of this machine, and whether this market is still traded",
        )

    async def _require_heeded(self, chunk: HistoryChunk, answer: Answer) -> None:
        """Raises HistoryUnavailable if the exchange ignores the request's times: then a request for the newer half of
        the rows gets all of them again."""
        timeframe, rows = chunk.timeframe, answer.rows
        if timeframe in self._heeded:
            return
        newer_ms = rows[len(rows) // 2][0]
        again, _ = await self._ask(chunk, newer_ms, len(rows))
        if again and again[0][0] < newer_ms - timeframe.ms:
            raise HistoryUnavailable(
                f"{self.exchange} gives only {len(rows)} {timeframe} candles of {chunk.symbol}, whatever is requested: "
                f"none before {utc_text(rows[0][0])}",
                hint=WAYS_OUT,
            )
        if len(rows) <= _EDGES:
            if rows[0][0] <= answer.span.to_ms:
                return
            raise MarketUnavailable(
                f"{self.exchange} gave {len(rows)} {timeframe} candles of {chunk.symbol}, none of them requested",
                hint="wait for some more candles of this market",
            )
        self._heeded.add(timeframe)

    async def _answer(self, chunk: HistoryChunk, span: TimeSpan, rules: PageRules) -> Answer:
        """To as much of ``span`` as a page can hold."""
        timeframe = chunk.timeframe
        while True:
            count = min((span.to_ms - span.from_ms) // timeframe.ms, self._wanted_at_most(rules))
            try:
                rows, size = await self._ask(chunk, span.from_ms - timeframe.ms, count + _EDGES)
            except MarketUnavailable as error:
                if not is_refusal(error):
                    raise
                if count + _EDGES > LEAST_COUNT:
                    self._largest = max(LEAST_COUNT, (count + _EDGES) // 2)
                    continue
                self._largest = None  # it was not the number
                if is_final(error):
                    raise HistoryUnavailable(str(error), hint=WAYS_OUT) from error
                raise
            return Answer(timeframe, TimeSpan(span.from_ms, span.from_ms + count * timeframe.ms), rows, size)

    async def _ask(self, chunk: HistoryChunk, since_ms: int, count: int) -> tuple[list[Row], int]:
        """The sound rows of the answer to one request, and the number of all its rows."""
        exchange, symbol, timeframe = self._exchange, chunk.symbol, chunk.timeframe
        if self._room is None:
            self._room = asyncio.Semaphore(min(1 + ceil(self.requests_per_s * QUEUE_S), MOST_AT_ONCE))
        async with self._room, exchange.asking_for(symbol, timeframe):
            sent_ms = exchange.clock.steady.now_ms()
            raw = await exchange.ask(symbol, timeframe, since_ms, count)
        now_ms = exchange.clock.now_ms()
        rows = usable_rows(f"{self.exchange} {symbol} {timeframe}", timeframe, raw, since_ms, now_ms)
        if rows and since_ms + count * timeframe.ms >= timeframe.floor(now_ms):
            exchange.hear(timeframe, rows[-1][0], sent_ms)
        if raw and not rows:
            raise HistoryUnavailable(
                f"{self.exchange} gave no usable {timeframe} candle of {symbol} among {len(raw)}", hint=WAYS_OUT
            )
        return rows, len(raw)

    def _proof(self, timeframe: Timeframe) -> Proof:
        return self._proofs.get(timeframe, Proof())

    def _learn(self, answer: Answer) -> TimeSpan:
        """Returns the part of the answer's span that it answers."""
        before = self._proof(answer.timeframe)
        self._proofs[answer.timeframe] = answer.added_to(before)
        return answer.known(before)
