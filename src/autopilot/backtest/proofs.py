"""Proofs that features and strategies do not look ahead, and need no longer past than a live cycle has.

Look-ahead: without the candles after a cut, no value before the cut may change. Warm-up: with only the 1,000 candles
that a live cycle sees, the last value must be the same as with the whole past; that of a strategy, with as many as it
says that it needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from autopilot.analysis.features import features
from autopilot.analysis.market_analyzer import WINDOW
from autopilot.analysis.view import MarketView
from autopilot.backtest.stages import BacktestStage
from autopilot.domain.candles import BoolArray, FloatArray
from autopilot.domain.progress import Progress
from autopilot.domain.signal import SignalArrays
from autopilot.strategies.registry import Evaluation, StrategySet
from autopilot.training.data.prefix import FEATURE_TOLERANCE, view_between
from autopilot.training.data.series import SymbolData

LOOK_AHEAD, WARM_UP, FAILED = "look-ahead", "warm-up", "failed"
MARKET = "features"
REGIME = "regime"

Columns = Mapping[tuple[str, str], FloatArray]


@dataclass(frozen=True, slots=True)
class ProofFinding:
    """The first candle at which a proof failed. ``owner``: a strategy, the features or the regime; ``column``: one of
    its arrays; ``whole``: its value on all candles; ``part``: its value on the candles up to the cut, or on the last
    ones that it needs. ``detail``: the error of a strategy that raised one."""

    proof: str
    symbol: str
    owner: str
    column: str
    candle_at_ms: int
    whole: float
    part: float
    detail: str = ""


def prove(
    history: SymbolData, strategies: StrategySet, cuts: Sequence[int], progress: Progress
) -> tuple[ProofFinding, ...]:
    """At most one finding for each proof and column. ``cuts``: indices, each at least 999, of the last candle kept."""
    whole, errors = _columns(view_between(history, 0, len(history.candles)), strategies)
    found = {(FAILED, name, ""): _failed(history, name, words) for name, words in errors.items()}
    progress(BacktestStage.PROOFS, 0, len(cuts), history.symbol)
    for number, cut in enumerate(cuts, start=1):
        before, _ = _columns(view_between(history, 0, cut + 1), strategies)
        window, _ = _columns(view_between(history, cut + 1 - WINDOW, cut + 1), strategies)
        window = {**window, **_on_few_candles(history, strategies, cut)}
        for owner, column in whole:
            one, other = whole[owner, column], before[owner, column]
            changed = np.flatnonzero(_differs(one[: cut + 1], other))
            if len(changed):
                at = int(changed[0])
                finding = _found(LOOK_AHEAD, history, owner, column, at, one[at], other[at])
                first = found.setdefault((LOOK_AHEAD, owner, column), finding)
                if finding.candle_at_ms < first.candle_at_ms:
                    found[LOOK_AHEAD, owner, column] = finding
            last = window[owner, column][-1:]
            if _differs(other[-1:], last)[0]:
                finding = _found(WARM_UP, history, owner, column, cut, other[-1], last[0])
                found.setdefault((WARM_UP, owner, column), finding)
        progress(BacktestStage.PROOFS, number, len(cuts), history.symbol)
    return tuple(found[key] for key in sorted(found))


def spread_cuts(length: int, count: int, seed: int = 1) -> list[int]:
    """About ``count`` indices below ``length``, each with 999 candles before it: the last but one, and others drawn at
    random. Empty if there are too few candles."""
    first, last = WINDOW - 1, length - 2
    if last < first:
        return []
    drawn = np.random.default_rng(seed).integers(first, last + 1, size=count - 1)
    return sorted({last, *drawn.tolist()})


def _columns(view: MarketView, strategies: StrategySet) -> tuple[Columns, Mapping[str, str]]:
    """Every array by (owner, column), and the errors by strategy."""
    names, table = features(view, view.regimes)
    found: dict[tuple[str, str], FloatArray] = {(MARKET, name): table[:, at] for at, name in enumerate(names)}
    found[REGIME, "code"] = view.regimes.codes.astype(np.float64)
    found[REGIME, "strength"] = view.regimes.strength
    evaluation = strategies.evaluate(view)
    return found | _signals(evaluation), evaluation.errors


def _on_few_candles(history: SymbolData, strategies: StrategySet, cut: int) -> Columns:
    """The arrays of each strategy that needs fewer candles than a window, on as many as it needs."""
    found: dict[tuple[str, str], FloatArray] = {}
    for one in strategies:
        if one.candles_needed < WINDOW:
            view = view_between(history, cut + 1 - one.candles_needed, cut + 1)
            found |= _signals(StrategySet((one,)).evaluate(view))
    return found


def _signals(evaluation: Evaluation) -> dict[tuple[str, str], FloatArray]:
    return {
        (name, field.name): getattr(arrays, field.name).astype(np.float64)
        for name, arrays in evaluation.arrays.items()
        for field in fields(SignalArrays)
    }


def _differs(one: FloatArray, other: FloatArray) -> BoolArray:
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        return np.asarray(~same & ~(np.abs(one - other) <= FEATURE_TOLERANCE))


def _found(
    proof: str, history: SymbolData, owner: str, column: str, at: int, whole: float, part: float
) -> ProofFinding:
    at_ms = int(history.candles.open_at_ms[at])
    return ProofFinding(proof, history.symbol, owner, column, at_ms, float(whole), float(part))


def _failed(history: SymbolData, name: str, words: str) -> ProofFinding:
    return ProofFinding(FAILED, history.symbol, name, "", history.candles.last_at_ms, np.nan, np.nan, words)
