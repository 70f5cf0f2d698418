"""One at a time, and the user before all cycles that wait."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

import pytest

from autopilot.engine.account import AccountLock


class Scene:
    def __init__(self) -> None:
        self.lock = AccountLock()
        self.done: list[str] = []
        self._inside = 0

    async def act(self, name: str, turn: AbstractAsyncContextManager[None]) -> None:
        async with turn:
            self._inside += 1
            try:
                assert self._inside == 1
                await asyncio.sleep(0)
                self.done.append(name)
            finally:
                self._inside -= 1

    def cycle(self, name: str) -> asyncio.Task[None]:
        return asyncio.create_task(self.act(name, self.lock.for_cycle()))

    def user(self, name: str) -> asyncio.Task[None]:
        return asyncio.create_task(self.act(name, self.lock.for_user()))


async def test_cycles_take_their_turns_in_the_order_in_which_they_came() -> None:
    scene = Scene()
    await asyncio.gather(*(scene.cycle(f"{number}") for number in range(4)))
    assert scene.done == ["0", "1", "2", "3"]


async def test_users_go_before_the_cycles_that_wait_but_interrupt_none() -> None:
    scene = Scene()
    tasks = [scene.cycle(f"cycle {number}") for number in range(4)]
    await asyncio.sleep(0)
    tasks += [scene.user("panic"), scene.user("stop")]
    await asyncio.gather(*tasks)
    assert scene.done[:3] == ["cycle 0", "panic", "stop"]
    assert sorted(scene.done[3:]) == ["cycle 1", "cycle 2", "cycle 3"]


@pytest.mark.parametrize("who", ["cycle", "user"])
async def test_one_that_gives_up_waiting_or_fails_keeps_nobody_waiting(who: str) -> None:
    scene = Scene()
    turn = scene.lock.for_cycle if who == "cycle" else scene.lock.for_user
    async with scene.lock.for_cycle():
        waiting = asyncio.create_task(scene.act("gave up", turn()))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    with pytest.raises(ZeroDivisionError):
        async with turn():
            raise ZeroDivisionError
    await asyncio.gather(scene.cycle("a cycle"), scene.user("a user"))
    assert sorted(scene.done) == ["a cycle", "a user"]


async def test_a_cycle_that_waits_behind_a_user_and_is_canceled_leaves_the_turn_free() -> None:
    scene = Scene()
    async with scene.lock.for_user():
        waiting = scene.cycle("canceled")
        await asyncio.sleep(0)
    second = asyncio.create_task(scene.act("user", scene.lock.for_user()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, second, return_exceptions=True)
    await scene.cycle("after")
    assert scene.done[-2:] == ["user", "after"]
