"""How long a request waits, by a clock that only the waiting moves."""

from __future__ import annotations

import asyncio

import pytest

from autopilot.adapters.exchange import rate_limiter as pace
from autopilot.adapters.exchange.rate_limiter import RateLimiter


class Waits:
    """``total_s``: for how long it was waited altogether."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.total_s = 0.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.total_s)
        monkeypatch.setattr(pace, "sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.total_s += seconds


@pytest.fixture
async def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    return Waits(monkeypatch)


@pytest.mark.parametrize(
    ("burst", "costs", "waited_s"),
    [
        (24, [3] * 5, 0),  # half of it at first, and the last one may overdraw it
        (24, [3] * 6, 3),
        (24, [3] * 16, 33),
        (24, [30, 0, 0], 0),
        (2, [1, 1, 1], 1),
        (2, [None, None, None], 1),
    ],
    ids=["at once", "one too many", "steady", "orders are free", "small", "what a call costs if nothing is said"],
)
async def test_calls_wait_for_what_the_ones_before_cost(
    waits: Waits, burst: float, costs: list[float | None], waited_s: float
) -> None:
    paced = RateLimiter(1000, burst)
    for cost in costs:
        await paced(cost)
    assert waits.total_s == waited_s


async def test_after_a_rest_there_is_a_whole_burst_and_no_more(waits: Waits) -> None:
    paced = RateLimiter(1000, 24)
    await paced(3)
    waits.total_s = 3_600
    for _ in range(9):
        await paced(3)
    assert waits.total_s == 3_600
    await paced(3)
    assert waits.total_s == 3_603


async def test_what_was_given_up_costs_nothing(waits: Waits, monkeypatch: pytest.MonkeyPatch) -> None:
    async def given_up(seconds: float) -> None:
        raise asyncio.CancelledError

    paced = RateLimiter(1000, 2)
    await paced(5)
    monkeypatch.setattr(pace, "sleep", given_up)
    for _ in range(10):
        with pytest.raises(asyncio.CancelledError):
            await paced(100)
    monkeypatch.setattr(pace, "sleep", waits.sleep)
    await paced(1)
    assert waits.total_s == 4
