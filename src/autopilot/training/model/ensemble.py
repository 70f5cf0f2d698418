"""The learned model itself: bagged boosters for the edge of every group and every strategy, and a group classifier.

Each member has one booster for all five group heads and another for all strategy heads (LightGBM grows one tree per
head and round), so that few calls score a decision. The ensemble is stored as LightGBM's own text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import FloatArray
from autopilot.domain.errors import ModelError
from autopilot.lean_imports import held_back

with held_back():
    import lightgbm as lgb

_MARK = "#booster "
_HEAD = "#autopilot ensemble "


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """The booster of one member for ``j`` outputs. ``offset`` float64[j] is added to its raw outputs."""

    booster: lgb.Booster
    offset: FloatArray

    def predict(self, features: FloatArray) -> FloatArray:
        """float64[n, j], in multiples of the usual move over the horizon."""
        raw = np.asarray(self.booster.predict(features, raw_score=True, num_threads=1)).reshape(len(features), -1)
        return np.asarray(raw + self.offset)


@dataclass(frozen=True, slots=True, eq=False)
class RawScores:
    """The predictions of m members for n samples. ``groups`` float64[m, n, g] and ``strategies`` float64[m, n, s]:
    edges in multiples of the usual move over the horizon; ``classes`` float64[n, g + 1]: the classifier's raw scores.
    """

    groups: FloatArray
    strategies: FloatArray
    classes: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """``groups`` and ``strategies`` have one `Heads` per member, in the same order."""

    groups: tuple[Heads, ...]
    strategies: tuple[Heads, ...]
    classes: lgb.Booster

    def predict(self, features: FloatArray) -> RawScores:
        """``features`` float64[n, k], finite."""
        return RawScores(
            np.stack([member.predict(features) for member in self.groups]),
            np.stack([member.predict(features) for member in self.strategies]),
            class_scores(self.classes, features),
        )

    def contributions(self, features: FloatArray, group: int) -> FloatArray:
        """The contribution of each feature to the mean edge of ``group`` on one row: float64[k], in multiples of the
        usual move. Source: LightGBM's pred_contrib, the Shapley values of the trees (Lundberg et al. 2018)."""
        width = features.shape[1] + 1
        parts = [
            np.asarray(member.booster.predict(features, pred_contrib=True, num_threads=1)).reshape(-1, width)[group]
            for member in self.groups
        ]
        return np.asarray(np.mean(parts, axis=0)[:-1])

    def importance(self) -> FloatArray:
        """The share of each feature in the gain of the group heads: float64[k], which sums to 1."""
        gain = np.sum([member.booster.feature_importance("gain") for member in self.groups], axis=0)
        return np.asarray(gain / max(float(gain.sum()), 1e-300))

    def to_text(self) -> str:
        """All boosters in one text, as `from_text` reads it."""
        offsets = [[member.offset.tolist() for member in part] for part in (self.groups, self.strategies)]
        parts = [f"{_HEAD}{json.dumps(offsets)}\n"]
        boosters = [member.booster for member in (*self.groups, *self.strategies)] + [self.classes]
        return "".join([*parts, *(f"{_MARK}{at}\n{_text_of(each)}\n" for at, each in enumerate(boosters))])

    @classmethod
    def from_text(cls, text: str) -> Ensemble:
        """The inverse of `to_text`. Raises ModelError when the text is not an ensemble."""
        head, *bodies = text.split(_MARK)
        try:
            groups, strategies = json.loads(head.removeprefix(_HEAD))
            *members, classes = [lgb.Booster(model_str=body.split("\n", 1)[1]) for body in bodies]
            return cls(_heads(members[: len(groups)], groups), _heads(members[len(groups) :], strategies), classes)
        except (ValueError, IndexError, lgb.basic.LightGBMError) as error:
            raise ModelError(
                f"the model cannot be read: {error}", hint="train a new one with: autopilot retrain"
            ) from error


def class_scores(booster: lgb.Booster, features: FloatArray) -> FloatArray:
    """The raw scores of the classifier: float64[n, g + 1]. ``features`` float64[n, k]."""
    return np.asarray(booster.predict(features, raw_score=True, num_threads=1)).reshape(len(features), -1)


def _text_of(booster: lgb.Booster) -> str:
    """The text of a booster that was read from text: LightGBM writes a tree without a split in another way before."""
    return str(lgb.Booster(model_str=booster.model_to_string()).model_to_string())


def _heads(boosters: Sequence[lgb.Booster], offsets: Sequence[Sequence[float]]) -> tuple[Heads, ...]:
    return tuple(Heads(one, np.array(offset)) for one, offset in zip(boosters, offsets, strict=True))
