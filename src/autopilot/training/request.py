"""The request for a training, and the stages of one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from autopilot.domain.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """Train on the ``days`` before the latest candle of these symbols of one exchange. ``surrogate``: on candles whose
    direction was destroyed, as a control; the resulting model is not stored. ``source``: the exchange whose stored
    candles stand before the first own one; ``download``: candles that are not stored may be downloaded."""

    exchange: str
    symbols: tuple[str, ...]
    timeframe: Timeframe
    days: int
    min_samples_per_strategy: int
    seed: int = 1
    surrogate: bool = False
    source: str | None = None
    download: bool = True


@dataclass(frozen=True, slots=True)
class Acting:
    """When a model's choice is followed: the least confidence in [0, 1], and the least expected edge in bps."""

    min_confidence: float
    min_edge_bps: float


class Stage(StrEnum):
    """The stages of a training, in their order."""

    SAMPLES = "existing samples"
    CANDLES = "candles"
    SAMPLING = "samples"
    LABELS = "labels"
    FOLDS = "folds"
    FIT = "fit"
    CHECKS = "checks"
    PROMOTION = "promotion"
