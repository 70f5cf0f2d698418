"""Weeks of real candles on an exchange that loses answers, loses orders, and often does not answer at all."""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from home import Home

from autopilot.adapters.store.database import open_readonly
from autopilot.adapters.store.views.bookkeeping import check_books
from autopilot.domain.timeframe import DAY_MS, HOUR_MS

MARKETS = ("KRAKEN_BTC-USD_1h.csv.gz", "KRAKEN_ETH-USD_1h.csv.gz")
SYMBOLS = {"BTC/USD", "ETH/USD"}
START_MS = 1_609_459_200_000
"""2021-01-01: weeks of large moves."""
DAYS = 7
HISTORY_MS = 1_000 * HOUR_MS


@pytest.fixture(scope="module")
def real_candles() -> Path:
    """The folder of candle files: without AUTOPILOT_TEST_DATA there is none, with it there must be."""
    named = os.environ.get("AUTOPILOT_TEST_DATA")
    if named is None:
        pytest.skip("AUTOPILOT_TEST_DATA does not say where real candles are")
    folder = Path(named) / "ohlcv"
    for name in MARKETS:
        assert (folder / name).is_file(), f"AUTOPILOT_TEST_DATA names {named}, which has no ohlcv/{name}"
    return folder


def cut(source: Path, target: Path) -> list[int]:
    """Copy the period and its history; the open times of the period."""
    with gzip.open(source, "rt") as lines, gzip.open(target, "wt") as copy:
        reader = csv.reader(lines)
        writer = csv.writer(copy)
        writer.writerow(next(reader))
        kept = [row for row in reader if START_MS - HISTORY_MS <= int(row[0]) < START_MS + DAYS * DAY_MS]
        writer.writerows(kept)
    return [int(row[0]) for row in kept if int(row[0]) >= START_MS]


def test_faults_lose_no_order_and_send_none_twice(home: Home, real_candles: Path) -> None:
    home.configure(
        symbols=sorted(SYMBOLS),
        exchange="replay",
        auto_execute=True,
        min_confidence_threshold=0.45,
        interval=0.02,
        replay={
            "source": "kraken",
            "start": "2021-01-01",
            "speed": 0.0,
            "faults": {
                "seed": 2,
                "fetch_unavailable": 0.02,
                "lost_after_accept": 0.2,
                "lost_before_accept": 0.2,
                "broker_unavailable": 0.05,
            },
        },
    )
    candles = home.directory / "candles"
    candles.mkdir()
    periods = {name: cut(real_candles / name, candles / name) for name in MARKETS}
    imported = home.here("data", "import", candles, "--json")
    assert imported.code == 0, imported.err
    home.start()
    states: Counter[str] = Counter()

    def note(event: dict[str, Any]) -> bool:
        if event["kind"] == "symbol":
            states[event["body"]["state"]] += 1
        elif event["kind"] == "order":
            states[event["body"]["status"]] += 1
        return False

    assert home.follow(SYMBOLS, note)
    home.json("stop")

    assert states["retrying"] >= 3, "no cycle failed: there were no faults to survive"
    assert states["unknown"] >= 1, "no answer was lost: there were no faults to survive"
    assert states["filled"] >= 4
    books = check_books(home.database)
    assert books.disagreements == ()
    assert books.decisions == sum(len(period) for period in periods.values())
    with open_readonly(home.database) as connection:
        ours = dict(connection.execute("SELECT client_order_id, filled FROM orders WHERE filled <> '0'").fetchall())
        reports = [json.loads(row[0]) for row in connection.execute("SELECT report FROM paper_orders")]
        intents = connection.execute(
            "SELECT decision_id, count(*) FROM orders WHERE decision_id IS NOT NULL GROUP BY account, decision_id"
        ).fetchall()
    theirs = {report["client_order_id"]: report["filled"] for report in reports if Decimal(report["filled"])}
    assert ours == theirs, "what the exchange filled is what we know of, order by order"
    assert {count for _, count in intents} == {1}, "a decision made two orders"
