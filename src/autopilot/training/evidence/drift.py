"""Drift of a model in use: whether its decisions since the training still support it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from autopilot.domain.candles import BoolArray, FloatArray, IntArray
from autopilot.domain.timeframe import DAY_MS
from autopilot.performance.intervals import Interval, day_totals
from autopilot.training.evidence.evaluation import LEVEL, follows
from autopilot.training.evidence.gate import ANYTIME, anytime_evidence
from autopilot.training.model.scoring import loss_skill, row_log_loss
from autopilot.training.request import Acting

WINDOW_DAYS = 60
MIN_DAYS_JUDGED = 20


class Standing(StrEnum):
    """The conclusion from a model's decisions since its training."""

    TOO_EARLY = "too_early"
    HOLDING = "holding"
    """No evidence against the model."""
    DRIFTED = "drifted"
    PROVEN = "proven"
    """Its returns on paper since the training are evidence of an edge."""


@dataclass(frozen=True, slots=True, eq=False)
class ServedDecisions:
    """``n`` decisions of one model whose outcomes are known, by time.

    ``at_ms`` int64[n]: the open times of the decided candles; ``probabilities`` float64[n, k] as predicted, ``classes``
    int64[n] as observed; ``confidence``, ``edge_bps`` float64[n] and ``novel`` bool[n] of the choice; ``chosen`` and
    ``by_rules`` float64[n]: the returns of the chosen strategy and of the rule table's.
    """

    at_ms: IntArray
    probabilities: FloatArray
    classes: IntArray
    confidence: FloatArray
    edge_bps: FloatArray
    novel: BoolArray
    chosen: FloatArray
    by_rules: FloatArray

    def __len__(self) -> int:
        return len(self.at_ms)


@dataclass(frozen=True, slots=True)
class Drift:
    """``skill``: log-loss skill against the base rates of the training, over the last 60 days; None without decisions.
    ``days``: the days with decisions in them. ``evidence``: the e-value that the model earns more than cash;
    ``evidence_against``: the e-value that the rule table earns more than the model."""

    standing: Standing
    sentence: str
    decisions: int
    days: int
    skill: Interval | None
    evidence: float
    evidence_against: float


def judge_drift(served: ServedDecisions, base_rates: FloatArray, acting: Acting) -> Drift:
    """The drift of a model. ``base_rates`` float64[k]: the class shares of its training set.

    It has drifted if the upper bound of the skill is below 0 after at least 20 days, if the skill is below 0 after 60,
    or if the e-value of the rule table against the model reaches 20.
    """
    days = np.unique(served.at_ms // DAY_MS)
    if not len(days):
        return Drift(Standing.TOO_EARLY, "none of its decisions has matured", 0, 0, None, 1.0, 1.0)
    recent = served.at_ms // DAY_MS > days[-1] - WINDOW_DAYS
    skill, counted = _skill(served, recent, base_rates), int((days > days[-1] - WINDOW_DAYS).sum())
    followed = follows(served.confidence, served.edge_bps, served.novel, acting)
    earned = np.where(followed, served.chosen, 0.0)
    evidence = _evidence(served.at_ms, earned)
    against = _evidence(served.at_ms, served.by_rules - earned)
    has_lost = counted >= MIN_DAYS_JUDGED and (skill.upper < 0.0 or (counted >= WINDOW_DAYS and skill.point < 0.0))
    numbers = (
        f"log-loss skill {100 * skill.point:+.1f} % [{100 * skill.lower:+.1f}, {100 * skill.upper:+.1f}] over "
        f"{counted} days"
    )
    if against >= ANYTIME:
        found = Standing.DRIFTED, f"the rule table earns more than it does: e-value {against:.3g}"
    elif has_lost:
        found = Standing.DRIFTED, f"its probabilities are worse than base rates: {numbers}"
    elif evidence >= ANYTIME:
        found = Standing.PROVEN, f"its returns on paper are evidence of an edge: e-value {evidence:.3g}; {numbers}"
    elif counted < MIN_DAYS_JUDGED:
        found = Standing.TOO_EARLY, f"too early, {MIN_DAYS_JUDGED} days are needed: {numbers}"
    else:
        found = Standing.HOLDING, f"no evidence against it: {numbers}"
    return Drift(*found, len(served), counted, skill, evidence, against)


def _skill(served: ServedDecisions, recent: BoolArray, base_rates: FloatArray) -> Interval:
    classes = served.classes[recent]
    losses = row_log_loss(served.probabilities[recent], classes)
    return loss_skill(served.at_ms[recent], losses, -np.log(base_rates[classes]), LEVEL)


def _evidence(at_ms: IntArray, values: FloatArray) -> float:
    """The e-value from every second day, because a bet must end before the next one and outcomes of adjacent days
    overlap."""
    daily = day_totals(at_ms, values) / day_totals(at_ms, np.ones(len(values)))
    return anytime_evidence(daily[::2])
