"""The prices of a stream on their way to the autopilot: the latest one, one at a time."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from autopilot.daemon.symbol_stream import SymbolStream
from autopilot.domain.market import Quote
from autopilot.domain.timeframe import Timeframe

SYMBOL = "BTC/USD"


class Watch:
    """Sees prices, each until ``go_on`` is set; one that is negative is a fault of ours."""

    def __init__(self) -> None:
        self.seen: list[float] = []
        self.go_on = asyncio.Event()

    async def see(self, quote: Quote) -> None:
        self.seen.append(quote.price)
        await self.go_on.wait()
        if quote.price < 0:
            raise ZeroDivisionError("a fault")


class World:
    def __init__(self) -> None:
        self.watch, self.asked, self.stopping = Watch(), 0, False
        self.compared: list[Quote] = []
        streams = SimpleNamespace(
            subscribe=lambda *_: None, unsubscribe=lambda _: None, compare=self.compared.append, status=lambda _: None
        )
        self.begun = asyncio.Event()
        self.begun.set()
        self.autopilot = SimpleNamespace(
            symbol=SYMBOL,
            settings=SimpleNamespace(timeframe=Timeframe.H1),
            price_watch=self.watch,
            begun=self.begun,
            window=SimpleNamespace(quote=None),
        )
        self.stream = SymbolStream(cast("Any", streams), cast("Any", self.autopilot), self._ask, lambda: self.stopping)

    def _ask(self) -> None:
        self.asked += 1

    def show(self, *prices: float) -> None:
        for price in prices:
            self.stream.on_price(Quote(SYMBOL, price, 0))


@pytest.fixture
async def world() -> World:
    return World()


async def test_prices_that_came_meanwhile_are_old_but_for_the_latest(world: World) -> None:
    world.show(1.0, 2.0, 3.0)
    await asyncio.sleep(0)
    world.show(4.0, 5.0)
    world.watch.go_on.set()
    await world.stream.end()
    assert world.watch.seen == [3.0, 5.0]


async def test_a_fault_of_ours_does_not_end_the_watch(world: World) -> None:
    world.watch.go_on.set()
    world.show(-1.0)
    await world.stream.end()
    world.show(2.0)
    await world.stream.end()
    assert world.watch.seen == [-1.0, 2.0]


async def test_nothing_is_looked_at_before_the_first_cycle_or_while_the_symbol_stops(world: World) -> None:
    world.begun.clear()
    world.show(1.0)
    world.begun.set()
    world.stopping = True
    world.show(2.0)
    await world.stream.end()
    assert world.watch.seen == []


async def test_news_asks_the_exchange_and_its_answer_is_compared(world: World) -> None:
    world.stream.on_news()
    assert world.asked == 1
    world.stream.compare()
    assert world.compared == [], "there is no answer yet"
    world.autopilot.window.quote = Quote(SYMBOL, 1.0, 0)
    world.stream.compare()
    assert world.compared == [Quote(SYMBOL, 1.0, 0)]
