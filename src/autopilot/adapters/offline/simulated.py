"""The exchange `simulated`: a made-up market that runs for ever. Whatever shows it says that it is made up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.adapters.offline.exchange import parse_moment
from autopilot.adapters.offline.simulated_market import SimulatedMarket
from autopilot.analysis.market_analyzer import WINDOW
from autopilot.domain.candles import Candles
from autopilot.domain.errors import UnknownSymbol
from autopilot.domain.market import split_symbol
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS, Timeframe

START_PRICES = {
    "BTC": 60_000.0,
    "ETH": 3_000.0,
    "SOL": 150.0,
    "BNB": 600.0,
    "XRP": 0.6,
    "ADA": 0.45,
    "DOGE": 0.15,
    "LTC": 80.0,
    "LINK": 15.0,
    "AVAX": 35.0,
    "DOT": 7.0,
    "ATOM": 8.0,
    "BCH": 400.0,
    "ETC": 25.0,
    "TRX": 0.12,
    "XLM": 0.11,
    "UNI": 8.0,
    "AAVE": 100.0,
    "NEAR": 5.0,
    "FIL": 5.0,
}
QUOTES = ("USD", "USDT", "USDC", "EUR")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSettings:
    """``start``: the moment of the first decision, ISO 8601; ``end``: where the market stops, None for never.
    ``speed``: market seconds in a wall second, 0 for as fast as the cycles go."""

    seed: int = 1
    start: str = "2024-01-01"
    end: str | None = None
    speed: float = 3600.0


class SimulatedCandles:
    """The simulated market's candles, as an offline exchange wants them."""

    def __init__(self, settings: SimulatedSettings) -> None:
        self._start_ms = parse_moment(settings.start)
        self._end_ms = parse_moment(settings.end) if settings.end else None
        self._seed = settings.seed
        self._markets: dict[Timeframe, SimulatedMarket] = {}

    def typical_price(self, symbol: str) -> float:
        base, quote = split_symbol(symbol)
        if base not in START_PRICES or quote not in QUOTES:
            raise UnknownSymbol(
                f"the simulated exchange has no market {symbol}",
                hint=f"bases: {', '.join(START_PRICES)}; quotes: {', '.join(QUOTES)}",
            )
        return START_PRICES[base]

    def first_open_ms(self, symbol: str, timeframe: Timeframe) -> int:
        first = self.next_open_ms(symbol, timeframe, timeframe.floor(self._start_ms) - 1)
        assert first is not None, "it begins before it ends"
        return first

    def next_open_ms(self, symbol: str, timeframe: Timeframe, after_ms: int) -> int | None:
        at_ms = self._candles(symbol, timeframe, after_ms).open_at_ms
        following = int(at_ms[np.searchsorted(at_ms, after_ms, side="right")])
        over = self._end_ms is not None and following + timeframe.ms > self._end_ms
        return None if over else following

    def upto(self, symbol: str, timeframe: Timeframe, open_at_ms: int, limit: int) -> Candles:
        return self._candles(symbol, timeframe, open_at_ms).until(open_at_ms)[-limit:]

    def market(self, timeframe: Timeframe) -> SimulatedMarket:
        """What is behind it, for whoever wants to know the truth."""
        if timeframe not in self._markets:
            # Long enough before the start for a whole window although some candles are absent.
            genesis_ms = timeframe.floor(self._start_ms) - (WINDOW + 50) * timeframe.ms
            prices = {f"{base}/{quote}": price for base, price in START_PRICES.items() for quote in QUOTES}
            self._markets[timeframe] = SimulatedMarket(self._seed, genesis_ms, prices)
        return self._markets[timeframe]

    def _candles(self, symbol: str, timeframe: Timeframe, until_ms: int) -> Candles:
        self.typical_price(symbol)
        return self.market(timeframe).candles(symbol, timeframe, until_ms)


class SimulatedSentiment:
    """A fear-and-greed index of the simulated market: the mood follows the last ten days of BTC/USD, a day late."""

    def __init__(self, candles: SimulatedCandles) -> None:
        self._candles = candles
        self._values: dict[int, float] = {}

    async def series(self, symbol: str, since_ms: int, now_ms: int) -> SentimentSeries:  # noqa: ARG002 - one mood for all
        days = range(since_ms // DAY_MS, now_ms // DAY_MS + 1)
        values = [self._value(day) for day in days]
        return SentimentSeries("simulated", np.array(days, dtype=np.int64) * DAY_MS, np.array(values))

    def _value(self, day: int) -> float:
        """The index of ``day``, from hours that closed before it."""
        if day not in self._values:
            hours = self._candles.upto("BTC/USD", Timeframe.H1, day * DAY_MS - Timeframe.H1.ms, 240).close
            change = float(np.log(hours[-1] / hours[0])) if len(hours) > 1 else 0.0
            self._values[day] = 50 + 45 * float(np.tanh(change / 0.12))
        return self._values[day]
