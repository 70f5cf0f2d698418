"""What is healed in idle time, and when it is idle."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fake_clock import FakeClock, exchange_clock

from autopilot.adapters.exchange.ccxt_source import CcxtCandles
from autopilot.adapters.store.database import Database, open_database
from autopilot.app.data.backfill import SeriesBackfill
from autopilot.daemon import healing
from autopilot.daemon.autopilots import Running
from autopilot.daemon.healing import AFTER_CLOSE_MS, BEFORE_CLOSE_MS, Healing
from autopilot.domain.coverage import TimeSpan
from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe

HOUR = 1_700_006_400_000


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(tmp_path / "autopilot.db")) as opened:
        yield opened


def running(symbol: str, source: Any, timeframe: Timeframe = Timeframe.H1, *, is_idle: bool = True) -> Running:
    settings = SimpleNamespace(symbol=symbol, timeframe=timeframe)
    idle = SimpleNamespace(is_set=lambda: is_idle)
    autopilot, venue = SimpleNamespace(settings=settings), SimpleNamespace(source=source)
    return cast("Running", SimpleNamespace(autopilot=autopilot, venue=venue, idle=idle))


async def test_the_last_30_days_of_each_real_series_and_of_its_reference_are_healed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure of one does not keep the others from it."""
    filled: list[tuple[str, Timeframe, TimeSpan]] = []

    async def fill(_: SeriesBackfill, symbol: str, timeframe: Timeframe, span: TimeSpan) -> int:
        filled.append((symbol, timeframe, span))
        raise MarketUnavailable("it is down", hint="wait")

    monkeypatch.setattr(SeriesBackfill, "fill", fill)
    source = CcxtCandles("coinbase", clock=exchange_clock("coinbase", FakeClock(HOUR + 20 * MINUTE_MS)))
    offline = SimpleNamespace(kind=MarketKind.SIMULATED)
    symbols = [running("ETH/USD", source), running("BTC/USD", source), running("SOL/USD", offline)]
    await Healing(lambda: symbols, database).review()
    span = TimeSpan(HOUR - 30 * DAY_MS, HOUR)
    assert filled == [("ETH/USD", Timeframe.H1, span), ("BTC/USD", Timeframe.H1, span)]


@pytest.mark.parametrize(
    ("at_ms", "is_idle", "wait_s"),
    [
        (HOUR + 20 * MINUTE_MS, True, 0.0),
        (HOUR + 20 * MINUTE_MS, False, 1.0),
        (HOUR, True, AFTER_CLOSE_MS / 1000),
        (HOUR + 14_500, False, 1.0),
        (HOUR + AFTER_CLOSE_MS, True, 0.0),
        (HOUR + HOUR_MS - BEFORE_CLOSE_MS, True, (BEFORE_CLOSE_MS + AFTER_CLOSE_MS) / 1000),
    ],
)
def test_cycles_and_closes_come_first(at_ms: int, is_idle: bool, wait_s: float) -> None:
    source = CcxtCandles("coinbase", clock=exchange_clock("coinbase", FakeClock(at_ms)))
    assert healing._busy_s(running("BTC/USD", source, is_idle=is_idle)) == wait_s
    offline = SimpleNamespace(kind=MarketKind.REPLAY)
    assert healing._busy_s(running("BTC/USD", offline, is_idle=is_idle)) == 0.0


async def test_it_ends_with_the_daemon(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()

    async def fill(*_: Any) -> int:
        begun.set()
        await asyncio.Event().wait()
        return 0

    monkeypatch.setattr(SeriesBackfill, "fill", fill)
    source = CcxtCandles("coinbase", clock=exchange_clock("coinbase", FakeClock(HOUR)))
    task = asyncio.create_task(Healing(lambda: [running("BTC/USD", source)], database).review())
    await begun.wait()
    task.cancel()
    await asyncio.wait_for(task, 5)
