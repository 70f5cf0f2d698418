"""A made-up market: candles with hidden regimes, as a pure function of a seed.

The candles come in blocks of `BLOCK`. Each block is drawn by itself from (seed, symbol, timeframe, number of the block
since the epoch), so that a candle does not depend on earlier requests, and every year is equally fast to make. A slow
level joins the blocks: a sum of smooth noises of doubling periods, on which every block begins and ends.

Inside a block a semi-Markov chain of regimes sets drift, volatility, the pull towards a level, and volume. Shocks are
Student-t with a GARCH(1,1) variance (Bollerslev 1986) and share a factor among symbols. Highs and lows are those of a
Brownian bridge between open and close. The exchange is down now and then, for all symbols at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from autopilot.domain.candles import Candles, FloatArray
from autopilot.domain.conditions import Regime
from autopilot.domain.timeframe import DAY_MS, Timeframe

BLOCK = 4096
"""Candles in a block."""

_BURN_IN = 128
_REFERENCE_MS = 1_704_067_200_000
"""2024-01-01: the level passes through each symbol's start price near here."""
_YEAR_MS = 365 * DAY_MS
_OCTAVES = 6
_LEVEL_SHARE = 0.5
_OUTAGES_A_BLOCK = 1.5
_LONGEST_OUTAGE = 4
_MISSING_SHARE = 1 / 3000


@dataclass(frozen=True, slots=True)
class Asset:
    """A made-up asset. ``volatility``: standard deviation of a year's log return; ``loading``: share of a shock that is
    the market's; ``turnover``: quote currency traded in an hour."""

    price: float
    volatility: float
    loading: float
    turnover: float


ASSETS: Mapping[str, Asset] = {
    "BTC": Asset(60_000.0, 0.55, 0.92, 8e6),
    "ETH": Asset(3_000.0, 0.70, 0.85, 5e6),
    "SOL": Asset(150.0, 0.95, 0.75, 3e6),
    "XRP": Asset(0.60, 0.80, 0.65, 2e6),
    "ADA": Asset(0.50, 0.85, 0.75, 1e6),
    "DOGE": Asset(0.12, 1.00, 0.65, 1.5e6),
    "AVAX": Asset(35.0, 0.95, 0.75, 8e5),
    "DOT": Asset(7.0, 0.85, 0.75, 6e5),
    "LINK": Asset(15.0, 0.85, 0.70, 7e5),
    "LTC": Asset(80.0, 0.75, 0.75, 8e5),
    "BCH": Asset(400.0, 0.80, 0.70, 5e5),
    "ETC": Asset(25.0, 0.85, 0.70, 4e5),
    "XLM": Asset(0.11, 0.80, 0.65, 4e5),
    "TRX": Asset(0.12, 0.60, 0.50, 5e5),
    "ATOM": Asset(9.0, 0.85, 0.70, 5e5),
    "BNB": Asset(550.0, 0.60, 0.75, 1.5e6),
    "UNI": Asset(9.0, 0.95, 0.65, 4e5),
    "AAVE": Asset(100.0, 0.95, 0.65, 3e5),
    "NEAR": Asset(5.0, 1.00, 0.70, 4e5),
    "FIL": Asset(5.5, 0.90, 0.70, 3e5),
}


@dataclass(frozen=True, slots=True)
class _Behaviour:
    """``drift``: volatilities per candle; ``scale``: times the asset's volatility; ``pull`` towards the regime's level
    per candle; ``volume``: times the usual volume. The regime lasts ``shortest`` to ``longest`` candles; ``then``: the
    odds of the next regime."""

    drift: float
    scale: float
    pull: float
    volume: float
    shortest: int
    longest: int
    then: Mapping[Regime, float]


_UP, _DOWN, _RANGE, _BURST, _QUIET = (
    Regime.TRENDING_UP,
    Regime.TRENDING_DOWN,
    Regime.RANGING,
    Regime.VOLATILE,
    Regime.QUIET,
)
_REGIMES = (_UP, _DOWN, _RANGE, _BURST, _QUIET)
_BEHAVIOURS: Mapping[Regime, _Behaviour] = {
    _UP: _Behaviour(0.16, 1.0, 0.0, 1.2, 40, 160, {_RANGE: 0.45, _QUIET: 0.25, _DOWN: 0.20, _BURST: 0.10}),
    _DOWN: _Behaviour(-0.16, 1.1, 0.0, 1.2, 40, 160, {_RANGE: 0.45, _QUIET: 0.25, _UP: 0.20, _BURST: 0.10}),
    _RANGE: _Behaviour(0.0, 0.9, 0.08, 0.9, 60, 240, {_UP: 0.3, _DOWN: 0.3, _BURST: 0.25, _QUIET: 0.15}),
    _BURST: _Behaviour(0.55, 2.0, 0.0, 3.0, 6, 18, {_UP: 0.3, _DOWN: 0.3, _RANGE: 0.4}),
    _QUIET: _Behaviour(0.0, 0.4, 0.03, 0.5, 40, 160, {_BURST: 0.45, _RANGE: 0.35, _UP: 0.1, _DOWN: 0.1}),
}
_TREND_OF_BURST = 0.75
"""How often the trend after a burst goes the burst's way, when a trend follows."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The candles of one block, without the missing ones, and the true regime of each: indices into ``regimes``."""

    candles: Candles
    regime_index: NDArray[np.int8]

    @property
    def regimes(self) -> tuple[Regime, ...]:
        return tuple(_REGIMES[index] for index in self.regime_index)


def price_decimals(price: float) -> int:
    """Decimals of a price so that it has about six leading digits: 60,000 → 1."""
    return 5 - int(np.floor(np.log10(price)))


def make_block(seed: int, symbol: str, timeframe: Timeframe, number: int) -> Block:
    """Block ``number``: the candles that open from number × BLOCK × timeframe on."""
    asset = ASSETS[symbol.partition("/")[0]]
    random = _random(seed, symbol, timeframe, number)
    market_random = _random(seed, "market", timeframe, number)
    sigma = asset.volatility * float(np.sqrt(timeframe.ms / _YEAR_MS))
    regimes, direction = _regimes(random)
    shared = market_random.standard_t(5, BLOCK + _BURN_IN)
    own = random.standard_t(5, BLOCK + _BURN_IN)
    shock = (asset.loading * shared + np.sqrt(1 - asset.loading**2) * own) * np.sqrt(3 / 5)
    variance = _garch(np.clip(shock, -6, 6))
    scale = sigma * _trait("scale")[regimes] * np.sqrt(variance[_BURN_IN:])
    drift = sigma * _trait("drift")[regimes] * _trait("scale")[regimes] * direction
    path = _path(drift + scale * np.clip(shock[_BURN_IN:], -6, 6), regimes)
    begin, end = (_level(seed, symbol, timeframe, asset, each) for each in (number, number + 1))
    path = begin + path + np.linspace(0, end - begin - path[-1], BLOCK + 1)
    candles = _candles(timeframe, number, path, scale, asset, random, regimes)
    present = _present(random, market_random)
    return Block(_only(candles, present), regimes[present])


def _random(seed: int, name: str, timeframe: Timeframe, number: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}|{name}|{timeframe}|{number}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16]))


@cache
def _trait(name: str) -> FloatArray:
    return np.array([getattr(_BEHAVIOURS[regime], name) for regime in _REGIMES])


def _regimes(random: np.random.Generator) -> tuple[NDArray[np.int8], FloatArray]:
    """The regime of each candle, and the direction of its drift: ±1 for a burst, 1 otherwise."""
    regimes, direction = np.empty(BLOCK, dtype=np.int8), np.ones(BLOCK)
    at, regime = 0, int(random.integers(len(_REGIMES)))
    while at < BLOCK:
        behaviour = _BEHAVIOURS[_REGIMES[regime]]
        end = at + int(random.integers(behaviour.shortest, behaviour.longest + 1))
        regimes[at:end] = regime
        sign = 1.0 if random.random() < 0.5 else -1.0
        if _REGIMES[regime] is _BURST:
            direction[at:end] = sign
        following = _REGIMES[regime], _pick(behaviour.then, random.random())
        goes_on = random.random() < _TREND_OF_BURST
        at, regime = end, _REGIMES.index(_after(*following, sign if goes_on else -sign))
    return regimes, direction


def _pick(odds: Mapping[Regime, float], chance: float) -> Regime:
    for regime, share in odds.items():
        chance -= share
        if chance < 0:
            return regime
    return next(iter(odds))


def _after(regime: Regime, chosen: Regime, sign: float) -> Regime:
    if regime is _BURST and chosen in {_UP, _DOWN}:
        return _UP if sign > 0 else _DOWN
    return chosen


def _garch(shock: FloatArray) -> FloatArray:
    """Variance before each shock, one on average."""
    variance, now = np.empty(len(shock)), 1.0
    for index, square in enumerate((shock * shock).tolist()):
        variance[index] = now
        now = 0.03 + 0.09 * square * now + 0.88 * now
    return np.minimum(variance, 9.0)


def _path(step: FloatArray, regimes: NDArray[np.int8]) -> FloatArray:
    """Log price after each step, from zero: float64[BLOCK + 1]. A pull leads back to where its regime began."""
    pulls = _trait("pull")[regimes].tolist()
    new = np.concatenate([[True], np.diff(regimes) != 0]).tolist()
    path, now, level = np.zeros(BLOCK + 1), 0.0, 0.0
    for index, move in enumerate(step.tolist()):
        if new[index]:
            level = now
        now += move - pulls[index] * (now - level)
        path[index + 1] = now
    return path


def _level(seed: int, symbol: str, timeframe: Timeframe, asset: Asset, number: int) -> float:
    """Log price at the beginning of a block."""
    span = asset.volatility * float(np.sqrt(BLOCK * timeframe.ms / _YEAR_MS)) * _LEVEL_SHARE
    reference = _REFERENCE_MS // (BLOCK * timeframe.ms)
    wander = _wander(seed, symbol, timeframe, number) - _wander(seed, symbol, timeframe, reference)
    return float(np.log(asset.price)) + span * wander


@lru_cache(4096)
def _knot(seed: int, symbol: str, timeframe: Timeframe, octave: int, number: int) -> float:
    return float(_random(seed, f"{symbol} level {octave}", timeframe, number).standard_normal())


def _wander(seed: int, symbol: str, timeframe: Timeframe, number: int) -> float:
    """A wandering number with neither beginning nor end: smooth noises of doubling periods and growing size."""
    total = 0.0
    for octave in range(_OCTAVES):
        whole, part = divmod(number, 2**octave)
        weight = part / 2**octave
        left, right = (_knot(seed, symbol, timeframe, octave, whole + side) for side in (0, 1))
        total += 2 ** (octave / 2) * ((1 - weight) * left + weight * right)
    return total


def _candles(
    timeframe: Timeframe,
    number: int,
    path: FloatArray,
    scale: FloatArray,
    asset: Asset,
    random: np.random.Generator,
    regimes: NDArray[np.int8],
) -> Candles:
    decimals = price_decimals(asset.price)
    move = np.diff(path)
    reach_up, reach_down = (
        np.sqrt(move * move - 2 * (0.8 * scale) ** 2 * np.log(1 - random.random(BLOCK))) for _ in range(2)
    )
    usual = asset.turnover * timeframe.ms / Timeframe.H1.ms / np.exp(path[:-1])
    sigma = asset.volatility * float(np.sqrt(timeframe.ms / _YEAR_MS))
    busy = 0.4 + 0.8 * np.minimum(np.abs(move) / sigma, 8.0)
    volume = usual * busy * np.sqrt(_trait("volume")[regimes]) * np.exp(0.3 * random.standard_normal(BLOCK))
    logs = (path[:-1], path[:-1] + (move + reach_up) / 2, path[:-1] + (move - reach_down) / 2, path[1:])
    opened, high, low, close = (_priced(log_price, decimals) for log_price in logs)
    open_at_ms = (number * BLOCK + np.arange(BLOCK, dtype=np.int64)) * timeframe.ms
    return Candles(timeframe, open_at_ms, opened, high, low, close, np.round(volume, 8))


def _priced(log_price: FloatArray, decimals: int) -> FloatArray:
    return np.maximum(np.round(np.exp(log_price), decimals), 10.0**-decimals)


def _present(random: np.random.Generator, market_random: np.random.Generator) -> NDArray[np.bool_]:
    """Which candles exist: the exchange is down now and then, and sometimes one symbol has no trade."""
    present = random.random(BLOCK) >= _MISSING_SHARE
    for begin in market_random.integers(BLOCK, size=market_random.poisson(_OUTAGES_A_BLOCK)):
        present[begin : begin + int(market_random.integers(1, _LONGEST_OUTAGE + 1))] = False
    return present


def _only(candles: Candles, present: NDArray[np.bool_]) -> Candles:
    names = ("open_at_ms", "open", "high", "low", "close", "volume")
    return Candles(candles.timeframe, *(getattr(candles, name)[present] for name in names))


def block_number(timeframe: Timeframe, at_ms: int) -> int:
    return at_ms // (BLOCK * timeframe.ms)
