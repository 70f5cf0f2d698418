"""The exchange `replay`: stored candles as a market, at any speed and with faults on request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from math import floor, log10

from autopilot.adapters.clock import moment_ms
from autopilot.adapters.exchange.offline_markets.faults import FetchFaults
from autopilot.adapters.exchange.offline_markets.session import MAKER_FEE, TAKER_FEE, OfflineExchange, Tape
from autopilot.adapters.exchange.offline_markets.settings import ReplaySettings
from autopilot.domain.candles import Candles
from autopilot.domain.errors import MarketUnavailable, StoreError, UnknownSymbol, UnknownTimeframe
from autopilot.domain.market import Market, MarketKind, split_symbol
from autopilot.domain.suggestion import did_you_mean
from autopilot.domain.timeframe import Timeframe, utc_text
from autopilot.ports.market_data import CandleStore, Coverage, MarketSnapshot

HISTORY = 1000
"""Candles before the first decision."""
BLOCK = 2048
"""Candles per read of the store."""
MIN_COST = {"BTC": Decimal("0.00002"), "ETH": Decimal("0.0002"), "JPY": Decimal(60)}
MIN_COST_ELSEWHERE = Decimal("0.5")
"""The minimum value of an order by quote currency, about half a dollar, as on Kraken."""


class ReplayExchange(OfflineExchange):
    """A market of stored candles, such as imported ones."""

    name = "replay"
    kind = MarketKind.REPLAY

    def __init__(self, store: CandleStore, settings: ReplaySettings | None = None) -> None:
        settings = settings or ReplaySettings()
        super().__init__(settings.speed, settings.faults.clock_skew_ms)
        self._store = store
        self._plan = settings.faults
        self._fetch_faults = FetchFaults(settings.faults)
        self._source = settings.source
        self._start_ms = moment_ms(settings.start) if settings.start else None
        self._end_ms = moment_ms(settings.end) if settings.end else None

    async def market(self, symbol: str) -> Market:
        return _rules(symbol, _lowest_known_price(self._store, self._stored(symbol)[0]))

    async def fetch(self, symbol: str, timeframe: Timeframe, since_ms: int | None, limit: int) -> MarketSnapshot:
        await self._fetch_faults.strike(symbol)
        return await super().fetch(symbol, timeframe, since_ms, limit)

    def coverage(self, symbol: str, timeframe: Timeframe) -> Coverage:
        """The stored series that this market replays. Raises UnknownSymbol, UnknownTimeframe."""
        split_symbol(symbol)
        stored = self._stored(symbol)
        found = [coverage for coverage in stored if coverage.timeframe is timeframe]
        if not found:
            raise UnknownTimeframe(
                f"no {timeframe} candles of {symbol} are stored",
                hint=f"there are {', '.join(sorted({str(each.timeframe) for each in stored}))}; "
                "import others with autopilot data import FILE",
            )
        # A page that another exchange lent is too short to be replayed.
        found = [coverage for coverage in found if coverage.count > HISTORY] or found
        if len(found) > 1:
            names = ", ".join(each.exchange for each in found)
            raise UnknownSymbol(
                f"several exchanges have stored {timeframe} candles of {symbol}: {names}",
                hint=f'say which with [replay] source = "{found[0].exchange}"',
            )
        return found[0]

    def _open_tape(self, symbol: str, timeframe: Timeframe) -> StoredTape:
        coverage = self.coverage(symbol, timeframe)
        return StoredTape(self._store, coverage, self._start(coverage), self._end_ms)

    def _stored(self, symbol: str) -> tuple[Coverage, ...]:
        """The stored series of this symbol. Raises UnknownSymbol without any."""
        with readable(self._source or "all exchanges", symbol):
            coverage = self._store.coverage()
        found = tuple(
            each
            for each in coverage
            if each.symbol == symbol
            and (each.exchange == self._source if self._source else MarketKind.of(each.exchange) is MarketKind.REAL)
        )
        if not found:
            of = f" of {self._source}" if self._source else ""
            hint = "get some with autopilot data download, or autopilot data import FILE"
            raise UnknownSymbol(
                f"no candles{of} are stored for {symbol}", hint=f"{self._meant(symbol, coverage)} {hint}".strip()
            )
        return found

    def _meant(self, symbol: str, stored: Sequence[Coverage]) -> str:
        """The nearest exchange where the source has no candles at all, else the nearest symbol that it has."""
        of_source = [each.symbol for each in stored if self._source in (None, each.exchange)]
        if self._source and not of_source:
            return did_you_mean(self._source, [*(each.exchange for each in stored), MarketKind.SIMULATED])
        return did_you_mean(symbol, of_source)

    def _start(self, coverage: Coverage) -> int:
        """Open time of the first decided candle: the configured start, or the first candle with enough history."""
        if coverage.count <= HISTORY:
            raise MarketUnavailable(
                f"only {coverage.count} {coverage.timeframe} candles of {coverage.exchange} {coverage.symbol} are "
                f"stored, and the first decision needs {HISTORY} before it",
                hint="import more of them with autopilot data import FILE",
            )
        earliest_ms = _after_history(StoredTape(self._store, coverage, coverage.first_at_ms), coverage)
        if self._end_ms is not None and self._end_ms <= earliest_ms:
            raise MarketUnavailable(
                f"{coverage.symbol}: the history takes all stored candles before {utc_text(earliest_ms)}, "
                f"and the replay ends at {utc_text(self._end_ms)}",
                hint="set a later [replay] end, or import earlier candles",
            )
        return max(earliest_ms, self._start_ms or 0)


class StoredTape(Tape):
    """The candles of one ``coverage`` that open before ``end_ms``. Raises MarketUnavailable if they cannot be read."""

    def __init__(self, store: CandleStore, coverage: Coverage, start_ms: int, end_ms: int | None = None) -> None:
        self._store = store
        self._coverage = coverage
        self._last_ms = coverage.last_at_ms if end_ms is None else min(coverage.last_at_ms, end_ms - 1)
        self._block = Candles.empty(coverage.timeframe)
        self._block_from_ms = self._block_to_ms = 0
        self.start_ms = start_ms

    def next_from(self, open_at_ms: int) -> int | None:
        at_ms = max(open_at_ms, self._coverage.first_at_ms)
        while at_ms <= self._last_ms:
            self._hold(at_ms)
            ahead = self._block.since(at_ms)
            if len(ahead):
                return int(ahead.open_at_ms[0])
            at_ms = self._block_to_ms
        return None

    def load(self, since_ms: int | None, until_ms: int, limit: int) -> Candles:
        until_ms = min(until_ms, self._last_ms)
        if since_ms is not None and self._block_from_ms <= since_ms and until_ms < self._block_to_ms:
            held = self._block.since(since_ms).until(until_ms)
            return held[max(0, len(held) - limit) :]
        return self._read(since_ms, until_ms, limit)

    def _hold(self, at_ms: int) -> None:
        """Load the block that covers ``at_ms``."""
        if not self._block_from_ms <= at_ms < self._block_to_ms:
            to_ms = min(at_ms + BLOCK * self._coverage.timeframe.ms, self._last_ms + 1)
            self._block = self._read(at_ms, to_ms - 1, None)
            self._block_from_ms, self._block_to_ms = at_ms, to_ms

    def _read(self, since_ms: int | None, until_ms: int, limit: int | None) -> Candles:
        market = self._coverage
        with readable(market.exchange, market.symbol):
            return self._store.load_candles(
                market.exchange, market.symbol, market.timeframe, since_ms=since_ms, until_ms=until_ms, last=limit
            )


@contextmanager
def readable(exchange: str, symbol: str) -> Iterator[None]:
    """Raises MarketUnavailable in place of StoreError: here the store is the market."""
    try:
        yield
    except StoreError as error:
        raise MarketUnavailable(
            f"the stored candles of {exchange} {symbol} cannot be read: {error}", hint=error.hint
        ) from error


def _after_history(tape: StoredTape, coverage: Coverage) -> int:
    """Open time of the first candle that has `HISTORY` candles before it."""
    at_ms = coverage.first_at_ms
    for _ in range(HISTORY):
        following = tape.next_from(at_ms + coverage.timeframe.ms)
        assert following is not None, "there are more candles than the history takes"
        at_ms = following
    return at_ms


def _rules(symbol: str, price: float) -> Market:
    """Market rules that suit the price, because stored candles have none. Raises UnknownSymbol."""
    base, quote = split_symbol(symbol)
    magnitude = floor(log10(price))
    amount_step = Decimal(1).scaleb(max(-8, min(0, -2 - magnitude)))
    return Market(
        symbol=symbol,
        base=base,
        quote=quote,
        amount_step=amount_step,
        price_step=Decimal(1).scaleb(magnitude - 5),
        min_amount=10 * amount_step,
        min_cost=MIN_COST.get(quote, MIN_COST_ELSEWHERE),
        maker_fee=MAKER_FEE,
        taker_fee=TAKER_FEE,
    )


def _lowest_known_price(store: CandleStore, coverage: Coverage) -> float:
    """The lower of the first and the last close: steps fine enough for it are fine enough for the other."""
    with readable(coverage.exchange, coverage.symbol):
        ends = [
            store.load_candles(coverage.exchange, coverage.symbol, coverage.timeframe, since_ms=at_ms, until_ms=at_ms)
            for at_ms in (coverage.first_at_ms, coverage.last_at_ms)
        ]
    return min(float(candles.close[0]) for candles in ends)
