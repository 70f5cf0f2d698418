"""A decision's candles that have changed since: known to `explain` and to `parity`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.views.changed_candles import candles_changed
from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import Timeframe
from autopilot.engine.provenance import window_hash

SERIES = "kraken", "BTC/USD"
H1 = Timeframe.H1
LAST = 1_199


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(tmp_path / "autopilot.db")) as opened:
        yield opened


@pytest.fixture
def candles(random_candles: Callable[..., Candles]) -> Candles:
    return random_candles(1, 1_300, timeframe=H1)


def decision(candles: Candles) -> dict[str, Any]:
    """On the 1,000 candles that end with candle `LAST`."""
    window = candles[LAST - 999 : LAST + 1]
    return {
        "exchange": "kraken",
        "symbol": "BTC/USD",
        "timeframe": "1h",
        "market": "real",
        "candle_at_ms": window.last_at_ms,
        "basis": {"count": 1_000, "joined": 0},
        "provenance": {"window_hash": window_hash(*SERIES, window)},
    }


@pytest.mark.parametrize(
    ("index", "has_changed"), [(LAST - 1_000, False), (LAST - 999, True), (LAST, True), (LAST + 1, False)]
)
def test_a_revised_candle_of_its_window_shows(
    database: Database, candles: Candles, index: int, has_changed: bool
) -> None:
    store, made = SqliteCandles(database), decision(candles)
    store.save_candles(*SERIES, candles)
    assert candles_changed(database.connection, made) is False
    revised = candles[index : index + 1]
    revised.volume[0] += 1e-9 + np.spacing(revised.volume[0])
    store.save_candles(*SERIES, revised)
    assert candles_changed(database.connection, made) is has_changed


def test_a_candle_that_came_later_shows(database: Database, candles: Candles) -> None:
    store = SqliteCandles(database)
    holed = candles[:500].followed_by(candles[501:])
    made = decision(holed)
    store.save_candles(*SERIES, holed)
    assert candles_changed(database.connection, made) is False
    store.save_candles(*SERIES, candles)
    assert candles_changed(database.connection, made) is True


def test_without_the_candles_it_is_not_known(database: Database, candles: Candles) -> None:
    store, made = SqliteCandles(database), decision(candles)
    store.save_candles(*SERIES, candles[LAST - 998 :])
    assert candles_changed(database.connection, made) is None
    store.save_candles(*SERIES, candles)
    assert candles_changed(database.connection, made | {"market": "replay"}) is None
    assert candles_changed(database.connection, made | {"provenance": None}) is None
    assert candles_changed(database.connection, made | {"basis": {"count": 1_000, "joined": 3}}) is None
