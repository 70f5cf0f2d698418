"""Ids of tasks, and which of their states are final."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.domain.task import TaskState, task_id

TIMES = st.integers(min_value=0, max_value=2**45 - 1)
ENTROPY = st.binary(min_size=2, max_size=2)


@given(TIMES, TIMES, ENTROPY, ENTROPY)
def test_ids_sort_as_their_times_do(one: int, other: int, first: bytes, second: bytes) -> None:
    if one < other:
        assert task_id(one, first) < task_id(other, second)
    elif one > other:
        assert task_id(one, first) > task_id(other, second)


@given(TIMES, ENTROPY)
def test_an_id_is_short_and_can_stand_in_an_address(now_ms: int, entropy: bytes) -> None:
    made = task_id(now_ms, entropy)
    assert len(made) == 12
    assert made.isascii()
    assert made.isalnum()
    assert made == made.lower()


def test_one_millisecond_has_room_for_a_thousand_ids() -> None:
    made = {task_id(7, bytes((high, low))) for high in range(32) for low in range(32)}
    assert len(made) == 1024


@pytest.mark.parametrize(
    ("state", "final"),
    [
        (TaskState.PENDING, False),
        (TaskState.RUNNING, False),
        (TaskState.SUCCEEDED, True),
        (TaskState.FAILED, True),
        (TaskState.CANCELED, True),
    ],
)
def test_what_has_ended_is_final(state: TaskState, final: bool) -> None:
    assert state.is_final is final
