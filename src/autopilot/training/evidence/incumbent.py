"""The model that decides now, on the decisions that it could have made: what a new one must not fall behind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.timeframe import DAY_MS
from autopilot.training.data.training_set import TrainingSet
from autopilot.training.model.choice import choose, count_votes
from autopilot.training.model.ensemble import Ensemble
from autopilot.training.model.novelty import TrainingRange

DAYS_AT_LEAST = 20
"""Of decisions after its training before it is compared."""


@dataclass(frozen=True, slots=True, eq=False)
class Incumbent:
    """``features`` and ``strategies``: the model's input columns and its strategies, in its order."""

    trained_until_ms: int
    features: tuple[str, ...]
    strategies: tuple[str, ...]
    ensemble: Ensemble
    spread: TrainingRange

    def choices(self, data: TrainingSet, rows: IntArray, group_of: IntArray) -> IncumbentChoices | None:
        """Its choices at these rows of ``data``, of which it is only asked for those that came after its training.
        None where they are too few, or where it was made for other inputs."""
        known = data.at_ms[rows] >= self.trained_until_ms
        days = np.unique(data.at_ms[rows][known] // DAY_MS)
        same = self.features == data.names and self.strategies == tuple(each.name for each in data.strategies)
        if not same or len(days) < DAYS_AT_LEAST:
            return None
        asked = rows[known]
        raw = self.ensemble.predict(data.features[asked])
        chosen = choose(count_votes(raw, data.unit[asked], group_of), data.picks[asked])
        novel = self.spread.is_novel(data.features[asked])
        return IncumbentChoices(known, chosen.strategy, chosen.confidence, chosen.edge_bps, novel)


@dataclass(frozen=True, slots=True, eq=False)
class IncumbentChoices:
    """``known`` bool[n]: the rows that it was asked for; the rest of each of these m."""

    known: NDArray[np.bool_]
    strategy: IntArray
    confidence: FloatArray
    edge_bps: FloatArray
    novel: NDArray[np.bool_]
