"""The models of a backtest: which are trained, that no gate looks ahead, and that nothing is trained twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autopilot.app.compute import InProcess
from autopilot.backtest.fits import CachedFits
from autopilot.backtest.models import DecidingModel
from autopilot.backtest.walk_forward import Retraining, WalkForwardModels
from autopilot.domain.candles import AnyArray
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelScope, ModelState
from autopilot.domain.progress import unwatched
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, Timeframe
from autopilot.training.data.training_set import TrainingSet
from autopilot.training.evidence.gate import MIN_DAYS, MIN_DECISIONS
from autopilot.training.evidence.splits import Fold
from autopilot.training.model.fit import FitSettings, fit_and_score
from autopilot.training.request import Acting

Make = Callable[..., TrainingSet]
QUICK = FitSettings(members=2, rounds=6, rate=0.2, feature_fraction=0.5)
PLAN = Retraining(
    scope=ModelScope(CandleKind.SIMULATED, Timeframe.H1),
    start_ms=480 * DAY_MS,
    end_ms=690 * DAY_MS,
    every_ms=30 * DAY_MS,
    purge_ms=HOUR_MS,
    life_ms=60 * DAY_MS,
    is_gated=False,
)


class Memory(dict[str, Mapping[str, AnyArray]]):
    """A cache."""

    def load(self, key: str) -> Mapping[str, AnyArray] | None:
        return self.get(key)

    def save(self, key: str, arrays: Mapping[str, AnyArray]) -> None:
        self[key] = arrays


class Counting(InProcess):
    """Keeps the rows of the training set on which each submitted model is trained, and those that it scores."""

    def __init__(self) -> None:
        super().__init__()
        self.trained: list[tuple[Any, Any]] = []

    def submit(self, work: Any, /, *given: Any, **_: Any) -> Future[Any]:
        self.trained.append((given[1], given[2]))
        return super().submit(work, *given)


class Forbidden(Executor):
    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        raise AssertionError("nothing should be trained")


def walk(
    data: TrainingSet, plan: Retraining = PLAN, executor: Executor | None = None, cache: Memory | None = None
) -> tuple[DecidingModel, ...]:
    """The models. There are no candles for them to score, so only the models of the evidence are trained."""
    own = Memory() if cache is None else cache
    with executor or InProcess() as running:
        fits = CachedFits(running, own)
        return WalkForwardModels(data, plan, QUICK, Acting(0.6, 0.0), fits).follow([], [], unwatched)[0]


@pytest.fixture
def data(planted: Make) -> TrainingSet:
    return planted(samples=3000, edge=1.5)


def test_each_model_decides_until_the_next(data: TrainingSet) -> None:
    models = walk(data)
    assert [model.from_ms for model in models] == list(range(PLAN.start_ms, PLAN.end_ms, PLAN.every_ms))
    assert [model.until_ms for model in models[:-1]] == [model.from_ms for model in models[1:]]
    assert models[-1].until_ms == PLAN.end_ms
    for model in models:
        assert model.trained_until_ms + PLAN.purge_ms <= model.from_ms
        assert model.trained_until_ms == data.matured_ms[data.matured_ms + PLAN.purge_ms <= model.from_ms].max()


def test_only_what_the_gate_accepts_decides_and_until_it_expires(data: TrainingSet) -> None:
    every = walk(data)
    gated = walk(data, replace(PLAN, is_gated=True))
    accepted = [model for model in every if model.state in (ModelState.SHADOW, ModelState.LIVE)]
    assert [model.from_ms for model in gated] == [model.from_ms for model in accepted]
    assert [model.verdict for model in gated] == [model.verdict for model in accepted]
    assert accepted
    alone = walk(data, replace(PLAN, every_ms=200 * DAY_MS, life_ms=20 * DAY_MS))
    assert alone[0].until_ms == alone[0].trained_until_ms + 20 * DAY_MS + 1 < alone[1].from_ms


def test_no_verdict_knows_what_had_not_matured(data: TrainingSet) -> None:
    wanted = walk(data)
    for at in (0, 5):
        moment = wanted[at].from_ms
        late = data.matured_ms + PLAN.purge_ms > moment
        assert late.any()
        random = np.random.default_rng(at)
        other = replace(
            data,
            returns=np.where(late[:, None], random.normal(size=data.returns.shape), data.returns),
            features=np.where(late[:, None], 9.0, data.features),
            hold=np.where(late, -0.5, data.hold),
        )
        found = walk(other)
        for model, theirs in zip(wanted[: at + 1], found, strict=False):
            assert (model.verdict, model.trained_until_ms) == (theirs.verdict, theirs.trained_until_ms)


def test_a_test_that_ends_later_changes_no_verdict_before(data: TrainingSet) -> None:
    wanted = walk(data)
    shorter = walk(data, replace(PLAN, end_ms=PLAN.start_ms + 100 * DAY_MS))
    assert [model.verdict for model in shorter] == [model.verdict for model in wanted[: len(shorter)]]


def test_the_evidence_takes_few_models_and_each_knows_only_the_past(data: TrainingSet) -> None:
    executor = Counting()
    walk(data, executor=executor)
    assert len(executor.trained) == 5, "three blocks of 120 days before the test, and two during it"
    for rows, scored in executor.trained:
        block = np.flatnonzero((data.features[:, None] == scored[None]).all(axis=2).any(axis=1))
        assert len(block) == len(scored)
        assert (data.matured_ms[rows] + PLAN.purge_ms <= data.at_ms[block].min()).all()
        assert data.at_ms[block].max() - data.at_ms[block].min() <= 120 * DAY_MS


def test_the_trainings_before_the_test_count_as_trials(planted: Make) -> None:
    """This edge is proven by one training, and not by the best of sixteen."""
    models = walk(planted(samples=3000, edge=0.7), replace(PLAN, end_ms=PLAN.start_ms + 40 * DAY_MS))
    assert len(models) == 2
    for model in models:
        assert model.state is ModelState.SHADOW
        assert f"trainings counted: {model.from_ms // PLAN.every_ms})" in model.verdict


def test_too_little_evidence_is_not_computed(planted: Make) -> None:
    few = planted(samples=MIN_DECISIONS - 100)
    models = walk(few, executor=Forbidden())
    assert {model.state for model in models} == {ModelState.INSUFFICIENT}
    known = few.matured_ms + PLAN.purge_ms <= models[-1].from_ms
    decisions = int((known & (few.at_ms >= PLAN.start_ms - 3 * 120 * DAY_MS)).sum())
    assert f"{decisions:,} decisions out of sample" in models[-1].verdict
    assert f"(at least {MIN_DECISIONS:,} on {MIN_DAYS}), no leak test was run" in models[-1].verdict
    assert walk(few, replace(PLAN, is_gated=True), executor=Forbidden()) == ()


def test_without_samples_there_are_no_models(data: TrainingSet) -> None:
    assert walk(data, replace(PLAN, start_ms=0, end_ms=2 * DAY_MS), executor=Forbidden()) == ()


def test_nothing_is_trained_twice(data: TrainingSet) -> None:
    cache = Memory()
    first = walk(data, cache=cache)
    again = walk(data, cache=cache, executor=Forbidden())
    assert [(each.id, each.verdict, each.until_ms) for each in again] == [
        (each.id, each.verdict, each.until_ms) for each in first
    ]


@pytest.mark.parametrize("changed", ["features", "returns", "seed", "rows", "scored"])
def test_another_training_is_another_entry(data: TrainingSet, changed: str) -> None:
    cache, rows, scored = Memory(), np.arange(500), slice(500, 600)
    with InProcess() as executor:
        fits = CachedFits(executor, cache)

        def scores(data: TrainingSet, rows: Any, scored: slice, settings: FitSettings) -> Any:
            return fits.scores(data, Fold("", rows, np.arange(len(data))[scored]), settings).result()

        scores(data, rows, scored, QUICK)
        other, settings = data, QUICK
        match changed:
            case "features":
                other = replace(data, features=data.features + np.eye(len(data), 12) * 1e-12)
            case "returns":
                other = replace(data, returns=data.returns * (1.0 + 1e-12))
            case "seed":
                settings = replace(QUICK, seed=2)
            case "rows":
                rows = rows[:-1]
            case _:
                scored = slice(501, 600)
        found = scores(other, rows, scored, settings)
        assert len(cache) == 2
        wanted = fit_and_score(other, rows, other.features[scored], settings)
        np.testing.assert_array_equal(found.groups, wanted.groups)
