"""Recorded decisions that a run over the stored candles cannot make, because it sees other candles: taken over as they
were recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from autopilot.backtest.choices import RULES, BacktestChoices
from autopilot.backtest.decided import BacktestSymbol
from autopilot.domain.document_types import DecisionDocument
from autopilot.domain.signal import STRATEGY_GROUPS, SignalArrays, StrategyGroup

_SIDES = {"buy": 1, "sell": -1}


@dataclass(frozen=True, slots=True)
class RecordedChoice:
    """A recorded choice and its signal to buy or sell. ``side``, ``strength``, ``confidence``, ``stop_distance`` and
    ``target_distance`` as in `SignalArrays`; ``model``: its number, or `RULES`."""

    group: StrategyGroup
    strategy: str
    group_confidence: float
    strategy_confidence: float
    edge_bps: float
    model: int
    side: int
    strength: float
    confidence: float
    stop_distance: float
    target_distance: float

    @classmethod
    def of(cls, decision: DecisionDocument, models: Mapping[str, int]) -> RecordedChoice | None:
        """None without a signal. ``models``: the number of each model."""
        selection, signal = decision["selection"], decision["signal"]
        if signal["signal_type"] not in _SIDES:
            return None
        opinion = selection.get("model")
        edges = {score["group"]: score["expected_edge_bps"] for score in selection["groups"]}
        edge = edges.get(selection["group"])
        return cls(
            group=StrategyGroup(selection["group"]),
            strategy=selection["strategy"],
            group_confidence=selection["group_confidence"],
            strategy_confidence=selection["strategy_confidence"],
            edge_bps=np.nan if edge is None else edge,
            model=models.get(opinion["model_id"], RULES) if opinion else RULES,
            side=_SIDES[signal["signal_type"]],
            strength=signal["strength"],
            confidence=signal["confidence"],
            stop_distance=1.0 - signal["stop"] / signal["price"],
            target_distance=signal["target"] / signal["price"] - 1.0,
        )


def as_recorded(traded: BacktestSymbol, first: int, recorded: Mapping[int, RecordedChoice | None]) -> BacktestSymbol:
    """The symbol from candle ``first`` on, with these choices in place of its own, by the candle's open time. None: no
    signal. All candles before the symbol's own choices are among them. Choices of strategies that are no longer
    installed count as none."""
    series, choices = traded.series, _begun_at(first, traded.choices)
    candles, names = series.view.candles.open_at_ms, tuple(series.arrays)
    at = np.array([index for index in range(choices.first, len(candles)) if int(candles[index]) in recorded], dtype=int)
    arrays = {name: _silent_at(each, at) for name, each in series.arrays.items()}
    changed = {name: getattr(choices, name).copy() for name in _COLUMNS}
    for index in at.tolist():
        choice = recorded[int(candles[index])]
        if choice is None or choice.strategy not in arrays:
            continue
        for name in _SIGNAL:
            getattr(arrays[choice.strategy], name)[index] = getattr(choice, name)
        numbers = {"group": STRATEGY_GROUPS.index(choice.group), "strategy": names.index(choice.strategy)}
        for name in _COLUMNS:
            changed[name][index - choices.first] = numbers.get(name, getattr(choice, name))
    return replace(traded, series=replace(series, arrays=arrays), choices=replace(choices, **changed))


_COLUMNS = ("group", "strategy", "group_confidence", "strategy_confidence", "edge_bps", "model")
_SIGNAL = ("side", "strength", "confidence", "stop_distance", "target_distance")


def _begun_at(first: int, choices: BacktestChoices) -> BacktestChoices:
    """The choices from candle ``first`` on; those before the given ones say nothing."""
    count = choices.first - first
    none, zeros, unknown = np.zeros(count, dtype=np.int64), np.zeros(count), np.full(count, np.nan)
    return BacktestChoices(
        first=first,
        picks=np.concatenate([np.zeros((count, len(STRATEGY_GROUPS)), dtype=np.int64), choices.picks]),
        group=np.concatenate([none, choices.group]),
        strategy=np.concatenate([none, choices.strategy]),
        group_confidence=np.concatenate([zeros, choices.group_confidence]),
        strategy_confidence=np.concatenate([zeros, choices.strategy_confidence]),
        edge_bps=np.concatenate([unknown, choices.edge_bps]),
        novelty=np.concatenate([unknown, choices.novelty]),
        model=np.concatenate([none + RULES, choices.model]),
    )


def _silent_at(arrays: SignalArrays, at: np.ndarray) -> SignalArrays:
    """A copy without a side at these candles."""
    copied = SignalArrays(*(getattr(arrays, name).copy() for name in _SIGNAL))
    for name in _SIGNAL[:3]:
        getattr(copied, name)[at] = 0
    return copied
