"""The model that decides now, applied to the decisions after its training, to compare a new model with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import BoolArray, IntArray
from autopilot.domain.timeframe import DAY_MS
from autopilot.training.data.training_set import TrainingSet
from autopilot.training.model.choice import Choices, choose, count_votes
from autopilot.training.model.ensemble import Ensemble
from autopilot.training.model.novelty import TrainingRange

MIN_DAYS_COMPARED = 20
"""Days with decisions after its training that are needed to compare it."""


@dataclass(frozen=True, slots=True, eq=False)
class Incumbent:
    """``features`` and ``strategies``: the names of the model's input columns and strategies, in its order."""

    trained_until_ms: int
    features: tuple[str, ...]
    strategies: tuple[str, ...]
    ensemble: Ensemble
    spread: TrainingRange

    def choices(self, data: TrainingSet, rows: IntArray, group_of: IntArray) -> IncumbentChoices | None:
        """Its choices at those of ``rows`` that lie after its training. None if these have fewer than 20 days, or if it
        was trained on other inputs."""
        known = data.at_ms[rows] >= self.trained_until_ms
        days = np.unique(data.at_ms[rows][known] // DAY_MS)
        same = self.features == data.names and self.strategies == tuple(each.name for each in data.strategies)
        if not same or len(days) < MIN_DAYS_COMPARED:
            return None
        after = rows[known]
        raw = self.ensemble.predict(data.features[after])
        chosen = choose(count_votes(raw, data.unit[after], group_of), data.picks[after])
        novel = self.spread.is_novel(data.features[after])
        return IncumbentChoices(known, chosen, novel)


@dataclass(frozen=True, slots=True, eq=False)
class IncumbentChoices:
    """``known`` bool[n]: the m rows after its training. The other fields have one entry for each of them."""

    known: BoolArray
    choices: Choices
    novel: BoolArray
