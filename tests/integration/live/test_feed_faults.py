"""Whatever is wrong with the feed: no decision on a wrong candle, no sale at a wrong price, and it mends itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from feed_world import FAULTS, FIRST, feed_world, struck

from autopilot.domain.candles import Candles
from autopilot.engine.state import RunState
from autopilot.ports.streams import StreamState


@pytest.mark.parametrize(("number", "fault"), list(enumerate(FAULTS)))
async def test_a_faulty_feed_costs_no_wrong_decision(
    number: int,
    fault: str,
    tmp_path: Path,
    random_candles: Callable[..., Candles],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exchange = ("kraken", "binance")[number % 2]
    async with feed_world(exchange, tmp_path, random_candles(5, FIRST + 10), monkeypatch) as world:
        end = await struck(world, FAULTS[fault], (1, 1, 2))
        assert world.wrong == []
        assert world.missing(FIRST, end - 1) == []
        assert world.unlike() == 0
        assert world.holds
        assert world.autopilot.record.state is RunState.RUNNING
        assert world.state is StreamState.LIVE
