from __future__ import annotations

import asyncio

import pytest

from autopilot.engine.events import BUFFERED, Event, EventLog


async def take(log: EventLog, count: int, since: int | None) -> list[Event]:
    taken: list[Event] = []
    async with asyncio.timeout(5):
        async for event in log.since(since):
            taken.append(event)
            if len(taken) == count:
                break
    return taken


async def test_a_listener_gets_what_comes_after_it_joined() -> None:
    log = EventLog(lambda: 7)
    log.publish("fill", {"n": 1})
    listening = asyncio.create_task(take(log, 2, None))
    await asyncio.sleep(0)
    log.publish("fill", {"n": 2})
    log.publish("order", {"n": 3})
    events = await listening
    assert [(event.seq, event.kind, event.body["n"]) for event in events] == [(2, "fill", 2), (3, "order", 3)]


@pytest.mark.parametrize(("since", "first"), [(0, 1), (3, 4), (99, 1)])
async def test_a_listener_can_go_back(since: int, first: int) -> None:
    log = EventLog(lambda: 7)
    for number in range(5):
        log.publish("fill", {"n": number})
    assert (await take(log, 1, since))[0].seq == first


async def test_a_slow_listener_loses_the_oldest_and_the_memory_stays_bounded() -> None:
    log = EventLog(lambda: 7)
    for number in range(BUFFERED + 10):
        log.publish("fill", {"n": number})
    assert (await take(log, 1, 0))[0].seq == 11
