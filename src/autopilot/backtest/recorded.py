"""Recorded decisions that a run over the stored candles cannot make, because it sees other candles: taken over as they
were recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from autopilot.backtest.choices import RULES, BacktestChoices
from autopilot.backtest.decided import BacktestSymbol
from autopilot.domain.document_types import DecisionDocument
from autopilot.domain.signal import STRATEGY_GROUPS, StrategyGroup
from autopilot.domain.sparse_signals import SparseSignals

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
    candles, names = series.candles.open_at_ms, series.strategies.names
    at = np.array([index for index in range(choices.first, len(candles)) if int(candles[index]) in recorded], dtype=int)
    changed = {name: getattr(choices, name).copy() for name in _COLUMNS}
    added: list[list[tuple[int, RecordedChoice]]] = [[] for _ in names]
    for index in at.tolist():
        choice = recorded[int(candles[index])]
        if choice is None or choice.strategy not in names:
            continue
        numbers = {"group": STRATEGY_GROUPS.index(choice.group), "strategy": names.index(choice.strategy)}
        added[numbers["strategy"]].append((index, choice))
        for name in _COLUMNS:
            changed[name][index - choices.first] = numbers.get(name, getattr(choice, name))
    signals = series.signals.replaced(at, _signals(added))
    return replace(traded, series=replace(series, signals=signals), choices=replace(choices, **changed))


_COLUMNS = ("group", "strategy", "group_confidence", "strategy_confidence", "edge_bps", "model")
_SHARES = ("strength", "confidence", "stop_distance", "target_distance")


def _signals(added: Sequence[Sequence[tuple[int, RecordedChoice]]]) -> SparseSignals:
    """For each strategy, candles in ascending order and the choices whose signals are put there."""
    every = [each for one in added for each in one]
    return SparseSignals(
        begin=np.cumsum([0, *map(len, added)]),
        at=np.array([index for index, _ in every], dtype=np.int64),
        side=np.array([choice.side for _, choice in every], dtype=np.int8),
        **{name: np.array([getattr(choice, name) for _, choice in every], dtype=np.float64) for name in _SHARES},
    )


def _begun_at(first: int, choices: BacktestChoices) -> BacktestChoices:
    """The choices from candle ``first`` on; those before the given ones say nothing."""
    count = choices.first - first
    missing = {"edge_bps": np.nan, "novelty": np.nan, "model": RULES}
    columns = {each.name: getattr(choices, each.name) for each in fields(choices) if each.name != "first"}
    return BacktestChoices(
        first=first,
        **{
            name: np.concatenate([np.full((count, *values.shape[1:]), missing.get(name, 0), values.dtype), values])
            for name, values in columns.items()
        },
    )
