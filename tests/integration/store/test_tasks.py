"""Background tasks in a real SQLite file: what is kept, what never changes, and what a query says of it."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.rows import to_row
from autopilot.adapters.store.schema import MIGRATIONS
from autopilot.adapters.store.tasks import SqliteTasks
from autopilot.adapters.store.views import queries
from autopilot.domain.documents import document
from autopilot.domain.errors import NotFound, StoreCorrupt, StoreError
from autopilot.domain.portfolio import Position
from autopilot.domain.task import Task, TaskState

REQUEST = {"days": 90, "symbols": ["BTC/USD"], "timeframe": "1h"}
PENDING = Task(id="t1", kind="retrain", state=TaskState.PENDING, created_at_ms=100, request=REQUEST)
ERROR = {"type": "ModelError", "message": "too few – samples", "hint": "more days", "traceback": "Traceback …\n  x"}


@pytest.fixture
def store(database: Database) -> SqliteTasks:
    return SqliteTasks(database)


def test_a_task_from_its_creation_to_its_end(store: SqliteTasks) -> None:
    store.create(PENDING)
    assert store.load("t1") == PENDING
    store.begin("t1", 4711, 200)
    running = replace(PENDING, state=TaskState.RUNNING, started_at_ms=200, pid=4711)
    assert store.load("t1") == running
    store.progress("t1", "candles", 3, 20, "ETH/USD")
    running = replace(running, stage="candles", done=3, total=20, detail="ETH/USD")
    assert store.load("t1") == running
    store.finish("t1", TaskState.SUCCEEDED, 300, result={"model_id": "m-1"})
    assert store.load("t1") == replace(running, state=TaskState.SUCCEEDED, ended_at_ms=300, result={"model_id": "m-1"})


def test_beginning_again_names_the_process_that_does_it(store: SqliteTasks) -> None:
    store.create(PENDING)
    store.begin("t1", 1, 200)
    store.begin("t1", 2, 250)
    assert (store.load("t1").pid, store.load("t1").started_at_ms) == (2, 200)


@pytest.mark.parametrize("end", [TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELED])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda store: store.begin("t1", 9, 900), id="begin"),
        pytest.param(lambda store: store.progress("t1", "late", 9, 9, "late"), id="progress"),
        pytest.param(lambda store: store.finish("t1", TaskState.FAILED, 900, error={"type": "late"}), id="fail"),
        pytest.param(lambda store: store.finish("t1", TaskState.SUCCEEDED, 900, result={}), id="succeed"),
    ],
)
def test_the_first_end_counts(store: SqliteTasks, end: TaskState, change: Callable[[SqliteTasks], None]) -> None:
    store.create(PENDING)
    store.finish("t1", end, 300, error=ERROR)
    ended = store.load("t1")
    assert (ended.state, ended.ended_at_ms, ended.error) == (end, 300, ERROR)
    change(store)
    assert store.load("t1") == ended


@pytest.mark.parametrize("state", [TaskState.PENDING, TaskState.RUNNING])
def test_an_end_is_a_final_state(store: SqliteTasks, state: TaskState) -> None:
    store.create(PENDING)
    with pytest.raises(ValueError, match=state.value):
        store.finish("t1", state, 300)
    assert store.load("t1") == PENDING


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.load("t9"),
        lambda store: store.begin("t9", 1, 1),
        lambda store: store.progress("t9", "", 0, 0, ""),
        lambda store: store.finish("t9", TaskState.CANCELED, 1),
    ],
    ids=["load", "begin", "progress", "finish"],
)
def test_an_unknown_task(store: SqliteTasks, ask: Callable[[SqliteTasks], Any]) -> None:
    with pytest.raises(NotFound, match="t9") as caught:
        ask(store)
    assert "autopilot tasks" in caught.value.hint


def test_an_id_is_given_once(store: SqliteTasks) -> None:
    store.create(PENDING)
    with pytest.raises(StoreError):
        store.create(replace(PENDING, kind="another"))
    assert store.load("t1") == PENDING


def test_the_latest_come_first_and_the_unfinished_in_their_order(path: Path, store: SqliteTasks) -> None:
    for number in (3, 1, 4, 2, 5):
        store.create(replace(PENDING, id=f"t{number}", created_at_ms=number))
    store.begin("t2", 1, 10)
    store.finish("t4", TaskState.CANCELED, 11)
    assert [task["id"] for task in queries.tasks(path, limit=3)["tasks"]] == ["t5", "t4", "t3"]
    assert [task.id for task in store.unfinished()] == ["t1", "t2", "t3", "t5"]


def test_a_result_that_is_not_a_number_is_null(store: SqliteTasks, path: Path) -> None:
    store.create(PENDING)
    store.finish("t1", TaskState.SUCCEEDED, 1, result={"skill": math.nan, "edge": math.inf})
    assert store.load("t1").result == {"skill": None, "edge": None}
    assert queries.task(path, "t1")["task"]["result"] == {"skill": None, "edge": None}


def test_a_restart_forgets_nothing(path: Path) -> None:
    first = open_database(path)
    SqliteTasks(first).create(PENDING)
    SqliteTasks(first).begin("t1", 5, 200)
    SqliteTasks(first).progress("t1", "fit", 1, 2, "")
    before = SqliteTasks(first).load("t1")
    first.close()
    second = open_database(path)
    assert SqliteTasks(second).unfinished() == (before,)
    second.close()


WORKER = """
import os, sys
from pathlib import Path
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.tasks import SqliteTasks
store = SqliteTasks(open_database(Path(sys.argv[1])))
store.begin("t1", os.getpid(), 200)
store.progress("t1", "fit", 7, 8, "")
print(os.getpid())
os._exit(9)
"""


def test_another_process_tells_how_far_it_is_and_dies(path: Path, store: SqliteTasks) -> None:
    store.create(PENDING)
    worker = subprocess.run(
        [sys.executable, "-u", "-c", WORKER, path], capture_output=True, text=True, timeout=30, check=False
    )
    assert worker.returncode == 9, worker.stderr
    assert store.unfinished() == (
        replace(
            PENDING, state=TaskState.RUNNING, started_at_ms=200, pid=int(worker.stdout), stage="fit", done=7, total=8
        ),
    )


def test_queries_give_the_documents_of_the_tasks(path: Path, store: SqliteTasks) -> None:
    for number in (1, 2, 3):
        store.create(replace(PENDING, id=f"t{number}", created_at_ms=number))
    store.finish("t2", TaskState.FAILED, 9, error=ERROR)
    assert queries.tasks(path, limit=2)["tasks"] == [document(store.load(each)) for each in ("t3", "t2")]
    assert queries.task(path, "t2") == {"task": document(store.load("t2"))}
    with pytest.raises(NotFound) as caught:
        queries.task(path, "t9")
    assert caught.value.hint


@pytest.mark.parametrize(("column", "value"), [("state", "asleep"), ("request", "{"), ("error", "nonsense")])
def test_a_row_that_we_did_not_write(database: Database, store: SqliteTasks, column: str, value: str) -> None:
    store.create(PENDING)
    database.connection.execute(f"UPDATE tasks SET {column} = ?", (value,))
    with pytest.raises(StoreCorrupt):
        store.load("t1")


def test_a_database_of_version_1_keeps_every_row_and_gets_the_new_tables(
    path: Path, make_order, make_fill, make_mark, contents
) -> None:
    old, order = open_database(path, MIGRATIONS[:1]), make_order("one")
    fill = make_fill(order, 1, "0.5", "100")
    was = {"orders": order, "fills": fill, "positions": Position.opened_by(fill, order), "equity": make_mark()}
    for table, value in was.items():
        columns = [row["name"] for row in old.rows(f"PRAGMA table_info({table})")]
        row = to_row(value)
        with old.transaction(durable=True) as connection:
            marks = ", ".join("?" * len(columns))
            connection.execute(f"INSERT INTO {table} VALUES ({marks})", [row[name] for name in columns])
    old.close()
    before = contents(path)
    assert sum(len(rows) for rows in before.values()) == 4

    database = open_database(path)
    store = SqliteTasks(database)
    assert SqliteLedger(database).equity_mark(make_mark().account, "USD") == make_mark()
    assert database.row("PRAGMA user_version")[0] == len(MIGRATIONS)
    assert queries.tasks(path) == {"tasks": []}
    store.create(PENDING)
    assert store.load("t1") == PENDING
    database.close()
    after = contents(path)
    assert {table: [row[: len(before[table][0])] for row in after[table]] for table in was} == {
        table: before[table] for table in was
    }
    added = {"tasks", "models", "model_history", "training_trials", "audit", "armings", "trading_modes"}
    added |= {"traded_cash", "written_off", "lost_places", "passed_candles"}
    added |= {"pruned_decisions", "database_sizes", "strategy_lists"}
    added |= {"series", "coverage", "gaps", "trigger_prices"}
    assert set(after) - set(before) == added
