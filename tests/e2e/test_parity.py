"""`autopilot parity` on what a real daemon recorded, untouched and tampered with."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from home import Home


@pytest.fixture
def recorded(recorded_home: Callable[[], Home]) -> Iterator[Home]:
    home = recorded_home()
    yield home
    home.clear()


def test_nothing_differs_until_somebody_changes_the_books(recorded: Home) -> None:
    found = recorded.run("parity", "--days", "30", "--json")
    assert found.code == 0, found.err
    assert found.document["differences"] == []
    assert found.document["recorded"] == found.document["again"] > 20
    assert found.document["fills"]["recorded"] == found.document["fills"]["again"] > 0
    assert float(found.document["cost"]["total"]) == 0.0
    with closing(sqlite3.connect(recorded.database)) as connection, connection:
        changed = connection.execute(
            "UPDATE decisions SET strategy = 'other', action = 'hold' WHERE rowid ="
            " (SELECT max(rowid) FROM decisions WHERE signal_type <> 'none') RETURNING id"
        ).fetchone()[0]
        price = connection.execute(
            "UPDATE fills SET price = '1' WHERE rowid = (SELECT max(rowid) FROM fills) RETURNING price"
        ).fetchone()
    assert price
    found = recorded.here("parity", "--days", "30", "--json")
    assert found.code == 1
    (difference,) = found.document["differences"]
    assert difference["recorded"]["id"] == difference["again"]["id"] == changed
    assert difference["fields"] == ["strategy", "action"]
    assert float(found.document["cost"]["price"]) == float(found.document["cost"]["total"]) != 0.0
    shown = recorded.here("parity", "--days", "30")
    assert "1 decision differs" in shown.out
    assert "other prices" in shown.out


def test_the_report_of_what_was_recorded_is_that_of_the_backtest(recorded: Home, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = recorded.run("report", "--json", "--html", page)
    assert done.code == 0, done.err
    found = done.document
    tested = recorded.json("backtest", "--days", "10", "--no-model", "--no-compare")
    for name in ("signals", "fills", "orders", "denied", "from_ms", "breakdown"):
        assert found[name] == tested[name], name
    assert found["metrics"]["trades"] == tested["metrics"]["trades"] > 3
    for name in ("net", "fees"):
        assert float(found["metrics"][name]) == pytest.approx(float(tested["metrics"][name]), abs=0.01)
    assert "SIMULATED MARKET" in page.read_text()
    last = recorded.json("report", "--days", "3")
    for document in (found, tested, last):
        for rows in document["breakdown"].values():
            for name in ("net", "fees"):
                total = sum((Decimal(row[name]) for row in rows), Decimal(0))
                assert total == Decimal(document["metrics"][name])
    assert last["to_ms"] - last["from_ms"] == 3 * 24 * 3_600_000
    assert 0 < last["candles"] < found["candles"]
    shown = recorded.here("report")
    assert "Paper trading of BTC/USD, ETH/USD on simulated" in shown.out
    with closing(sqlite3.connect(recorded.database)) as connection, connection:
        connection.execute("INSERT INTO written_off VALUES ('paper:simulated', 'BTC/USD', '0.25')")
    assert "note: 0.25 of BTC/USD were written off; here they count as held" in recorded.here("report").out


def test_a_report_counts_one_currency_and_says_what_it_leaves_out(recorded: Home) -> None:
    before = recorded.json("report")
    with closing(sqlite3.connect(recorded.database)) as connection, connection:
        for table, key in (("orders", "client_order_id"), ("fills", "fill_id")):
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            other = {key: f"'another ' || {key}", "symbol": "'SOL/EUR'"}
            if table == "fills":
                other["client_order_id"] = "'another ' || client_order_id"
            columns = ", ".join(f'"{name}"' for name in names)
            values = ", ".join(other.get(name, f'"{name}"') for name in names)
            connection.execute(f"INSERT INTO {table} ({columns}) SELECT {values} FROM {table}")
    after = recorded.json("report")
    assert after["notes"] == ["not counted: SOL/EUR, traded in another currency or on other candles"]
    assert after["metrics"] == before["metrics"]
    assert "note: not counted: SOL/EUR" in recorded.here("report").out


@pytest.mark.parametrize("command", ["parity", "report"])
def test_where_nothing_was_recorded_it_says_so(home: Home, command: str) -> None:
    found = home.here(command)
    assert found.code != 0
    assert "autopilot start" in found.err
