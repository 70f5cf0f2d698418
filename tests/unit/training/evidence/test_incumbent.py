"""A new model beside the one that decides: only on days that neither knew, and never in its place when it is worse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from autopilot.domain.timeframe import DAY_MS
from autopilot.training.data.training_set import TrainingSet
from autopilot.training.evidence.evaluation import CHAMPION, MODEL, Judged, evaluate_decisions
from autopilot.training.evidence.gate import GateRule, pass_gate
from autopilot.training.evidence.incumbent import Incumbent
from autopilot.training.evidence.walk import join_folds, score_fold, walk_folds
from autopilot.training.model.fit import FitSettings, fit
from autopilot.training.model.novelty import TrainingRange
from autopilot.training.request import Acting

Make = Callable[..., TrainingSet]
QUICK = FitSettings(members=4, rounds=20, rate=0.1, feature_fraction=0.5)
ACTING = Acting(min_confidence=0.75, min_edge_bps=0.0)


def champion(data: TrainingSet, until_ms: int) -> Incumbent:
    """Trained on what had matured by then."""
    rows = np.flatnonzero(data.matured_ms <= until_ms)
    strategies = tuple(each.name for each in data.strategies)
    spread = TrainingRange.of(data.features[rows])
    return Incumbent(until_ms, data.names, strategies, fit(data, rows, QUICK), spread)


def walked(data: TrainingSet, incumbent: Incumbent | None) -> Judged:
    folds = walk_folds(data, purge_ms=0)[::3]
    return evaluate_decisions(data, join_folds([score_fold(data, fold, QUICK) for fold in folds]), ACTING, incumbent)


def rules_of_place(judged: Judged) -> list[GateRule]:
    return [rule for rule in pass_gate(judged, (), trials=1).rules if rule.rule == 6]


def test_it_is_asked_only_for_what_came_after_its_training(planted: Make) -> None:
    data = planted(samples=9000, edge=1.0)
    until_ms = 350 * DAY_MS
    judged = walked(data, champion(data, until_ms))
    known = np.isfinite(judged.earned[CHAMPION])
    np.testing.assert_array_equal(known, judged.at_ms >= until_ms)
    days = len(np.unique(judged.at_ms[known] // DAY_MS))
    assert len(judged.daily(judged.earned[MODEL] - judged.earned[CHAMPION])) == days


def test_one_that_is_as_good_may_take_its_place(planted: Make) -> None:
    data = planted(samples=9000, edge=1.0)
    judged = walked(data, champion(data, 350 * DAY_MS))
    assert judged.mean(CHAMPION).point > 0.0
    (rule,) = rules_of_place(judged)
    assert rule.passed
    assert pass_gate(judged, (), trials=1).replaces


def test_one_that_is_worse_may_not(planted: Make) -> None:
    data = planted(samples=9000, edge=1.0)
    judged = walked(data, champion(data, 350 * DAY_MS))
    lost = replace(judged, earned={**judged.earned, MODEL: judged.earned[MODEL] * 0.5})
    verdict = pass_gate(lost, (), trials=1)
    (rule,) = [each for each in verdict.rules if each.rule == 6]
    assert not rule.passed
    assert "behind the champion" in rule.detail
    assert not verdict.replaces


@pytest.mark.parametrize("why", ["no champion", "too few days", "other features", "other strategies"])
def test_where_it_cannot_be_compared_it_is_not_asked(planted: Make, why: str) -> None:
    data = planted(samples=9000, edge=1.0)
    known = champion(data, (690 if why == "too few days" else 350) * DAY_MS)
    incumbent = {
        "no champion": None,
        "too few days": known,
        "other features": replace(known, features=known.features[1:]),
        "other strategies": replace(known, strategies=known.strategies[::-1]),
    }[why]
    judged = walked(data, incumbent)
    assert CHAMPION not in judged.earned
    assert rules_of_place(judged) == []
    assert pass_gate(judged, (), trials=1).replaces
