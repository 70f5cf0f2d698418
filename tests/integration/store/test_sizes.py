"""The size of the database, and its growth as it was measured."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import pytest

from autopilot.adapters.store import sizes as sizes_module
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.sizes import SqliteSizes, database_size
from autopilot.domain.timeframe import DAY_MS, HOUR_MS

NOW_MS = 1_714_521_600_000
FREE = 1_000_000_000
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes_module.shutil, "disk_usage", lambda _: Usage(0, 0, FREE))


def grow(database: Database, rows: int) -> None:
    with database.transaction(durable=False) as connection:
        connection.executemany(
            "INSERT INTO sentiment (name, known_at_ms, value) VALUES (?, ?, 0.5)",
            [("x" * 3_000, number) for number in range(rows)],
        )


def shrink(database: Database) -> None:
    with database.transaction(durable=False) as connection:
        connection.execute("DELETE FROM sentiment")


def growth(database: Database, now_ms: int) -> tuple[Any, Any]:
    found = database_size(database, now_ms)
    return found["growth_bytes_per_day"], found["days_until_full"]


def test_it_is_not_known_before_a_day_has_passed(database: Database) -> None:
    sizes = SqliteSizes(database)
    assert growth(database, NOW_MS) == (None, None)
    sizes.record(NOW_MS)
    grow(database, 100)
    assert growth(database, NOW_MS + DAY_MS - 1) == (None, None)


def test_it_is_the_growth_since_the_first_size_of_the_last_days(database: Database) -> None:
    SqliteSizes(database).record(NOW_MS)
    before = database_size(database, NOW_MS)["bytes"]
    grow(database, 500)
    after = database_size(database, NOW_MS + 2 * DAY_MS)
    per_day = (after["bytes"] - before) / 2
    assert after["growth_bytes_per_day"] == round(per_day) > 500_000
    assert after["days_until_full"] == round((FREE + after["reusable_bytes"]) / per_day, 1)
    assert growth(database, NOW_MS + 8 * DAY_MS) == (None, None), "that is too long ago"


def test_the_first_size_of_a_day_counts(database: Database) -> None:
    sizes = SqliteSizes(database)
    sizes.record(NOW_MS)
    first = database.row("SELECT used_bytes FROM database_sizes")[0]
    grow(database, 500)
    sizes.record(NOW_MS + HOUR_MS)
    assert [row[0] for row in database.rows("SELECT used_bytes FROM database_sizes")] == [first]


def test_deleted_rows_are_no_growth_and_their_pages_are_room(database: Database) -> None:
    grow(database, 500)
    SqliteSizes(database).record(NOW_MS)
    shrink(database)
    found = database_size(database, NOW_MS + DAY_MS)
    assert found["reusable_bytes"] > 1_000_000
    assert found["growth_bytes_per_day"] < 0
    assert found["days_until_full"] is None


def test_old_sizes_are_forgotten_and_later_ones_than_now_do_not_count(database: Database) -> None:
    """The clock was ahead, and was set back."""
    sizes = SqliteSizes(database)
    for days in (0, 40, 60):
        sizes.record(NOW_MS + days * DAY_MS)
    assert [row[0] - NOW_MS // DAY_MS for row in database.rows("SELECT day FROM database_sizes")] == [40, 60]
    assert growth(database, NOW_MS + 30 * DAY_MS) == (None, None)
