"""A symbol that catches up, or waits for others that do: its exits do not wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from autopilot.domain.errors import StoreError
from autopilot.domain.timeframe import DAY_MS
from autopilot.engine.maturing import Maturing
from autopilot.engine.trader import Trader


async def held(whole: Any, monkeypatch: pytest.MonkeyPatch, ends: asyncio.Event) -> None:
    """A position whose stop the price passes while its symbol waits until ``ends``, as for the catch-up of others."""
    await whole.buy()
    opened, _, _, _, close, *rest = whole.exchange.candles[-1]
    whole.exchange.candles.append([int(opened) + DAY_MS // 1000, close, close, close, close, *rest])
    whole.clock.at_ms += DAY_MS
    whole.autopilot.record.decisions = 0

    async def waits(*_: Any, **__: Any) -> None:
        whole.move(0.5)
        try:
            await asyncio.wait_for(ends.wait(), 30)
        except TimeoutError:
            pytest.fail("no exit was checked meanwhile")

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
