"""The beginning of a market's history is found with few requests, also beyond outages."""

from __future__ import annotations

import math

import pytest

from autopilot.app.data.listing import first_answered


async def requests_until(count: int, listed: int, outages: set[int]) -> tuple[int, int]:
    """The chunk found, and the number of requests."""
    asked: list[int] = []

    async def has_candles(number: int) -> bool:
        asked.append(number)
        return number >= listed and number not in outages

    found = 0 if not count or await has_candles(0) else await first_answered(count, has_candles)
    return found, len(asked)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 1_000, 10_000])
@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.9, 1.0])
async def test_the_first_chunk_with_candles_is_found(count: int, part: float) -> None:
    listed = int(part * count)
    found, asked = await requests_until(count, listed, set())
    assert found == listed
    assert asked <= 2 * math.log2(max(count, 2)) + 2


@pytest.mark.parametrize("outage", [range(5_000, 5_001), range(4_990, 5_010), range(2_000, 2_003)])
async def test_an_outage_where_the_search_looks_is_not_the_beginning(outage: range) -> None:
    found, asked = await requests_until(10_000, 1_000, set(outage))
    assert found == 1_000
    assert asked < 100
