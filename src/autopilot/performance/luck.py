"""How much of a result could be luck: the trades in another order, and the same positions at other times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import FloatArray
from autopilot.performance.intervals import quantiles

REPLICATES = 1000
TRADES_AT_LEAST = 10
QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True, slots=True)
class TradeOrders:
    """Results of the trades resampled with replacement, each with its own share of equity: the 5 %, 50 % and 95 %
    quantiles of ``total_return`` and max ``drawdown`` (fractions), and the share of ``losing`` samples; also the
    drawdown's quantiles if only the order of the trades changes."""

    total_return: tuple[float, ...]
    drawdown: tuple[float, ...]
    losing: float
    drawdown_reordered: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Timing:
    """``p_value``: share of circular time shifts of all positions that earned at least as much. ``earned``: result of
    the positions as they were; ``by_chance``: 5 %, 50 % and 95 % quantiles of the shifts; both are sums of log returns
    before costs."""

    p_value: float
    earned: float
    by_chance: tuple[float, ...]


def trade_orders(returns: FloatArray, seed: int = 1) -> TradeOrders | None:
    """``returns`` float64[trades]: each trade's net result over the equity at its start. None for less than 10.

    Source: Efron (1979), Annals of Statistics 7, on trades taken as independent.
    """
    count = len(returns)
    if count < TRADES_AT_LEAST:
        return None
    random = np.random.default_rng(seed)
    drawn = returns[random.integers(count, size=(REPLICATES, count))]
    reordered = random.permuted(np.tile(returns, (REPLICATES, 1)), axis=1)
    totals, falls = _paths(drawn)
    return TradeOrders(
        total_return=quantiles(totals, QUANTILES),
        drawdown=quantiles(falls, QUANTILES),
        losing=float((totals < 0.0).mean()),
        drawdown_reordered=quantiles(_paths(reordered)[1], QUANTILES),
    )


def timing(positions: FloatArray, log_returns: FloatArray) -> Timing | None:
    """Tests whether the timing of positions is better than chance. ``positions`` float64[symbols, n]: share of equity
    held over each interval; ``log_returns`` float64[symbols, n] over the same intervals. Returns None if nothing was
    ever held or the positions never changed.

    All circular shifts are computed at once (cross-correlation by FFT, whose length is a power of two, because others
    can take many times as long). They keep the size and length of positions and
    only move them in time. Source: Masters (2006), Monte-Carlo Evaluation of Trading Systems; the p-value counts the
    real positions as one of the shifts.
    """
    if not positions.size or not (np.ptp(positions, axis=1) > 0.0).any():
        return None
    length = positions.shape[1]
    size = 1 << (2 * length - 1).bit_length()
    spectrum = np.zeros(size // 2 + 1, dtype=np.complex128)
    for moves, held in zip(log_returns, positions, strict=True):
        product = np.fft.rfft(held, size)
        np.conj(product, out=product)
        product *= np.fft.rfft(moves, size)
        spectrum += product
    by_shift = np.fft.irfft(spectrum, size)
    earned = float((positions * log_returns).sum())
    # A shift moves what leaves at the end to the beginning.
    others = by_shift[1:length] + by_shift[size - length + 1 :]
    as_good = int((others >= earned - 1e-12 * max(1.0, abs(earned))).sum())
    return Timing((1 + as_good) / length, earned, quantiles(others, QUANTILES))


def _paths(returns: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(total return, max drawdown) of each row of trades."""
    growth = np.cumprod(np.maximum(1.0 + returns, 0.0), axis=1)
    peak = np.maximum(np.maximum.accumulate(growth, axis=1), 1.0)
    return np.asarray(growth[:, -1] - 1.0), np.asarray(np.max(1.0 - growth / peak, axis=1))
