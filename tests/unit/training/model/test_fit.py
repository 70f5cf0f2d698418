"""What the fit leaves out or lays out in another way changes no tree."""

from __future__ import annotations

from collections.abc import Callable

import lightgbm as lgb
import numpy as np
import pytest

from autopilot.training.data.training_set import TrainingSet
from autopilot.training.model import fit as fitting
from autopilot.training.model.choice import choose, count_votes
from autopilot.training.model.ensemble import Ensemble
from autopilot.training.model.fit import Bags, FitSettings, fit, fit_and_score, fit_member
from autopilot.training.model.novelty import TrainingRange
from autopilot.training.model.scored_choices import ScoringInputs, choices_of, fit_and_choose, join_inputs

Make = Callable[..., TrainingSet]
QUICK = FitSettings(members=3, rounds=8, rate=0.1, feature_fraction=0.5)
GROUPS = np.arange(5)


@pytest.fixture
def data(planted: Make) -> TrainingSet:
    """Half of the columns are mostly zero, which LightGBM stores sparsely. One strategy has no label."""
    found = planted(samples=1200)
    found.features[:, 6:] *= np.random.default_rng(2).random((1200, 6)) < 0.1
    found.returns[::7, 3] = np.nan
    found.returns[:, 4] = np.nan
    return found


def inputs_of(data: TrainingSet, rows: slice) -> ScoringInputs:
    speaks = np.random.default_rng(5).random((len(data), 5)) < 0.4
    return ScoringInputs(data.features[rows], data.unit[rows], data.picks[rows], speaks[rows])


def test_the_text_is_that_of_plain_lightgbm(data: TrainingSet, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.arange(900)
    text = fit(data, rows, QUICK).to_text()
    train = lgb.train
    monkeypatch.setattr(fitting, "_DENSE", {})
    monkeypatch.setattr(lgb, "train", lambda *given, **_: train(*given))
    assert fit(data, rows, QUICK).to_text() == text


def test_the_text_does_not_depend_on_whether_it_was_read(data: TrainingSet) -> None:
    text = fit(data, np.arange(900), QUICK).to_text()
    assert Ensemble.from_text(text).to_text() == text
    assert "leaf_weight=\n" in text, "there is a tree without a split"


def test_the_ways_to_fit_agree(data: TrainingSet) -> None:
    rows, features = np.arange(900), data.features[900:]
    ensemble, scores = fit(data, rows, QUICK), fit_and_score(data, rows, data.features[900:], QUICK)
    wanted = ensemble.predict(features)
    for name in ("groups", "strategies", "classes"):
        np.testing.assert_array_equal(getattr(scores, name), getattr(wanted, name))
    for member in range(QUICK.members):
        groups, strategies = fit_member(data, rows, QUICK, member)
        np.testing.assert_array_equal(groups.predict(features), wanted.groups[member])
        np.testing.assert_array_equal(strategies.predict(features), wanted.strategies[member])


@pytest.mark.parametrize("wanted", [[], [2], [0, 3], [0, 1, 2, 3, 4]])
def test_heads_that_are_left_out_change_no_other(data: TrainingSet, wanted: list[int]) -> None:
    rows, features = np.arange(900), data.features[900:]
    every = Bags(data, rows, QUICK).strategies(1).predict(features)
    some = Bags(data, rows, QUICK).strategies(1, np.array(wanted, dtype=np.int64)).predict(features)
    np.testing.assert_array_equal(some[:, wanted], every[:, wanted])


def test_choices_are_those_of_the_whole_model(data: TrainingSet) -> None:
    rows, inputs = np.arange(900), inputs_of(data, slice(900, 1200))
    ensemble, spread = fit(data, rows, QUICK), TrainingRange.of(data.features[rows])
    votes = count_votes(ensemble.predict(inputs.features), inputs.unit, GROUPS)
    wanted, every = choose(votes, inputs.picks), np.arange(300)
    speaks = inputs.speaks[every, wanted.group]
    assert 0 < speaks.sum() < 300
    for found in (
        fit_and_choose(data, rows, inputs, GROUPS, QUICK),
        choices_of(ensemble, spread, inputs, GROUPS),
    ):
        np.testing.assert_array_equal(found.group, wanted.group)
        np.testing.assert_array_equal(found.strategy, wanted.strategy)
        np.testing.assert_array_equal(found.edge_bps, wanted.edge_bps)
        np.testing.assert_array_equal(found.group_confidence, votes.group_shares[every, wanted.group])
        shares = votes.strategy_shares[every, wanted.strategy]
        np.testing.assert_array_equal(found.strategy_confidence, np.where(speaks, shares, 0.0))
        np.testing.assert_array_equal(found.novelty, spread.novelty(inputs.features))
        assert found.limit == spread.limit


def test_candles_may_be_joined_and_parted(data: TrainingSet) -> None:
    rows, parts = np.arange(900), [inputs_of(data, slice(900, 1000)), inputs_of(data, slice(1000, 1200))]
    ensemble, spread = fit(data, rows, QUICK), TrainingRange.of(data.features[rows])
    whole = choices_of(ensemble, spread, join_inputs(parts), GROUPS)
    for part, at in zip(parts, (slice(0, 100), slice(100, 300)), strict=True):
        own = choices_of(ensemble, spread, part, GROUPS)
        np.testing.assert_array_equal(whole.of_rows(at).strategy_confidence, own.strategy_confidence)
        np.testing.assert_array_equal(whole.of_rows(at).edge_bps, own.edge_bps)
