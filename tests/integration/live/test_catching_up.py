"""A symbol that missed candles, or waits for others that did: neither its exits nor the event loop wait for it."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from autopilot.domain.errors import StoreError
from autopilot.domain.timeframe import DAY_MS
from autopilot.engine.maturing import Maturing
from autopilot.engine.trader import Trader

MISSED = 20


async def test_others_get_the_loop_between_two_missed_candles(whole: Any) -> None:
    rows = whole.exchange.candles
    whole.exchange.candles, whole.clock.at_ms = rows[:-MISSED], whole.clock.at_ms - MISSED * DAY_MS
    await whole.cycle()
    record = whole.autopilot.record
    whole.exchange.candles, whole.clock.at_ms = rows, whole.clock.at_ms + MISSED * DAY_MS
    job, counts = asyncio.create_task(whole.autopilot.run_cycle()), [record.decisions]
    while not job.done():
        await asyncio.sleep(0)
        counts.append(record.decisions)
    assert counts[-1] - counts[0] == MISSED
    assert max(after - before for before, after in pairwise(counts)) == 1


async def held(whole: Any, monkeypatch: pytest.MonkeyPatch, ends: asyncio.Event) -> None:
    """A position whose stop the price passes while its symbol waits until ``ends``, as for the catch-up of others."""
    await whole.buy()
    opened, _, _, _, close, *rest = whole.exchange.candles[-1]
    whole.exchange.candles.append([int(opened) + DAY_MS // 1000, close, close, close, close, *rest])
    whole.clock.at_ms += DAY_MS
    whole.autopilot.record.decisions = 0

    async def waits(*_: Any, **__: Any) -> None:
        whole.move(0.5)
        async with asyncio.timeout(30):
            await ends.wait()

    monkeypatch.setattr(Maturing, "observe", waits)
    monkeypatch.setattr(whole.autopilot._exit_watch, "_interval_s", 0.01)


async def test_an_exit_does_not_wait_for_a_catch_up(whole: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    checked, check = asyncio.Event(), Trader.check_exits

    async def checks(*given: Any) -> None:
        await check(*given)
        checked.set()

    await held(whole, monkeypatch, checked)
    monkeypatch.setattr(Trader, "check_exits", checks)
    await whole.autopilot.run_cycle()
    assert (whole.calls("AddOrder"), whole.exchange.balances["BTC"]) == (2, 0)
    assert whole.ledger.positions(whole.account) == ()
    whole.assert_agreed()


async def test_an_exit_that_cannot_be_stored_meanwhile_fails_the_cycle(
    whole: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = asyncio.Event()

    async def fails(*_: Any) -> None:
        failed.set()
        raise StoreError("the disk is full")

    await held(whole, monkeypatch, failed)
    monkeypatch.setattr(Trader, "check_exits", fails)
    assert "the disk is full" in await whole.cycle()
