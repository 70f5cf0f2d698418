"""The trainings of a backtest. Their results are cached by a hash of everything that they depend on.

The cache has numbers, not models: reading them back can do no harm. A training is repeated as soon as its rows, its
settings, the code that fits or a library changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np

from autopilot.domain.candles import AnyArray, IntArray
from autopilot.training.data.training_set import TrainingSet
from autopilot.training.evidence.splits import Fold
from autopilot.training.model import fit as fitting_code
from autopilot.training.model.ensemble import RawScores
from autopilot.training.model.fit import FitSettings, fit_and_score
from autopilot.training.model.scored_choices import ScoredChoices, ScoringInputs, fit_and_choose

T = TypeVar("T", RawScores, ScoredChoices)
Arrays = Mapping[str, AnyArray]


class ArrayCache(Protocol):
    """Named arrays by a key, which is a SHA-256 in hexadecimal."""

    def load(self, key: str) -> Arrays | None:
        """None if they are not cached."""

    def save(self, key: str, arrays: Arrays) -> None:
        """Cache them, or do nothing if that fails."""


@dataclass(frozen=True, slots=True, eq=False)
class PendingFit(Generic[T]):
    """A result of type ``build``: from the cached ``arrays``, or from ``running`` if there are none."""

    cache: ArrayCache
    key: str
    build: type[T]
    arrays: Arrays | None
    running: Future[T] | None

    @property
    def is_cached(self) -> bool:
        return self.running is None

    def result(self) -> T:
        """Waits until it is there, and caches it. Raises the exception of a failed training."""
        if self.running is None:
            return self.build(**(self.arrays or {}))
        found = self.running.result()
        self.cache.save(self.key, {each.name: getattr(found, each.name) for each in fields(found)})
        return found


@dataclass(frozen=True, slots=True)
class CachedFits:
    """Trains on ``executor`` if the result is not cached."""

    executor: Executor
    cache: ArrayCache

    def scores(self, data: TrainingSet, fold: Fold, settings: FitSettings) -> PendingFit[RawScores]:
        """The scores of the fold's block, by a model that is trained on its past."""
        inputs = data.features[fold.test]
        key = _key(data, fold.train, settings, inputs)
        return self._pending(key, RawScores, fit_and_score, data, fold.train, inputs, settings)

    def choices(
        self, data: TrainingSet, rows: IntArray, inputs: ScoringInputs, group_of: IntArray, settings: FitSettings
    ) -> PendingFit[ScoredChoices]:
        """The choices of a model that is trained on ``rows``. ``group_of`` int64[s]: the group of each strategy."""
        key = _key(data, rows, settings, inputs.features, inputs.unit, inputs.picks, inputs.speaks, group_of)
        return self._pending(key, ScoredChoices, fit_and_choose, data, rows, inputs, group_of, settings)

    def _pending(self, key: str, build: type[T], work: Callable[..., T], *arguments: object) -> PendingFit[T]:
        arrays = self.cache.load(key)
        running = self.executor.submit(work, *arguments) if arrays is None else None
        return PendingFit(self.cache, key, build, arrays, running)


def _key(data: TrainingSet, rows: IntArray, settings: FitSettings, *inputs: AnyArray) -> str:
    """SHA-256 of everything that the scores of ``inputs`` depend on, in hexadecimal."""
    found = hashlib.sha256(f"{_code()} {settings!r}".encode())
    targets = data.targets(data.group_returns), data.targets(data.returns)
    trained_on = [array[rows] for array in (data.features, *targets, data.classes, data.at_ms)]
    for array in (*trained_on, *inputs):
        found.update(f"{array.dtype} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


@cache
def _code() -> str:
    """The versions of the libraries, and the code that fits models and scores with them."""
    sources = sorted(Path(fitting_code.__file__).parent.glob("*.py"))
    digests = [hashlib.sha256(source.read_bytes()).hexdigest() for source in sources]
    return " ".join([f"{name} {version(name)}" for name in ("lightgbm", "numpy")] + digests)
