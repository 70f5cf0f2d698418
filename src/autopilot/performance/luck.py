"""How much of a result luck could have made: the trades in another order, and the same positions at other times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import FloatArray

REPLICATES = 1000
TRADES_AT_LEAST = 10
QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True, slots=True)
class TradeOrders:
    """Over the same trades drawn anew with replacement, each as large a part of the equity as it was: the 5 %, 50 % and
    95 % quantiles of the ``total_return`` and of the deepest ``drawdown`` (fractions), the share of ``losing`` draws;
    and the drawdown's quantiles when only the order is another."""

    total_return: tuple[float, ...]
    drawdown: tuple[float, ...]
    losing: float
    drawdown_reordered: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Timing:
    """``p_value``: how often the same positions, all shifted by the same time around the period, earned as much or
    more; ``earned`` by the positions as they were, ``by_chance`` the 5 %, 50 % and 95 % quantiles: sums of log returns
    before costs."""

    p_value: float
    earned: float
    by_chance: tuple[float, ...]


def trade_orders(returns: FloatArray, seed: int = 1) -> TradeOrders | None:
    """``returns`` float64[trades]: each trade's net over the equity at its beginning. None for fewer than 10 trades.

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
        total_return=_quantiles(totals),
        drawdown=_quantiles(falls),
        losing=float((totals < 0.0).mean()),
        drawdown_reordered=_quantiles(_paths(reordered)[1]),
    )


def timing(positions: FloatArray, log_returns: FloatArray) -> Timing | None:
    """Whether being in the market when it was is more than chance. ``positions`` float64[symbols, n]: the share of the
    equity that was held from one moment to the next; ``log_returns`` float64[symbols, n] over the same times. None
    where nothing was ever held or it never changed.

    All circular shifts are tried at once (cross-correlation by FFT); they keep how long, how much and what was held
    together, and only move it in time. Source: Masters (2006), Monte-Carlo Evaluation of Trading Systems; the p-value
    counts the real one as one of the shifts.
    """
    if not positions.size or not (np.ptp(positions, axis=1) > 0.0).any():
        return None
    length = positions.shape[1]
    spectrum = np.fft.rfft(log_returns) * np.conj(np.fft.rfft(positions))
    by_shift = np.fft.irfft(spectrum.sum(axis=0), length)
    earned = float((positions * log_returns).sum())
    others = by_shift[1:]
    as_good = int((others >= earned - 1e-12 * max(1.0, abs(earned))).sum())
    return Timing((1 + as_good) / length, earned, _quantiles(others))


def _paths(returns: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(total return, deepest drawdown) of each row of trades."""
    growth = np.cumprod(np.maximum(1.0 + returns, 0.0), axis=1)
    peak = np.maximum(np.maximum.accumulate(growth, axis=1), 1.0)
    return np.asarray(growth[:, -1] - 1.0), np.asarray(np.max(1.0 - growth / peak, axis=1))


def _quantiles(values: FloatArray) -> tuple[float, ...]:
    return tuple(np.quantile(values, QUANTILES).tolist())
