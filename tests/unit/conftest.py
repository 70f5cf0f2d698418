"""Training sets made up by formula, small enough to fit in a moment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from autopilot.domain.signal import STRATEGY_GROUPS
from autopilot.domain.timeframe import DAY_MS
from autopilot.selection.strategy_rules import StrategyProfile
from autopilot.training.data.training_set import TrainingSet


@pytest.fixture
def planted() -> Callable[..., TrainingSet]:
    """One strategy a group. Which of them pays ``edge`` usual moves is written in feature 0, whether any does in the
    sign of feature 1."""

    def make(seed: int = 1, samples: int = 2400, edge: float = 0.5, symbols: int = 4, width: int = 12) -> TrainingSet:
        random = np.random.default_rng(seed)
        features = random.normal(size=(samples, width))
        unit = np.full(samples, 0.02)
        pays = np.clip(np.floor((features[:, 0] + 1.5) / 0.75), 0, 3).astype(int)
        returns = random.normal(-0.1, 1.0, size=(samples, 5)) * unit[:, None]
        returns[np.arange(samples), pays] += edge * unit * (features[:, 1] > 0)
        at_ms = np.sort(random.integers(0, 700, size=samples)) * DAY_MS + DAY_MS // 2
        return TrainingSet(
            names=tuple(f"feature_{number}" for number in range(width)),
            strategies=tuple(StrategyProfile(f"strategy_{group}", group, {}) for group in STRATEGY_GROUPS),
            symbols=tuple(f"S{number}/USD" for number in range(symbols)),
            features=features,
            returns=returns,
            picks=np.tile(np.arange(5), (samples, 1)),
            best_past=np.zeros(samples, dtype=np.int64),
            latest=np.zeros((samples, 5)),
            at_ms=at_ms,
            matured_ms=at_ms + DAY_MS,
            symbol=random.integers(symbols, size=samples),
            unit=unit,
            hold=np.zeros(samples),
            regime=np.zeros(samples, dtype=np.int8),
            rule_group=np.full(samples, 4),
        )

    return make
