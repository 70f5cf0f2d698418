"""Public candles of a real exchange, through ccxt, without keys."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np

from autopilot.adapters.exchange.ccxt_errors import AGAIN, asking
from autopilot.adapters.exchange.ccxt_import import require_exchange
from autopilot.adapters.exchange.ccxt_markets import AT_ONCE_MS, SOON_MS, FreshMarkets, market_rules
from autopilot.adapters.exchange.ccxt_setup import open_exchange
from autopilot.adapters.exchange.exchange_clock import ExchangeClock
from autopilot.adapters.exchange.venue import BURST
from autopilot.domain.candles import Candles, FaultKind, unusable
from autopilot.domain.errors import MarketUnavailable, UnknownExchange, UnknownSymbol, UnknownTimeframe
from autopilot.domain.market import Market, MarketKind, Quote, split_symbol
from autopilot.domain.passed_candles import MORE_HISTORY
from autopilot.domain.suggestion import nearest, suggestion
from autopilot.domain.timeframe import MINUTE_MS, Timeframe
from autopilot.ports.clock import Clock
from autopilot.ports.market_data import CandleSource, MarketSnapshot

TIMEOUT_S = 8.0
"""For all requests of one call, so that the caller gets an answer or an error within 10 s."""
AHEAD_MS = MINUTE_MS
"""A candle may open this much later than the exchange's clock as we know it. A later one must follow its predecessor
within `GAP_CANDLES`: then it is our clock that is behind; else the answer is broken."""
GAP_CANDLES = 3
_PAGE = 300
Row = tuple[int, float, float, float, float, float]
_MAX_TIME_MS = 2**53
"""Beyond it a float64 does not hold a time exactly."""

log = logging.getLogger(__name__)


class CcxtCandles(CandleSource):
    """``base_url`` sends every request to a stand-in for the exchange; ``needs_coin_list`` as in `VenueRules`;
    ``clock``: the exchange's, if others use it too. Raises UnknownExchange."""

    kind = MarketKind.REAL

    def __init__(
        self,
        name: str,
        *,
        needs_coin_list: bool = False,
        base_url: str | None = None,
        timeout_s: float = TIMEOUT_S,
        clock: ExchangeClock | None = None,
    ) -> None:
        require_exchange(name)
        self._name = name
        self._needs_coin_list = needs_coin_list
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._clock = clock or ExchangeClock(name)
        self._ccxt: Any = None
        self._opening = asyncio.Lock()
        self._loading = asyncio.Lock()
        self._markets = FreshMarkets(name, self._clock.steady)
        self._shortages: set[tuple[str, Timeframe]] = set()

    @property
    def name(self) -> str:
        return self._name

    @property
    def clock(self) -> Clock:
        return self._clock

    async def market(self, symbol: str) -> Market:
        exchange = await self._open()
        async with asking(self._name, f"the rules of {symbol}", self._timeout_s):
            return market_rules(await self._description(exchange, symbol), exchange.precisionMode)

    def doubt_rules(self) -> None:
        """The exchange has rejected an order that the rules of its market allow: read them again soon."""
        self._markets.invalidate(AT_ONCE_MS)

    def subscribe(self, symbols: Collection[str], timeframe: Timeframe, resume_at_ms: int | None) -> None:
        """Nothing to do: a real market does not wait for anybody."""

    def unsubscribe(self, symbol: str) -> None:
        """Nothing to do."""

    async def fetch(self, symbol: str, timeframe: Timeframe, since_ms: int | None, limit: int) -> MarketSnapshot:
        exchange = await self._open()
        self._require_timeframe(exchange, timeframe)
        async with self._asking_for(symbol, timeframe):
            await self._description(exchange, symbol)
            now_ms, sent_ms = self._clock.now_ms(), self._clock.steady.now_ms()
            first_ms = timeframe.floor(now_ms) - limit * timeframe.ms if since_ms is None else since_ms
            # From one candle earlier, which exists: an answer without any candle is then no answer.
            rows = await self._rows(exchange, symbol, timeframe, first_ms - timeframe.ms, now_ms)
        if not rows:
            raise MarketUnavailable(f"{self._name} gave no usable {timeframe} candle of {symbol}", hint=AGAIN)
        newest_ms = rows[-1][0]
        newest = (newest_ms, newest_ms + timeframe.ms)
        self._clock.hear(exchange.last_response_headers or {}, sent_ms, newest)
        self._clock.see_candle(newest_ms)
        quote = self._quote(symbol, timeframe, rows)
        candles = self._closed_candles(timeframe, rows)
        if since_ms is None:
            candles = candles.since(newest_ms - limit * timeframe.ms)[-limit:]
            self._warn_of_shortage(symbol, timeframe, len(candles), limit)
        else:
            candles = candles.since(since_ms)
        return MarketSnapshot(candles[:limit], quote, more=len(candles) > limit)

    async def history(self, symbol: str, timeframe: Timeframe, until_ms: int, limit: int) -> Candles:
        exchange = await self._open()
        self._require_timeframe(exchange, timeframe)
        first_ms = timeframe.floor(until_ms) - (limit - 1) * timeframe.ms
        async with self._asking_for(symbol, timeframe):
            await self._description(exchange, symbol)
            rows = await self._rows(exchange, symbol, timeframe, first_ms, until_ms)
        return self._closed_candles(timeframe, rows).until(until_ms)[-limit:]

    @asynccontextmanager
    async def _asking_for(self, symbol: str, timeframe: Timeframe) -> AsyncIterator[None]:
        """Raises UnknownSymbol, MarketUnavailable."""
        try:
            async with asking(self._name, f"{symbol} {timeframe} candles", self._timeout_s):
                yield
        except UnknownSymbol:
            self._markets.expire()
            raise
        except MarketUnavailable:  # not every exchange says that it has no such market any more
            self._markets.invalidate(SOON_MS)
            raise

    async def close(self) -> None:
        exchange, self._ccxt = self._ccxt, None
        if exchange is not None:
            await exchange.close()

    async def _open(self) -> Any:
        async with self._opening:
            if self._ccxt is None:
                exchange = await open_exchange(
                    self._name,
                    self._timeout_s,
                    self._base_url,
                    clock=self._clock,
                    burst=BURST,
                    needs_coin_list=self._needs_coin_list,
                )
                if not exchange.has["fetchOHLCV"]:
                    raise UnknownExchange(
                        f"{self._name} publishes no candles", hint="use coinbase, kraken, binance or bitstamp"
                    )
                self._ccxt = exchange
        return self._ccxt

    def _require_timeframe(self, exchange: Any, timeframe: Timeframe) -> None:
        if timeframe not in exchange.timeframes:
            offered = ", ".join(each for each in Timeframe if each in exchange.timeframes)
            raise UnknownTimeframe(f"{self._name} has no {timeframe} candles", hint=f"it has {offered}")

    async def _description(self, exchange: Any, symbol: str) -> Mapping[str, Any]:
        """ccxt's description of a market, at most a day old. Raises UnknownSymbol."""
        base, _ = split_symbol(symbol)
        # One at a time: ccxt lets two callers share one request, and the cancellation of either ends both.
        async with self._loading:
            await self._markets.ensure(exchange, lambda: self._read_markets(exchange))
        spot = {name: market for name, market in exchange.markets.items() if market.get("spot")}
        if symbol not in spot:
            of_base = [name for name in sorted(spot) if name.startswith(f"{base}/")]
            meant = suggestion(of_base[:5] or nearest(symbol, spot, most=3))
            raise UnknownSymbol(f"{self._name} has no market {symbol}", hint=meant or "see its list of markets")
        found: Mapping[str, Any] = spot[symbol]
        return found

    async def _read_markets(self, exchange: Any) -> None:
        async with asking(self._name, "its markets", self._timeout_s):
            await exchange.load_markets(True)

    async def _rows(self, exchange: Any, symbol: str, timeframe: Timeframe, first_ms: int, until_ms: int) -> list[Row]:
        """Sound rows that open at or after ``first_ms``, page by page up to ``until_ms``; later ones may follow. The
        last one may still be open."""
        page = exchange.feature_value(symbol, "fetchOHLCV", "limit") or _PAGE
        raw: list[Sequence[Any]] = []
        at_ms = first_ms
        while True:
            got = await exchange.fetch_ohlcv(symbol, timeframe.value, at_ms, page)
            raw += got
            newest_ms = max((at for row in got if row and row[0] and (at := int(row[0])) <= until_ms), default=0)
            at_ms = max(newest_ms + timeframe.ms, at_ms + (0 if newest_ms >= at_ms else page * timeframe.ms))
            if at_ms > until_ms:
                break
        sound, dropped = _sound_rows(timeframe, raw)
        rows = _believable(timeframe, sound, first_ms, self._clock.now_ms())
        dropped["in the future"] = len(sound) - len(rows)
        if dropped.total():
            why = ", ".join(f"{reason} ({count})" for reason, count in (+dropped).items())
            log.warning(
                "%s %s %s: dropped %d rows of %d: %s", self._name, symbol, timeframe, dropped.total(), len(raw), why
            )
        return [row for row in rows if first_ms <= row[0]]

    def _closed_candles(self, timeframe: Timeframe, rows: Sequence[Row]) -> Candles:
        """The candles of sound rows that are closed: by the exchange's clock, or because a later one exists."""
        is_last_open = bool(rows) and rows[-1][0] + timeframe.ms > self._clock.now_ms()
        return Candles.from_rows(timeframe, rows[:-1] if is_last_open else rows)

    def _quote(self, symbol: str, timeframe: Timeframe, rows: Sequence[Row]) -> Quote:
        """The close of the latest candle, open or not."""
        close_ms = rows[-1][0] + timeframe.ms
        return Quote(symbol, rows[-1][4], min(self._clock.now_ms(), close_ms))

    def _warn_of_shortage(self, symbol: str, timeframe: Timeframe, count: int, limit: int) -> None:
        if count < limit and (symbol, timeframe) not in self._shortages:
            self._shortages.add((symbol, timeframe))
            log.warning(
                "%s gives only the latest %d %s candles of %s, %d were requested. If older ones are not stored, rules "
                "decide alone: %s",
                self._name,
                count,
                timeframe,
                symbol,
                limit,
                MORE_HISTORY,
            )


def _sound_rows(timeframe: Timeframe, rows: Iterable[Sequence[Any]]) -> tuple[list[Row], Counter[str]]:
    """The usable rows in ascending order, of repeated times the last one; and the number of the others by fault."""
    numbers = [_numbers(row) for row in rows]
    found = [row for row in numbers if row is not None]
    dropped = Counter({FaultKind.NOT_FINITE.value: len(numbers) - len(found)})
    at_ms = np.array([row[0] for row in found], dtype=np.int64)
    good = np.ones(len(found), dtype=np.bool_)
    opened, high, low, close, volume = np.array([row[1:] for row in found]).reshape(-1, 5).T
    for kind, mask in unusable(at_ms, opened, high, low, close, volume, timeframe).items():
        dropped[kind.value] += int(mask.sum())
        good &= ~mask
    kept = {found[index][0]: found[index] for index in np.flatnonzero(good)}
    return [kept[open_at_ms] for open_at_ms in sorted(kept)], +dropped


def _believable(timeframe: Timeframe, rows: Sequence[Row], asked_ms: int, now_ms: int) -> list[Row]:
    """The sound rows without those of the future, in an answer that begins at ``asked_ms``."""
    kept: list[Row] = []
    for row in rows:
        before_ms = kept[-1][0] if kept else asked_ms
        if row[0] <= now_ms + AHEAD_MS or row[0] - before_ms <= GAP_CANDLES * timeframe.ms:
            kept.append(row)
    return kept


def _numbers(raw: Sequence[Any]) -> Row | None:
    """None if the row does not hold six numbers."""
    try:
        at_ms, opened, high, low, close, volume = raw[:6]
        row = int(at_ms), float(opened), float(high), float(low), float(close), float(volume)
    except (TypeError, ValueError, OverflowError):
        return None
    return row if abs(row[0]) < _MAX_TIME_MS else None
