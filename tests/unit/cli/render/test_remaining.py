"""The remaining time is estimated from the measured pace and the usual shares of the stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.cli.render.remaining import Cost, Left, Remaining


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


Step = tuple[str, int, int]


def played(costs: dict[str, Cost], seconds: dict[str, list[float]]) -> Iterator[tuple[float, float, Left | None]]:
    """(Elapsed, truly left, estimated) after each step; ``seconds``: how long the steps of each stage take."""
    clock, whole = Clock(), sum(map(sum, seconds.values()))
    remaining, begun = Remaining(costs, clock), clock.now
    for stage, steps in seconds.items():
        remaining.report(stage, 0, len(steps))
        for done, step in enumerate(steps, start=1):
            clock.now += step
            remaining.report(stage, done, len(steps))
            elapsed = clock.now - begun
            yield elapsed, whole - elapsed, remaining.left()


COSTS = {"loading": Cost(1.0), "trying": Cost(50.0), "testing": Cost(9.0)}


@given(st.floats(0.01, 100.0))
def test_with_the_usual_shares_it_is_exact_from_the_first_step_on(unit: float) -> None:
    seconds = {name: [unit * cost.weight / 4] * 4 for name, cost in COSTS.items()}
    for _, truly, left in played(COSTS, seconds):
        assert left is not None
        assert left.seconds == pytest.approx(truly, abs=1e-6 * unit)
        assert not left.is_least


@given(st.floats(0.2, 2.0), st.floats(0.2, 5.0))
def test_other_shares_are_noticed_by_a_quarter_of_the_longest_stage(first: float, others: float) -> None:
    """The shares on this machine, of these data, differ from the usual."""
    factors = {"loading": first, "trying": others, "testing": others}
    seconds = {name: [factors[name] * cost.weight / 100] * 100 for name, cost in COSTS.items()}
    for elapsed, truly, left in played(COSTS, seconds):
        if elapsed >= sum(seconds["loading"]) + 0.26 * sum(seconds["trying"]):
            assert left is not None
            assert left.seconds == pytest.approx(truly, rel=0.25, abs=0.01)


def test_a_stage_whose_later_steps_take_longer() -> None:
    steps = [1.0 * (number + 0.5) for number in range(20)]
    for _, truly, left in played({"models": Cost(1.0, power=2.0)}, {"models": steps}):
        assert left is not None
        assert left.seconds == pytest.approx(truly, rel=1e-6, abs=1e-6)


def test_a_machine_that_becomes_slower_is_noticed() -> None:
    steps = [1.0] * 40 + [3.0] * 60
    errors = [
        abs(left.seconds - truly) / sum(steps)
        for elapsed, truly, left in played({"trying": Cost(1.0)}, {"trying": steps})
        if left is not None and elapsed >= 0.5 * sum(steps)
    ]
    assert max(errors) < 0.12


def test_between_two_steps_the_time_runs_down_and_then_waits_for_the_step() -> None:
    clock = Clock()
    remaining = Remaining({"trying": Cost(1.0)}, clock)
    remaining.report("trying", 0, 10)
    clock.now += 10.0
    remaining.report("trying", 1, 10)
    found = []
    for _ in range(30):
        left = remaining.left()
        assert left is not None
        found.append(left.seconds)
        clock.now += 1.0
    assert found[:11] == pytest.approx([90.0 - second for second in range(11)])
    assert found[29] > found[10], "the second step takes far longer, so the rest will too"


def test_before_any_step_is_complete_it_is_a_lower_bound() -> None:
    clock = Clock()
    remaining = Remaining({"first": Cost(1.0), "second": Cost(3.0)}, clock)
    assert remaining.left() is None
    remaining.report("first", 0, 4)
    assert remaining.left() is None
    clock.now += 2.0
    assert remaining.left() == Left(30.0, is_least=True)
    remaining.report("first", 1, 4)
    assert remaining.left() == Left(30.0)


def test_a_download_does_not_tell_the_pace_of_what_follows() -> None:
    clock = Clock()
    remaining = Remaining({"candles": Cost(1.0, is_guide=False), "folds": Cost(9.0)}, clock)
    remaining.report("candles", 0, 10)
    clock.now += 60.0
    remaining.report("candles", 5, 10)
    assert remaining.left() == Left(60.0, is_least=True)
    remaining.report("folds", 0, 9)
    clock.now += 1.0
    remaining.report("folds", 1, 9)
    left = remaining.left()
    assert left is not None
    assert left.seconds == pytest.approx(8.0)


def test_of_a_single_step_nothing_is_known() -> None:
    clock = Clock()
    remaining = Remaining({}, clock)
    remaining.report("import", 0, 1)
    clock.now += 30.0
    assert remaining.left() is None


def test_a_stage_of_unknown_cost_tells_nothing_about_the_others() -> None:
    clock = Clock()
    remaining = Remaining({"folds": Cost(9.0)}, clock)
    remaining.report("counting", 0, 1)
    clock.now += 0.001
    remaining.report("folds", 0, 9)
    clock.now += 5.0
    assert remaining.left() == Left(40.0, is_least=True)


def test_a_stage_without_a_share_goes_by_its_own_pace() -> None:
    *_, (_, truly, left) = list(played({}, {"import": [2.0] * 8}))[:4]
    assert left == Left(truly)


def test_a_report_that_is_repeated_changes_no_estimate() -> None:
    """As where a training in the daemon is polled."""
    clock = Clock()
    once, polled = Remaining({"folds": Cost(9.0)}, clock), Remaining({"folds": Cost(9.0)}, clock)
    for done in (0, 1, 2):
        once.report("folds", done, 6)
        for _ in range(10):
            polled.report("folds", done, 6)
            assert polled.left() == once.left()
            clock.now += 0.2


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (Left(0.2), "about 5 s left"),
        (Left(33.0), "about 35 s left"),
        (Left(61.0), "about 1 min left"),
        (Left(200.0), "about 3 min left"),
        (Left(5400.0), "about 1.5 h left"),
        (Left(14.0, is_least=True), "at least 10 s left"),
        (Left(119.0, is_least=True), "at least 1 min left"),
        (Left(7199.0, is_least=True), "at least 1.9 h left"),
    ],
)
def test_its_words_are_as_coarse_as_it_is(left: Left, words: str) -> None:
    assert str(left) == words
