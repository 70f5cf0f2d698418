"""`parity` of a paper account on a real market: decided after the close, with prices between two closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from fresh_machine import SYMBOL, Fresh, fresh_machine

from autopilot.adapters.store.candles import SqliteCandles
from autopilot.app.parity import parity
from autopilot.domain.candles import Candles
from autopilot.domain.market import Quote
from autopilot.domain.progress import unwatched
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS

FIRST, CANDLES = 2_045, 46


@pytest.fixture
async def fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random_candles: Callable[..., Candles]
) -> AsyncIterator[Fresh]:
    async with fresh_machine(tmp_path, monkeypatch, random_candles(6, 3_400)) as made:
        await made.start()
        assert made.database
        SqliteCandles(made.database).save_candles("kraken", SYMBOL, made.candles[300:1_290])
        yield made


async def hour(fresh: Fresh, number: int, *, streamed: bool) -> None:
    """The cycle two seconds after a close; then the price rises to the hour's high and falls to its low, seen by cycles
    or by a stream; then it goes to the hour's close."""
    assert fresh.autopilot
    at_s, opened, high, low, close, *_ = fresh.rows[number]
    begin_ms = at_s * 1000
    path = [(2_000, opened), (20 * MINUTE_MS, high), (40 * MINUTE_MS, low), (HOUR_MS - 1_000, close)]
    for after_ms, price in path:
        fresh.at(number)
        fresh.clock.at_ms = begin_ms + after_ms
        prices = [float(each) for each in (opened, price)]
        row = [at_s, opened, f"{max(prices):.1f}", f"{min(prices):.1f}", price, "0", "1", 1]
        fresh.kraken.candles = [*fresh.kraken.candles[:-1], row]
        if streamed and after_ms > 2_000:
            await fresh.autopilot.price_watch.see(Quote(SYMBOL, float(price), fresh.clock.at_ms))
        else:
            await fresh.autopilot.run_cycle()


async def repeated(fresh: Fresh) -> dict[str, Any]:
    return await asyncio.to_thread(parity, fresh.paths, fresh.config, 30, unwatched)


async def test_nothing_differs_because_the_prices_that_set_something_off_are_kept(fresh: Fresh) -> None:
    for number in range(FIRST, FIRST + CANDLES):
        await hour(fresh, number, streamed=number % 2 == 0)
    assert fresh.database
    ((between,),) = fresh.database.rows(
        f"SELECT count(*) FROM orders WHERE side = 'sell' AND decision_id IS NULL AND created_at_ms % {HOUR_MS} > 2000"
    )
    assert between == 2, "exits between two closes"
    found = await repeated(fresh)
    assert found["differences"] == []
    assert found["recorded"] > 3
    assert found["fills"]["recorded"] == found["fills"]["again"] == 4
    assert float(found["cost"]["total"]) == 0.0
    with fresh.database.transaction(durable=False) as connection:
        connection.execute("DELETE FROM trigger_prices WHERE at_ms IN (SELECT created_at_ms FROM orders)")
    assert float((await repeated(fresh))["cost"]["total"]) == 0.0, "those of exits follow from the orders too"
    with fresh.database.transaction(durable=False) as connection:
        connection.execute("DELETE FROM trigger_prices")
    assert float((await repeated(fresh))["cost"]["total"]) != 0.0, "without the others it does"


async def test_an_exit_after_the_last_decision_is_repeated_too(fresh: Fresh) -> None:
    number = FIRST
    while number < FIRST + CANDLES:
        await hour(fresh, number, streamed=True)
        assert fresh.database
        ((at_ms,),) = fresh.database.rows("SELECT max(created_at_ms) FROM orders WHERE side = 'sell'")
        if at_ms and at_ms % HOUR_MS > 2_000:
            break
        number += 1
    found = await repeated(fresh)
    assert found["differences"] == []
    assert found["fills"]["recorded"] == found["fills"]["again"] > 0
    assert float(found["cost"]["total"]) == 0.0
