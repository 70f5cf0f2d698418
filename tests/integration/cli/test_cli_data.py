"""autopilot data on a real database."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import HOUR_MS, Timeframe

START = 1_714_564_800_000


def hours(*at: int, high: float = 12.0) -> Candles:
    """Candles that open so many hours after START; a ``high`` below 11 no market can have produced."""
    length = len(at)
    return Candles(
        Timeframe.H1,
        START + np.array(at, dtype=np.int64) * HOUR_MS,
        *(np.full(length, value) for value in (10.0, high, 9.0, 11.0, 5.0)),
    )


@pytest.fixture
def store(data_dir: Path):
    database = open_database(data_dir / "autopilot.db")
    yield SqliteCandles(database)
    database.close()


def test_list_says_what_there_is(autopilot, store) -> None:
    store.save_candles("kraken", "BTC/USD", hours(*range(1_500)))
    store.save_candles("kraken", "ETH/USD", hours(3, 4))
    done = autopilot("data", "list")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "exchange  symbol   timeframe  candles  first              last",
        "kraken    BTC/USD  1h           1,500  2024-05-01 12:00Z  2024-07-02 23:00Z",
        "kraken    ETH/USD  1h               2  2024-05-01 15:00Z  2024-05-01 16:00Z",
    ]
    assert autopilot("data", "list", "--json").document["series"][1] == {
        "exchange": "kraken",
        "symbol": "ETH/USD",
        "timeframe": "1h",
        "candles": 2,
        "first_at_ms": START + 3 * HOUR_MS,
        "last_at_ms": START + 4 * HOUR_MS,
    }


def test_without_a_database_nothing_is_stored_and_none_is_made(autopilot, data_dir) -> None:
    for command in ("list", "verify"):
        done = autopilot("data", command)
        assert (done.code, done.out) == (0, "No candles are stored. Try: autopilot data import PATH\n")
    assert not (data_dir / "autopilot.db").exists()


def test_verify_finds_nothing_wrong_with_sound_candles(autopilot, store) -> None:
    store.save_candles("kraken", "BTC/USD", hours(0, 1, 2))
    done = autopilot("data", "verify")
    assert done.code == 0
    assert done.out.splitlines()[1].split() == ["kraken", "BTC/USD", "1h", "3", "0", "0", "sound"]


def test_verify_tells_each_gap_and_each_fault_and_fails(autopilot, store) -> None:
    store.save_candles("kraken", "BTC/USD", hours(0, 2, 3, 7))
    store.save_candles("kraken", "ETH/USD", hours(0, 1, high=10.5))
    done = autopilot("data", "verify")
    assert done.code == 1
    assert "  1 candle missing: 2024-05-01 13:00Z" in done.out.splitlines()
    assert "  3 candles missing: 2024-05-01 16:00Z to 2024-05-01 18:00Z" in done.out.splitlines()
    assert "  candle 2024-05-01T12:00:00Z has its high below another price" in done.out.splitlines()
    document = autopilot("data", "verify", "--json").document
    assert document["sound"] is False
    btc, eth = document["series"]
    assert (btc["missing"], btc["faults"], btc["sound"]) == (4, [], False)
    assert btc["gaps"][1] == {"first_at_ms": START + 4 * HOUR_MS, "last_at_ms": START + 6 * HOUR_MS, "missing": 3}
    assert len(eth["faults"]) == 2


def test_verify_can_be_narrowed(autopilot, store) -> None:
    store.save_candles("kraken", "BTC/USD", hours(0, 5))
    store.save_candles("kraken", "ETH/USD", hours(0, 1))
    narrowed = autopilot("data", "verify", "--symbol", "eth-usd", "--exchange", "kraken", "--timeframe", "1h", "--json")
    assert narrowed.code == 0
    assert [item["symbol"] for item in narrowed.document["series"]] == ["ETH/USD"]
    assert autopilot("data", "verify", "--timeframe", "2h").code == 2


def test_many_faults_are_summed_up_on_a_screen(autopilot, store) -> None:
    store.save_candles("kraken", "BTC/USD", hours(*range(0, 100, 2)))
    assert "  and 29 more; --json has them all" in autopilot("data", "verify").out.splitlines()
