"""A history is read page by page: every row once, in one order, whatever shares its time and whatever is added."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autopilot.adapters.clock import WallClock
from autopilot.adapters.store.audit import recent
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.tasks import SqliteTasks
from autopilot.adapters.store.views import queries
from autopilot.app.audit_log import audited
from autopilot.domain.audit import AuditKind
from autopilot.domain.paging import Cursor
from autopilot.domain.task import Task, TaskState
from autopilot.domain.timeframe import HOUR_MS

START_MS = 1_714_521_600_000


def pages(read, limit, **given):
    """The rows of all pages, each read with the ``next`` of the one before."""
    found, before = [], None
    while True:
        page = read(limit=limit, before=before, **given)
        (rows,) = (value for name, value in page.items() if name != "next")
        assert len(rows) <= limit
        found += rows
        if "next" not in page:
            return found
        assert len(rows) == limit, "a page that is not the last one is full"
        before = Cursor.of(page["next"])


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(1, 5))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_task_is_on_one_page(tmp_path_factory, hours, limit) -> None:
    path = tmp_path_factory.mktemp("tasks") / "autopilot.db"
    database = open_database(path)
    for number, hour in enumerate(hours):
        created = START_MS + hour * HOUR_MS
        SqliteTasks(database).create(
            Task(id=f"t{number:02}", kind="retrain", state=TaskState.PENDING, created_at_ms=created, request={})
        )
    database.close()
    expected = [f"t{number:02}" for number in sorted(range(len(hours)), key=lambda each: (hours[each], each))][::-1]
    found = pages(lambda **page: queries.tasks(path, **page), limit)
    assert [row["id"] for row in found] == expected
    late = pages(lambda **page: queries.tasks(path, **page), limit, since_ms=START_MS + 2 * HOUR_MS)
    assert [row["id"] for row in late] == [each for each in expected if hours[int(each[1:])] >= 2]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_orders_of_one_moment_are_not_lost_between_two_pages(path, ledger, make_order, limit) -> None:
    names = [f"o{number}" for number in range(7)]
    for number, name in enumerate(names):
        ledger.save_order(make_order(name, created_at_ms=START_MS + number // 4 * HOUR_MS))
    found = pages(lambda **page: queries.orders(path, "BTC/USD", **page), limit)
    assert [row["client_order_id"] for row in found] == names[::-1]
    assert "stored_row" not in found[0]


def test_what_is_added_meanwhile_does_not_shift_the_next_page(path, ledger, make_order) -> None:
    for number in range(4):
        ledger.save_order(make_order(f"o{number}"))
    first = queries.orders(path, limit=2)
    ledger.save_order(make_order("newer"))
    second = queries.orders(path, limit=2, before=Cursor.of(first["next"]))
    assert [row["client_order_id"] for row in second["orders"]] == ["o1", "o0"]
    assert "next" not in second


def test_decisions_and_signals_of_several_symbols_at_one_candle(path, ledger, make_decision, make_mark) -> None:
    for hour in range(3):
        for symbol in ("BTC/USD", "ETH/USD", "SOL/USD"):
            decision = make_decision(hour, symbol)
            assert ledger.record_decision(decision, make_mark(decision.decided_at_ms))
    for read in (queries.decisions, queries.signals):
        whole = read(path, limit=100)
        (rows,) = whole.values()
        assert pages(lambda read=read, **page: read(path, **page), 2) == rows


@pytest.mark.parametrize("limit", [1, 3])
def test_the_audit_log_is_paged_by_its_rows(path, database, limit) -> None:
    with audited(database, path.with_name("audit.head")) as trail:
        for number in range(7):
            trail.record(database, AuditKind.COMMAND, {"command": str(number), "asked": {}, "result": "done"})
    found = pages(lambda **page: recent(path, **page), limit)
    assert [row["body"]["command"] for row in found] == list("6543210")
    now_ms = WallClock().now_ms()
    assert recent(path, 9, before=Cursor(START_MS)) == {"audit": []}
    assert recent(path, 9, since_ms=now_ms + HOUR_MS) == {"audit": []}
    assert len(recent(path, 9, AuditKind.COMMAND, START_MS, Cursor(now_ms + HOUR_MS))["audit"]) == 7
