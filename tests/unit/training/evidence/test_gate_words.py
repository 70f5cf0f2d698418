"""The numbers of the gate never contradict its verdict: no zero where a rule failed, no gain where there is a loss."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.performance.intervals import Interval
from autopilot.training.evidence.gate import gap_words, skill_words


@given(st.floats(-1.0, 1.0).filter(lambda value: abs(value) > 1e-12))
def test_a_bound_that_is_not_zero_is_shown_with_its_sign(lower: float) -> None:
    shown = re.search(r"bound (\S+) %", skill_words(Interval(0.1, lower, 0.2, 0.9)))
    assert shown is not None
    assert 100.0 * lower == pytest.approx(float(shown[1]), rel=0.51, abs=0.0)
    assert "e" not in shown[1]


@pytest.mark.parametrize(
    ("skill", "words"),
    [
        (Interval(0.0312, 0.0101, 0.06, 0.9), "log-loss 3.12 % better than base rates, lower 95 % bound +1.01 %"),
        (Interval(0.00002, -0.000004, 0.1, 0.9), "log-loss 0.002 % better than base rates, lower 95 % bound -0.0004 %"),
        (Interval(-0.02, -0.03, 0.0, 0.9), "log-loss 2.00 % worse than base rates, lower 95 % bound -3.00 %"),
    ],
)
def test_skill_is_said_as_better_or_worse(skill: Interval, words: str) -> None:
    assert skill_words(skill) == words


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (Interval(3e-4, -1e-4, 7e-4, 0.95), "+3.0 bps [-1.0, +7.0] per day ahead of the rule table"),
        (Interval(-15.9e-4, -20e-4, 1e-4, 0.95), "15.9 bps [-1.0, 20.0] per day behind the rule table"),
    ],
)
def test_a_loss_is_behind(ahead: Interval, words: str) -> None:
    assert gap_words(ahead, "rule table") == words
