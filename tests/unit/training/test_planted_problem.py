"""What is there to be learned is learned, what is not is not, and the same input gives the same model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from autopilot.domain.errors import ModelError
from autopilot.domain.model_state import ModelState
from autopilot.selection.strategy_rules import group_of
from autopilot.training.data.training_set import NO_GROUP, TrainingSet
from autopilot.training.evidence.checks import LeakTest
from autopilot.training.evidence.evaluation import Judged, evaluate_decisions
from autopilot.training.evidence.gate import GateVerdict, log_loss_skill, pass_gate
from autopilot.training.evidence.walk import join_folds, score_fold, walk_folds
from autopilot.training.model.choice import choose, count_votes
from autopilot.training.model.ensemble import Ensemble
from autopilot.training.model.fit import FitSettings, fit
from autopilot.training.request import Acting

Make = Callable[..., TrainingSet]
QUICK = FitSettings(members=4, rounds=20, rate=0.1, feature_fraction=0.5)
ACTING = Acting(min_confidence=0.75, min_edge_bps=0.0)


def walked(data: TrainingSet) -> Judged:
    folds = walk_folds(data, purge_ms=0)[::3]
    return evaluate_decisions(data, join_folds([score_fold(data, fold, QUICK) for fold in folds]), ACTING)


def gate(judged: Judged, *leaks: LeakTest) -> GateVerdict:
    return pass_gate(judged, leaks, trials=1)


def test_a_planted_edge_is_found_and_passes_the_gate(planted: Make) -> None:
    judged = walked(planted(samples=9000, edge=1.0))
    verdict = gate(judged)
    assert verdict.state is ModelState.LIVE
    assert all(rule.passed for rule in verdict.rules)
    assert log_loss_skill(judged).lower > 0.01
    above = judged.per_decision(judged.chosen_return, judged.followed)
    assert above.lower > 0.0


def test_most_of_what_knowing_the_truth_would_earn_is_earned(planted: Make) -> None:
    data = planted(samples=9000, edge=1.0)
    judged = walked(data)
    rows = judged.oof.rows
    truth = np.clip(np.floor((data.features[rows, 0] + 1.5) / 0.75), 0, 3).astype(int)
    pays = data.features[rows, 1] > 0
    assert judged.chosen_return[pays].mean() >= 0.90 * data.returns[rows, truth][pays].mean()


@pytest.mark.parametrize("seed", range(3))
def test_a_market_without_edge_passes_no_gate(planted: Make, seed: int) -> None:
    verdict = gate(walked(planted(seed=seed, samples=5000, edge=0.0)))
    assert verdict.state is ModelState.ABSTAINING
    assert "No evidence of an edge" in verdict.sentence


def test_shuffled_labels_teach_nothing(planted: Make) -> None:
    data = planted(samples=6000, edge=1.0)
    mixed = replace(data, returns=np.random.default_rng(1).permutation(data.returns))
    assert abs(log_loss_skill(walked(mixed)).point) <= 0.005


def test_few_decisions_are_insufficient_whatever_they_earned(planted: Make) -> None:
    verdict = gate(walked(planted(samples=900, edge=2.0)))
    assert verdict.state is ModelState.INSUFFICIENT
    assert not verdict.rules[0].passed


def test_a_failed_leak_test_blocks_everything(planted: Make) -> None:
    judged = walked(planted(samples=9000, edge=1.0))
    verdict = gate(judged, LeakTest("matured before tested", False, "3 rows too late"))
    assert verdict.state is ModelState.INSUFFICIENT
    assert "matured before tested" in verdict.rules[0].detail


def test_nothing_to_score_is_insufficient() -> None:
    assert pass_gate(None, (), trials=1).state is ModelState.INSUFFICIENT


def test_the_same_rows_and_seed_give_the_same_bytes(planted: Make) -> None:
    data, rows = planted(samples=400), np.arange(400)
    text = fit(data, rows, QUICK).to_text()
    assert fit(data, rows, QUICK).to_text() == text
    assert fit(data, rows, replace(QUICK, seed=2)).to_text() != text


def test_a_model_read_from_its_text_scores_to_the_last_bit_as_before(planted: Make) -> None:
    data = planted(samples=400)
    ensemble = fit(data, np.arange(400), QUICK)
    again = Ensemble.from_text(ensemble.to_text())
    for one, other in zip(
        (ensemble.predict(data.features).groups, ensemble.predict(data.features).classes),
        (again.predict(data.features).groups, again.predict(data.features).classes),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("damage", ["", "tree", "#autopilot ensemble [[[]], []]\n#booster 0\nnonsense\n"])
def test_what_is_no_model_is_refused(damage: str) -> None:
    with pytest.raises(ModelError) as caught:
        Ensemble.from_text(damage)
    assert caught.value.hint


def test_contributions_and_base_add_up_to_the_edge(planted: Make) -> None:
    data = planted(samples=600)
    ensemble = fit(data, np.arange(600), QUICK)
    row = data.features[:1]
    for group in range(5):
        members = [
            np.asarray(each.booster.predict(row, pred_contrib=True)).reshape(-1, row.shape[1] + 1)[group, -1]
            + each.offset[group]
            for each in ensemble.groups
        ]
        edge = ensemble.predict(row).groups[:, 0, group].mean()
        assert ensemble.contributions(row, group).sum() + np.mean(members) == pytest.approx(edge, abs=1e-9)


def test_missing_labels_have_no_say(planted: Make) -> None:
    data = planted(samples=800)
    without = data.returns.copy()
    without[:, 2] = np.nan
    ensemble = fit(replace(data, returns=without), np.arange(800), QUICK)
    assert np.all(ensemble.predict(data.features).groups[:, :, 2] == 0.0)
    assert not np.all(ensemble.predict(data.features).groups[:, :, 1] == 0.0)


def test_confidence_is_the_smoothed_share_of_members_that_see_both(planted: Make) -> None:
    data = planted(samples=600)
    raw = fit(data, np.arange(600), QUICK).predict(data.features)
    votes = count_votes(raw, data.unit, group_of(data.strategies))
    choices = choose(votes, data.picks)
    assert np.all((choices.confidence > 0.0) & (choices.confidence < 1.0))
    for row in (0, 17, 599):
        group, strategy = choices.group[row], choices.strategy[row]
        favour = [member for member in range(4) if raw.groups[member, row, group] > 0]
        both = [member for member in favour if raw.strategies[member, row, strategy] > 0]
        expected = (len(favour) + 0.5) / 5 * (len(both) + 0.5) / (len(favour) + 1)
        assert choices.confidence[row] == pytest.approx(expected)
        assert choices.edge_bps[row] == pytest.approx(raw.groups[:, row].mean(axis=0).max() * data.unit[row] * 1e4)


def test_a_class_is_the_best_pick_and_none_where_nothing_was_earned(planted: Make) -> None:
    data = planted(samples=50)
    returns = np.full((50, 5), -0.01)
    returns[0, 3], returns[1, :] = 0.02, np.nan
    assert replace(data, returns=returns).classes[:3].tolist() == [3, NO_GROUP, NO_GROUP]


def test_the_sentence_names_the_rule_that_stands_in_the_way(planted: Make) -> None:
    judged = walked(planted(samples=5000, edge=0.0))
    verdict = gate(judged)
    asked = [rule for rule in verdict.rules if not rule.name.endswith("proven")]
    first = next(rule for rule in asked if not rule.passed)
    assert f"Not passed: {first.name} ({first.detail})" in verdict.sentence
    assert [rule.rule for rule in verdict.rules] == [0, 1, 2, 3, 3, 4, 5]
