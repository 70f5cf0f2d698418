"""A model in use is judged by its own decisions: found when it is dead, left alone while it is not."""

from __future__ import annotations

import numpy as np
import pytest

from autopilot.domain.candles import FloatArray
from autopilot.domain.timeframe import DAY_MS, HOUR_MS
from autopilot.training.evidence.drift import ServedDecisions, Standing, judge_drift
from autopilot.training.request import Acting

ACTING = Acting(min_confidence=0.75, min_edge_bps=0.0)
BASE = np.array([0.2, 0.3, 0.5])


def served(
    days: int, skill: float, seed: int = 1, chosen: float = 0.0, by_rules: float = 0.0, confidence: float = 0.9
) -> ServedDecisions:
    """Two decisions a day, whose probabilities lean by ``skill`` towards what comes (away from it below 0)."""
    random = np.random.default_rng(seed)
    count = 2 * days
    classes = random.choice(3, count, p=BASE)
    leaning = np.where(random.random(count) < 0.5 + skill, classes, (classes + 1) % 3)
    probabilities: FloatArray = 0.7 * np.tile(BASE, (count, 1)) + 0.3 * np.eye(3)[leaning]
    noise = random.normal(0.0, 0.01, count)
    return ServedDecisions(
        at_ms=np.repeat(np.arange(days) * DAY_MS, 2) + np.tile([0, 12 * HOUR_MS], days),
        probabilities=probabilities,
        classes=classes,
        confidence=np.full(count, confidence),
        edge_bps=np.full(count, 10.0),
        novel=np.zeros(count, dtype=np.bool_),
        chosen=chosen + noise,
        by_rules=by_rules + noise,
    )


@pytest.mark.parametrize(
    ("decisions", "standing"),
    [
        (served(0, 0.0), Standing.TOO_EARLY),
        (served(19, -0.4), Standing.TOO_EARLY),
        (served(30, -0.4), Standing.DRIFTED),
        (served(30, 0.3), Standing.HOLDING),
        (served(400, 0.3, chosen=0.004, by_rules=0.004), Standing.PROVEN),
        (served(400, 0.3, by_rules=0.008), Standing.DRIFTED),
        (served(400, 0.3, by_rules=0.008, confidence=0.5), Standing.DRIFTED),
        (served(400, 0.3, chosen=0.008, by_rules=0.008, confidence=0.5), Standing.DRIFTED),
    ],
    ids=["none", "few days", "wrong", "right", "earns", "rules earn", "abstains while rules earn", "unsure"],
)
def test_standing(decisions: ServedDecisions, standing: Standing) -> None:
    found = judge_drift(decisions, BASE, ACTING)
    assert found.standing is standing, found.sentence
    assert found.decisions == len(decisions)


def test_a_model_that_dies_is_found_in_time_and_one_that_lives_never() -> None:
    """Judged every day of a year: 20 that go on, and 20 that turn to noise after a hundred days."""
    found_after = []
    for seed in range(20):
        living = served(365, 0.25, seed)
        dead = served(365, -0.25, seed + 100)
        halves = zip(parts(living), parts(dead), strict=True)
        turned = ServedDecisions(*(np.concatenate([before[:200], after[200:]]) for before, after in halves))
        assert not any(drifts(living, day) for day in range(1, 366, 7))
        found_after.append(next(day for day in range(101, 366) if drifts(turned, day)) - 100)
    assert np.median(found_after) <= 45


def parts(decisions: ServedDecisions) -> list[np.ndarray]:
    return [getattr(decisions, name) for name in ServedDecisions.__dataclass_fields__]


def drifts(decisions: ServedDecisions, days: int) -> bool:
    known = ServedDecisions(*(part[: 2 * days] for part in parts(decisions)))
    return judge_drift(known, BASE, ACTING).standing is Standing.DRIFTED


def test_what_lies_before_the_last_sixty_days_no_longer_counts() -> None:
    bad, good = served(100, -0.4), served(80, 0.4)
    later = ServedDecisions(good.at_ms + 100 * DAY_MS, *parts(good)[1:])
    both = ServedDecisions(*(np.concatenate([a, b]) for a, b in zip(parts(bad), parts(later), strict=True)))
    found = judge_drift(both, BASE, ACTING)
    assert (found.standing, found.days) == (Standing.HOLDING, 60)
    assert found.skill
    assert found.skill.point > 0.0


def test_the_skill_is_one_less_the_ratio_of_losses() -> None:
    decisions = served(40, 0.2)
    rows = np.arange(len(decisions))
    loss = -np.log(decisions.probabilities[rows, decisions.classes]).sum()
    base = -np.log(BASE[decisions.classes]).sum()
    found = judge_drift(decisions, BASE, ACTING).skill
    assert found
    assert found.point == pytest.approx(1.0 - loss / base)
