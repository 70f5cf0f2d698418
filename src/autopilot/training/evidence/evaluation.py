"""The returns of the out-of-fold decisions beside those of the other policies. Days are the unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import AnyArray, BoolArray, FloatArray, IntArray
from autopilot.performance.intervals import Interval, day_totals, mean_interval, ratio_interval
from autopilot.selection.strategy_rules import group_of
from autopilot.training.data.training_set import NO_GROUP, TrainingSet
from autopilot.training.evidence.incumbent import Incumbent, IncumbentChoices
from autopilot.training.evidence.walk import OutOfFold
from autopilot.training.model.calibration import Calibration, fit_calibration
from autopilot.training.model.choice import Choices, Votes, choose, count_votes
from autopilot.training.request import Acting

LEVEL = 0.90
"""The level of the intervals that the gate uses."""
MIN_CALIBRATED = 200
"""Out-of-fold samples needed before the classifier is calibrated. Until then base rates are used."""
MODEL, CASH, RULES, HOLD = "model", "cash", "rule table", "buy and hold"
CHAMPION = "champion"
"""The policy of the model that decides now, if it can be compared."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """``n`` out-of-fold decisions: the choice, whether it was followed, calibrated class probabilities
    float64[n, g + 1], the returns float64[n] of each policy by name, and the calibration for the final model."""

    data: TrainingSet
    oof: OutOfFold
    votes: Votes
    choices: Choices
    followed: BoolArray
    probabilities: FloatArray
    earned: dict[str, FloatArray]
    calibration: Calibration

    @property
    def at_ms(self) -> IntArray:
        return np.asarray(self.data.at_ms[self.oof.rows])

    @property
    def chosen_return(self) -> FloatArray:
        """float64[n]: the return of the chosen strategy, followed or not; 0 without a label."""
        return _of(self.data.returns[self.oof.rows], self.choices.strategy)

    def daily(self, values: FloatArray) -> FloatArray:
        """The mean of each day's decisions, float64[days]; NaN values are left out."""
        known = np.isfinite(values)
        at_ms = self.at_ms[known]
        return np.asarray(day_totals(at_ms, values[known]) / day_totals(at_ms, np.ones(len(at_ms))))

    def daily_sums(self, values: AnyArray) -> FloatArray:
        """The sum of each day's decisions, float64[days]; days without decisions are left out."""
        return day_totals(self.at_ms, values)

    def per_decision(self, values: FloatArray, among: BoolArray, level: float = LEVEL) -> Interval:
        """The mean of ``values`` over the decisions ``among``, with an interval over days."""
        return ratio_interval(self.daily_sums(values * among), self.daily_sums(among * 1.0), level=level)

    def mean(self, name: str) -> Interval:
        """The mean daily return of a policy."""
        return mean_interval(self.daily(self.earned[name]), level=LEVEL)

    def ahead(self, name: str) -> Interval:
        """The mean daily return of the model less that of another policy, paired by day."""
        return mean_interval(self.daily(self.earned[MODEL] - self.earned[name]), level=LEVEL)


def evaluate_decisions(data: TrainingSet, oof: OutOfFold, acting: Acting, incumbent: Incumbent | None = None) -> Judged:
    """Evaluate the out-of-fold decisions, at least one, beside the other policies. The returns of a comparable
    ``incumbent`` are NaN for the decisions before the end of its own training data."""
    rows = oof.rows
    votes = count_votes(oof.raw, data.unit[rows], group_of(data.strategies))
    choices = choose(votes, data.picks[rows])
    followed = follows(choices.confidence, choices.edge_bps, oof.novel, acting)
    probabilities, calibration = _calibrated(data.classes[rows], oof)
    returns = data.returns[rows]
    chosen = _of(returns, choices.strategy)
    every = np.arange(len(rows))
    latest_best = np.take_along_axis(data.latest[rows], data.picks[rows], axis=1).argmax(axis=1)
    majority = oof.base[:, :NO_GROUP].argmax(axis=1)
    picks = data.picks[rows]
    earned = {
        MODEL: np.where(followed, chosen, 0.0),
        CASH: np.zeros(len(rows)),
        HOLD: data.hold[rows],
        "equal weight": np.nan_to_num(returns).mean(axis=1),
        "best past strategy": _of(returns, data.best_past[rows]),
        "persistence": _of(returns, picks[every, latest_best]),
        RULES: _of(returns, picks[every, data.rule_group[rows]]),
        "majority class": _of(returns, picks[every, majority]),
        "model, always followed": chosen,
    }
    theirs = incumbent.choices(data, rows, group_of(data.strategies)) if incumbent else None
    if theirs:
        earned[CHAMPION] = _earned_by(theirs, returns, acting)
    return Judged(data, oof, votes, choices, followed, probabilities, earned, calibration)


def _earned_by(theirs: IncumbentChoices, returns: FloatArray, acting: Acting) -> FloatArray:
    """The returns of the incumbent: float64[n], NaN before the end of its training data."""
    followed = follows(theirs.choices.confidence, theirs.choices.edge_bps, theirs.novel, acting)
    earned = np.full(len(returns), np.nan)
    earned[theirs.known] = np.where(followed, _of(returns[theirs.known], theirs.choices.strategy), 0.0)
    return earned


def follows(confidence: FloatArray, edge_bps: FloatArray, novel: BoolArray, acting: Acting) -> BoolArray:
    """bool[n]: the decisions on which the model's choice is followed."""
    return (confidence >= acting.min_confidence) & (edge_bps >= acting.min_edge_bps) & (edge_bps > 0.0) & ~novel


def _of(returns: FloatArray, strategy: IntArray) -> FloatArray:
    chosen = np.take_along_axis(returns, strategy[:, None], axis=1)[:, 0]
    return np.where(np.isfinite(chosen), chosen, 0.0)


def _calibrated(classes: IntArray, oof: OutOfFold) -> tuple[FloatArray, Calibration]:
    """The probabilities of each block, calibrated on the blocks before it, and the calibration fitted on all blocks."""
    probabilities = oof.base.copy()
    for block in np.unique(oof.block)[1:]:
        before, here = oof.block < block, oof.block == block
        if before.sum() >= MIN_CALIBRATED:
            known = fit_calibration(oof.raw.classes[before], classes[before], oof.base[before])
            probabilities[here] = known.apply(oof.raw.classes[here], oof.base[here])
    return probabilities, fit_calibration(oof.raw.classes, classes, oof.base)
