"""A made-up market: hidden regimes, clustered volatility, volume that follows moves, a factor common to all symbols.

Everything follows from the seed, the symbol and the timeframe. It resembles real markets in what strategies must cope
with; it is no forecast of any, and no strategy's rule was looked at when it was made.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np

from autopilot.domain.candles import Candles, FloatArray
from autopilot.domain.conditions import Regime
from autopilot.domain.timeframe import HOUR_MS, Timeframe

BLOCK = 512
"""Candles that are made at a time; each block has a generator of its own, so that no candle depends on how many are
asked for."""

FACTOR_SHARE = 0.8
"""Of a symbol's noise, the part (as a standard deviation) that all symbols have in common."""
GAP_CHANCE = 0.01
GAP_SIGMA = 2.0
ABSENT_CHANCE = 0.0005
"""Candles that are missing, as after an exchange's outage."""
_ALPHA, _BETA = 0.09, 0.89
"""Volatility clustering: GARCH(1,1), Bollerslev 1986; the long-run variance is 1."""


@dataclass(frozen=True, slots=True)
class _Nature:
    """How a regime behaves, an hour at a time: drift and noise of the log price, pull back to where it began, volume
    as a multiple, mean length in hours."""

    drift: float
    sigma: float
    pull: float
    volume: float
    hours: float


_NATURES: dict[Regime, _Nature] = {
    Regime.TRENDING_UP: _Nature(0.0012, 0.0055, 0.0, 1.2, 110),
    Regime.TRENDING_DOWN: _Nature(-0.0012, 0.0062, 0.0, 1.3, 90),
    Regime.RANGING: _Nature(0.0, 0.0058, 0.06, 0.9, 130),
    Regime.VOLATILE: _Nature(0.0045, 0.0120, 0.0, 3.2, 20),
    Regime.QUIET: _Nature(0.0, 0.0020, 0.03, 0.5, 110),
}
_REGIMES = tuple(_NATURES)
_NEXT: dict[Regime, tuple[float, ...]] = {
    Regime.TRENDING_UP: (0.0, 0.15, 0.50, 0.10, 0.25),
    Regime.TRENDING_DOWN: (0.15, 0.0, 0.45, 0.15, 0.25),
    Regime.RANGING: (0.25, 0.20, 0.0, 0.30, 0.25),
    Regime.VOLATILE: (0.45, 0.35, 0.20, 0.0, 0.0),
    Regime.QUIET: (0.15, 0.10, 0.35, 0.40, 0.0),
}
"""Chances of what follows a regime, in the order of `_REGIMES`. Calm is followed by bursts, bursts by trends."""


@dataclass(slots=True)
class _State:
    """Where a symbol's path stands between two blocks."""

    log_price: float
    regime: Regime
    anchor: float
    direction: float
    variance: float = 1.0
    shock: float = 0.0


@dataclass(slots=True)
class _Path:
    state: _State
    blocks: list[Candles] = field(default_factory=list)
    regimes: list[np.ndarray] = field(default_factory=list)
    joined: Candles | None = None


class SimulatedMarket:
    """Candles of any known symbol from ``genesis_ms`` on, without end."""

    def __init__(self, seed: int, genesis_ms: int, start_prices: dict[str, float]) -> None:
        self._seed = seed
        self._genesis_ms = genesis_ms
        self._start_prices = start_prices
        self._paths: dict[tuple[str, Timeframe], _Path] = {}
        self._factor: dict[Timeframe, list[FloatArray]] = {}
        self._factor_state: dict[Timeframe, tuple[float, float]] = {}

    def candles(self, symbol: str, timeframe: Timeframe, until_ms: int) -> Candles:
        """From the beginning to at least the candle that opens at ``until_ms``."""
        path = self._grown(symbol, timeframe, until_ms)
        if path.joined is None:
            names = ("open_at_ms", "open", "high", "low", "close", "volume")
            path.joined = Candles(
                timeframe, *(np.concatenate([getattr(block, name) for block in path.blocks]) for name in names)
            )
        return path.joined

    def true_regimes(self, symbol: str, timeframe: Timeframe, until_ms: int) -> list[Regime]:
        """The hidden truth of each of `candles`: what an analysis can at best find out."""
        path = self._grown(symbol, timeframe, until_ms)
        return [_REGIMES[code] for code in np.concatenate(path.regimes)]

    def _grown(self, symbol: str, timeframe: Timeframe, until_ms: int) -> _Path:
        key = (symbol, timeframe)
        if key not in self._paths:
            log_price = float(np.log(self._start_prices[symbol]))
            self._paths[key] = _Path(_State(log_price, Regime.RANGING, log_price, 1.0))
        path = self._paths[key]
        wanted = (until_ms - self._genesis_ms) // timeframe.ms // BLOCK + 2
        while len(path.blocks) < wanted:
            self._grow(symbol, timeframe, path)
        return path

    def _grow(self, symbol: str, timeframe: Timeframe, path: _Path) -> None:
        number = len(path.blocks)
        random = self._generator(symbol, timeframe, number)
        common = self._common_noise(timeframe, number)
        closes, sigmas, codes = self._walk(path.state, timeframe, random, common)
        opens, highs, lows = _bars(closes, sigmas, random)
        moves = np.abs(np.log(closes[1:] / closes[:-1])) / sigmas
        busy = np.array([_NATURES[_REGIMES[code]].volume for code in codes])
        scale = 2e6 / self._start_prices[symbol] * timeframe.ms / HOUR_MS
        volumes = scale * busy * (0.6 + 0.6 * moves) * np.exp(random.normal(0, 0.35, BLOCK))
        at_ms = self._genesis_ms + (np.arange(BLOCK, dtype=np.int64) + number * BLOCK) * timeframe.ms
        there = self._generator("outage", timeframe, number).random(BLOCK) >= ABSENT_CHANCE
        digits = 5 - int(np.floor(np.log10(self._start_prices[symbol])))
        opens, highs, lows, closes = (np.round(prices, digits) for prices in (opens, highs, lows, closes[1:]))
        block = Candles(timeframe, at_ms, opens, highs, lows, closes, np.round(volumes, 6))
        path.blocks.append(block if there.all() else _only(block, there))
        path.regimes.append(codes[there])
        path.joined = None

    def _walk(
        self, state: _State, timeframe: Timeframe, random: np.random.Generator, common: FloatArray
    ) -> tuple[FloatArray, FloatArray, np.ndarray]:
        """Closes (one before the block first), each candle's standard deviation, and regime codes."""
        hours = timeframe.ms / HOUR_MS
        own = random.standard_normal(BLOCK)
        noise = (FACTOR_SHARE * common + np.sqrt(1 - FACTOR_SHARE**2) * own).tolist()
        switches, choices = random.random(BLOCK).tolist(), random.random(BLOCK).tolist()
        directions = random.random(BLOCK).tolist()
        logs, sigmas, codes = [state.log_price], [], []
        for index in range(BLOCK):
            nature = _NATURES[state.regime]
            if switches[index] < hours / nature.hours:
                after = np.searchsorted(np.cumsum(_NEXT[state.regime]), choices[index])
                state.regime = _REGIMES[min(int(after), len(_REGIMES) - 1)]
                state.anchor = state.log_price
                state.direction = 1.0 if directions[index] < 0.55 else -1.0
                nature = _NATURES[state.regime]
            state.variance = 1 - _ALPHA - _BETA + _ALPHA * state.shock**2 + _BETA * state.variance
            state.shock = state.variance**0.5 * noise[index]
            sigma = nature.sigma * hours**0.5
            drift = nature.drift * hours * (state.direction if state.regime is Regime.VOLATILE else 1.0)
            pulled = min(nature.pull * hours, 1.0) * (state.anchor - state.log_price)
            state.log_price += drift + pulled + sigma * state.shock
            logs.append(state.log_price)
            sigmas.append(sigma * state.variance**0.5)
            codes.append(_REGIMES.index(state.regime))
        return np.exp(np.array(logs)), np.array(sigmas), np.array(codes, dtype=np.int8)

    def _common_noise(self, timeframe: Timeframe, number: int) -> FloatArray:
        blocks = self._factor.setdefault(timeframe, [])
        while len(blocks) <= number:
            blocks.append(self._generator("factor", timeframe, len(blocks)).standard_normal(BLOCK))
        return blocks[number]

    def _generator(self, name: str, timeframe: Timeframe, number: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, zlib.crc32(name.encode()), timeframe.ms, number])


def _bars(
    closes: FloatArray, sigmas: FloatArray, random: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Opens, highs and lows around closes; now and then an open leaps away from the close before it."""
    leaps = np.where(random.random(BLOCK) < GAP_CHANCE, random.normal(0, GAP_SIGMA, BLOCK) * sigmas, 0.0)
    opens = closes[:-1] * np.exp(leaps)
    upper = np.maximum(opens, closes[1:]) * np.exp(np.abs(random.normal(0, 0.5, BLOCK)) * sigmas)
    lower = np.minimum(opens, closes[1:]) * np.exp(-np.abs(random.normal(0, 0.5, BLOCK)) * sigmas)
    return opens, upper, lower


def _only(candles: Candles, there: np.ndarray) -> Candles:
    names = ("open_at_ms", "open", "high", "low", "close", "volume")
    return Candles(candles.timeframe, *(getattr(candles, name)[there] for name in names))
