"""Who asks an exchange now, who waits, and who need not wait any longer."""

from __future__ import annotations

import asyncio

import pytest

from autopilot.adapters.exchange.turns import Turns
from autopilot.domain.errors import MarketUnavailable, UnknownSymbol


async def test_a_few_at_a_time_in_order() -> None:
    turns, begun, go_on = Turns(2), list[int](), asyncio.Event()

    async def call(number: int) -> None:
        async with turns.one():
            begun.append(number)
            await go_on.wait()

    calls = [asyncio.create_task(call(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert begun == [0, 1]
    go_on.set()
    await asyncio.gather(*calls)
    assert begun == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("error", "asked"), [(MarketUnavailable("away", hint="wait", retry_after_s=7.0), 1), (UnknownSymbol("gone"), 3)]
)
async def test_those_who_wait_behind_a_call_without_an_answer_do_not_ask(error: Exception, asked: int) -> None:
    turns, count = Turns(1), 0

    async def call() -> None:
        nonlocal count
        async with turns.one():
            count += 1
            await asyncio.sleep(0)
            raise error

    found = await asyncio.gather(*(call() for _ in range(3)), return_exceptions=True)
    assert count == asked
    if isinstance(error, MarketUnavailable):
        for each in found[1:]:
            assert isinstance(each, MarketUnavailable)
            assert (str(each), each.hint, each.retry_after_s) == ("not asked: away", "wait", 7.0)
    with pytest.raises(type(error)):
        await call()
    assert count == asked + 1, "later calls ask again"
