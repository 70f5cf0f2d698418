"""The exchange is out of reach for half an hour of the injected clock: nothing is bought, exits are tried again, it is
not pestered, and all goes on by itself."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from autopilot.domain.order import OrderType
from autopilot.domain.timeframe import MINUTE_MS

LOCKOUT = "EGeneral:Temporary lockout"
OUTAGE_S = 1_800


async def asked(live: Any, fault: str, every_s: int) -> list[int]:
    """An open order is asked about every so often: the gaps between requests, in milliseconds."""
    live.intend(OrderType.LIMIT)
    await live.follow()
    before = len(live.exchange.asked_at_ms)
    live.exchange.outage = fault
    for _ in range(OUTAGE_S // every_s):
        live.clock.at_ms += every_s * 1000
        await live.follow()
    live.exchange.outage = ""
    return [after - before for before, after in pairwise(live.exchange.asked_at_ms[before:])]


@pytest.mark.parametrize("fault", [LOCKOUT, "EAPI:Invalid key", "EAPI:Rate limit exceeded"])
async def test_who_is_locked_out_asks_once_a_minute(live: Any, fault: str) -> None:
    gaps_ms = await asked(live, fault, 7)
    assert min(gaps_ms) >= MINUTE_MS
    assert max(gaps_ms) < 2 * MINUTE_MS, "and it does ask"


@pytest.mark.parametrize("fault", ["reset before", "500 before", "EService:Unavailable", "html"])
async def test_who_gets_no_answer_asks_less_and_less_often(live: Any, fault: str) -> None:
    gaps_ms = await asked(live, fault, 7)
    assert gaps_ms == sorted(gaps_ms)
    assert (gaps_ms[0], MINUTE_MS <= gaps_ms[-1] < 2 * MINUTE_MS) == (7_000, True)


async def test_an_answer_ends_the_pause(live: Any) -> None:
    await asked(live, "reset before", 7)
    live.clock.at_ms += MINUTE_MS
    await live.desk.follow(live.market)
    live.exchange.outage = "reset before"
    before = len(live.exchange.asked)
    await live.follow()
    await live.follow()
    assert len(live.exchange.asked) == before + 2, "one failure alone is no outage"
