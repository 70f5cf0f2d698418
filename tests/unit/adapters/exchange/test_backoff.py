"""How long an exchange is left in peace."""

from __future__ import annotations

import pytest
from fake_clock import FakeClock

from autopilot.adapters.exchange.backoff import Backoff


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_it_doubles_to_a_minute_and_stays_there(clock: FakeClock) -> None:
    backoff, pauses = Backoff(clock), []
    assert backoff.left_s == 0
    for _ in range(2_000):
        backoff.failed("no answer")
        pauses.append(backoff.left_s)
    assert pauses[:9] == [0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert pauses[-1] == 60
    assert backoff.why == "no answer"


def test_it_ends_with_time_or_with_an_answer(clock: FakeClock) -> None:
    backoff = Backoff(clock)
    backoff.locked_out("too many requests")
    clock.at_ms += 59_000
    assert backoff.left_s == 1
    clock.at_ms += 1_000
    assert backoff.left_s == 0
    backoff.failed("no answer")
    backoff.failed("no answer")
    backoff.answered()
    assert backoff.left_s == 0
    backoff.failed("no answer")
    assert backoff.left_s == 0, "the first of a new row"
