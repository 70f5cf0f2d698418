"""Derived candles are stored beside the exchange's own, never in their place, and marked as derived."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.app.data.resample import resample_series
from autopilot.domain.candles import Candles
from autopilot.domain.coverage import CoveredSpan, Gap, GapReason, TimeSpan, Way
from autopilot.domain.resampling import resample
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS, Timeframe

M1, H1 = Timeframe.M1, Timeframe.H1
MARKET = ("kraken", "BTC/USD")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteCandles]:
    with closing(open_database(tmp_path / "a.db")) as database:
        yield SqliteCandles(database)


@pytest.fixture
def minutes(random_candles: Callable[..., Candles]) -> Candles:
    """Ten hours."""
    return random_candles(1, 600, timeframe=M1)


def test_own_candles_stay_and_derived_ones_follow_their_minutes(store: SqliteCandles, minutes: Candles) -> None:
    hours = resample(minutes, H1, []).candles
    own = hours[2:4]
    own = Candles(H1, own.open_at_ms, *(column * 2 for column in (own.open, own.high, own.low, own.close, own.volume)))
    store.save_candles(*MARKET, minutes, Way.IMPORT)
    store.save_candles(*MARKET, own, Way.PAGES)
    done = resample_series(store, *MARKET, M1, H1, 7)
    assert (done["made"], done["stored"], done["own"], done["refused"]) == (10, 8, 2, 0)
    found = store.load_candles(*MARKET, H1)
    assert found.open_at_ms.tolist() == hours.open_at_ms.tolist()
    assert found.close[2:4].tolist() == own.close.tolist()
    assert np.delete(found.close, [2, 3]).tolist() == np.delete(hours.close, [2, 3]).tolist()
    first = int(hours.open_at_ms[0])
    ways = [(each.span, each.way) for each in store.covered(*MARKET, H1)]
    assert ways == [
        (TimeSpan(first, first + 2 * HOUR_MS), Way.DERIVED),
        (TimeSpan(first + 2 * HOUR_MS, first + 4 * HOUR_MS), Way.PAGES),
        (TimeSpan(first + 4 * HOUR_MS, first + 10 * HOUR_MS), Way.DERIVED),
    ]
    assert resample_series(store, *MARKET, M1, H1, 8)["stored"] == 0
    volume = minutes.volume.copy()
    volume[[125, 400]] += 1.0
    store.save_candles(*MARKET, replace(minutes, volume=volume), Way.PAGES)
    assert resample_series(store, *MARKET, M1, H1, 9)["stored"] == 1, "only the derived one of the two"


def test_an_hour_without_all_its_minutes_is_refused_until_the_ledger_knows_why(
    store: SqliteCandles, minutes: Candles
) -> None:
    kept = np.arange(600) != 100
    names = ("open_at_ms", "open", "high", "low", "close", "volume")
    store.save_candles(*MARKET, Candles(M1, *(getattr(minutes, name)[kept] for name in names)), Way.IMPORT)
    done = resample_series(store, *MARKET, M1, H1, 7)
    at_ms = int(minutes.open_at_ms[100])
    assert (done["made"], done["refused"], done["first_refused_at_ms"]) == (9, 1, H1.floor(at_ms))
    span = TimeSpan(at_ms, at_ms + MINUTE_MS)
    gap = Gap(span, GapReason.NO_TRADES, 2, None)
    store.save_covered(*MARKET, Candles.empty(M1), CoveredSpan(span, Way.PAGES, 8), [gap])
    done = resample_series(store, *MARKET, M1, H1, 9)
    assert (done["made"], done["stored"], done["refused"]) == (10, 1, 0)


def test_nothing_is_made_of_nothing(store: SqliteCandles) -> None:
    done = resample_series(store, *MARKET, M1, H1, 7)
    assert (done["made"], done["stored"], done["refused"], done["first_refused_at_ms"]) == (0, 0, 0, None)
