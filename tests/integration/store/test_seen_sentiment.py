"""What a replay reads from the store is, at each candle, what the daemon knew of the index at that candle's close."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fake_clock import FakeClock

from autopilot.adapters.sentiment.fear_greed import FearGreed
from autopilot.adapters.sentiment.offline import sentiment_over
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.sentiment import SqliteSentiment
from autopilot.analysis.view import market_view
from autopilot.domain.candles import Candles
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import DAY_MS, HOUR_MS
from autopilot.engine.reading import ViewMaker

HOURS = 24 * 6


class Market:
    name = "kraken"
    kind = MarketKind.REAL


async def test_late_and_revised_values_are_replayed_as_they_were_seen(
    database: Database, random_candles: Callable[..., Candles], monkeypatch: pytest.MonkeyPatch
) -> None:
    candles = random_candles(1, HOURS)
    begin_ms = int(candles.open_at_ms[0]) // DAY_MS * DAY_MS
    clock = FakeClock(begin_ms)
    days = {begin_ms - day * DAY_MS: 50.0 + day for day in range(40)}

    def published(now_ms: int) -> dict[int, float]:
        """Day 1 comes five hours late and is revised at noon; of the days 3 and 4 the site shows nothing in time."""
        known = dict(days)
        hours = (now_ms - begin_ms) // HOUR_MS
        if hours >= 24 + 5:
            known[begin_ms + DAY_MS] = 20.0 if hours < 24 + 12 else 25.0
        if hours >= 2 * 24:
            known[begin_ms + 2 * DAY_MS] = 30.0
        if hours >= 4 * 24 + 7:
            known |= {begin_ms + 3 * DAY_MS: 35.0, begin_ms + 4 * DAY_MS: 40.0}
        return known

    async def download(self: Any) -> bytes:
        known = published(clock.at_ms)
        clock.at_ms += 300
        rows = [f'{{"timestamp": "{at_ms // 1000}", "value": "{value}"}}' for at_ms, value in known.items()]
        return f'{{"data": [{", ".join(rows)}]}}'.encode()

    monkeypatch.setattr(FearGreed, "_download", download)
    store = SqliteSentiment(database)
    source = FearGreed(store, clock=clock)
    views = ViewMaker("BTC/USD", None, source)
    lived: list[float] = []
    for index in range(HOURS):
        clock.at_ms = int(candles.open_at_ms[index]) + HOUR_MS
        view = await views.view(candles[: index + 1])
        assert view.sentiment is not None
        lived.append(float(view.sentiment[-1]))
        if source._refreshing:
            await source._refreshing
    await source.close()
    series = await sentiment_over(Market(), store, {"BTC/USD": candles})  # type: ignore[arg-type]
    again = market_view("BTC/USD", candles, None, series).sentiment
    assert again is not None
    np.testing.assert_array_equal(again[1:], lived[1:])
    assert {20.0, 25.0, 30.0, 40.0} <= set(lived)
