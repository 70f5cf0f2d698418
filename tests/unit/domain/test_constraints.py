"""Numbers that belong together: which must be below which, and the sentence when they are not."""

from __future__ import annotations

import pytest

from autopilot.domain.constraints import Below, contradiction

CONSTRAINTS = (Below(0, "hold"), Below("fast", "slow"), Below("slow", 81))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"fast": 12, "slow": 26, "hold": 1}, None),
        ({"fast": 26, "slow": 26, "hold": 1}, "fast = 26 must be below slow = 26"),
        ({"fast": 30, "slow": 20.5, "hold": 1}, "fast = 30 must be below slow = 20.5"),
        ({"fast": 30, "slow": 81, "hold": 1}, "slow = 81 must be below 81"),
        ({"fast": 1, "slow": 2, "hold": 0}, "hold = 0 must be above 0"),
        ({"fast": 9, "slow": float("nan"), "hold": 1}, "fast = 9 must be below slow = nan"),
        ({"fast": 90}, None),
    ],
)
def test_the_first_contradiction_is_a_sentence(values: dict[str, float], sentence: str | None) -> None:
    assert contradiction(CONSTRAINTS, values) == sentence


def test_a_constraint_reads_as_a_sentence_without_values() -> None:
    assert [str(each) for each in CONSTRAINTS] == [
        "hold must be above 0",
        "fast must be below slow",
        "slow must be below 81",
    ]
