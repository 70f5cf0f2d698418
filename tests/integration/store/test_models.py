"""Which model decides: one or none, with a history that only grows."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.models import SqliteModels
from autopilot.adapters.store.trials import SqliteTrials
from autopilot.domain.errors import ModelError, NotFound, StoreCorrupt
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelChange, ModelEntry, ModelEvent, ModelScope, ModelState
from autopilot.domain.timeframe import Timeframe

SCOPE = ModelScope(CandleKind.REAL, Timeframe.H1)
REAL_HOURS = (SCOPE.kind, SCOPE.timeframe)
FIRST = ModelEntry("m-1", 100, ModelState.SHADOW, "v1", "ab" * 32, "no evidence – yet", False, None, "", *REAL_HOURS)
SECOND = replace(FIRST, id="m-2", created_at_ms=200, state=ModelState.LIVE)


@pytest.fixture
def store(database: Database) -> SqliteModels:
    kept = SqliteModels(database)
    kept.register(FIRST)
    kept.register(SECOND)
    return kept


def by_id(store: SqliteModels) -> dict[str, ModelEntry]:
    return {entry.id: entry for entry in store.entries()}


@pytest.mark.parametrize(
    ("table", "kind", "own"), [("models", ModelEntry, set()), ("model_history", ModelChange, {"id"})]
)
def test_a_table_has_a_column_for_every_field(database: Database, table: str, kind: type, own: set[str]) -> None:
    columns = {row["name"] for row in database.rows(f"PRAGMA table_info({table})")}
    assert columns == {field.name for field in fields(kind)} | own


def test_a_registered_model_is_kept_and_does_not_decide(store: SqliteModels) -> None:
    assert store.entries() == (SECOND, FIRST)
    assert store.champion(SCOPE) is None
    assert store.history(9) == ()
    store.register(replace(FIRST, id="m-3", is_champion=True, retired_at_ms=5))
    assert by_id(store)["m-3"] == replace(FIRST, id="m-3")


def test_the_same_model_again_renews_what_was_judged(store: SqliteModels) -> None:
    store.promote("m-1", 300, "it passed")
    again = replace(
        FIRST, created_at_ms=999, state=ModelState.INSUFFICIENT, schema="v2", sha256="cd" * 32, verdict="v", note="n"
    )
    store.register(again)
    assert store.champion(SCOPE) == replace(again, created_at_ms=100, is_champion=True)
    assert len(store.entries()) == 2


def test_one_champion_after_the_other(store: SqliteModels) -> None:
    store.promote("m-1", 300, "first")
    assert store.champion(SCOPE) == replace(FIRST, is_champion=True)
    store.promote("m-2", 400, "better")
    assert store.champion(SCOPE) == replace(SECOND, is_champion=True)
    assert by_id(store)["m-1"] == replace(FIRST, retired_at_ms=400)
    store.promote("m-1", 500, "worse after all", ModelEvent.ROLLED_BACK)
    assert store.champion(SCOPE) == replace(FIRST, is_champion=True)
    store.reset(600, "forget it")
    assert store.champion(SCOPE) is None
    assert by_id(store)["m-1"].retired_at_ms == 600
    assert store.history(9) == (
        ModelChange(600, ModelEvent.RESET, None, "m-1", "forget it", None, None),
        ModelChange(500, ModelEvent.ROLLED_BACK, "m-1", "m-2", "worse after all", *REAL_HOURS),
        ModelChange(400, ModelEvent.PROMOTED, "m-2", "m-1", "better", *REAL_HOURS),
        ModelChange(300, ModelEvent.PROMOTED, "m-1", None, "first", *REAL_HOURS),
    )
    assert [change.at_ms for change in store.history(2)] == [600, 500]


def test_each_kind_and_timeframe_has_its_own_champion(store: SqliteModels) -> None:
    scopes = [ModelScope(kind, timeframe) for kind in CandleKind for timeframe in Timeframe]
    for number, scope in enumerate(scopes):
        store.register(replace(FIRST, id=f"n-{number}", kind=scope.kind, timeframe=scope.timeframe))
        store.promote(f"n-{number}", number, "first of its kind")
    found = [store.champion(scope) for scope in scopes]
    assert [each.id for each in found if each] == [f"n-{number}" for number in range(len(scopes))]
    store.demote(SCOPE, 90, "by hand")
    assert store.champion(SCOPE) is None
    assert len(store.champions()) == len(scopes) - 1


def test_a_model_of_which_nothing_says_what_it_was_trained_on_decides_nothing(store: SqliteModels) -> None:
    store.register(replace(FIRST, id="m-3", kind=None, timeframe=None))
    with pytest.raises(ModelError, match="m-3"):
        store.promote("m-3", 300, "by hand")
    assert store.champions() == ()


def test_what_changes_nothing_is_not_told(store: SqliteModels) -> None:
    store.demote(SCOPE, 250, "rules decide already")
    store.promote("m-1", 300, "first")
    store.promote("m-1", 400, "again")
    assert store.history(9) == (ModelChange(300, ModelEvent.PROMOTED, "m-1", None, "first", *REAL_HOURS),)


def test_a_reset_is_told_even_if_rules_decided(store: SqliteModels) -> None:
    store.reset(250, "by hand")
    assert store.history(9) == (ModelChange(250, ModelEvent.RESET, None, None, "by hand", None, None),)


def test_a_reset_of_nothing_is_not_told(database: Database) -> None:
    models = SqliteModels(database)
    for entry in models.entries():
        models.forget(entry.id)
    models.reset(250, "by hand")
    assert models.history(9) == ()


def test_a_state_changes_and_who_decides_does_not(store: SqliteModels) -> None:
    store.promote("m-1", 300, "first")
    store.set_state("m-1", ModelState.ABSTAINING, "60-day skill below 0", 400)
    expected = replace(FIRST, is_champion=True, state=ModelState.ABSTAINING, note="60-day skill below 0")
    assert store.champion(SCOPE) == expected
    store.set_state("m-1", ModelState.ABSTAINING, "still", 500)
    assert store.champion(SCOPE) == replace(expected, note="still")
    assert store.history(1) == (
        ModelChange(400, ModelEvent.STATE, "m-1", "m-1", "abstaining: 60-day skill below 0", *REAL_HOURS),
    )


def test_a_forgotten_model_stays_in_the_history(store: SqliteModels) -> None:
    store.promote("m-1", 300, "first")
    store.reset(400, "by hand")
    store.forget("m-1")
    assert store.entries() == (SECOND,)
    assert [change.at_ms for change in store.history(9)] == [400, 300]


def test_an_unknown_model_changes_nothing(store: SqliteModels) -> None:
    store.promote("m-1", 300, "first")
    for ask in (
        lambda: store.promote("m-9", 400, "?"),
        lambda: store.set_state("m-9", ModelState.LIVE, "", 400),
        lambda: store.forget("m-9"),
    ):
        with pytest.raises(NotFound, match="m-9") as caught:
            ask()
        assert caught.value.hint
    assert store.champion(SCOPE) == replace(FIRST, is_champion=True)
    assert len(store.history(9)) == 1


def test_trials_are_counted_by_kind_and_outlive_a_reset(path: Path, database: Database, store: SqliteModels) -> None:
    trials = SqliteTrials(database)
    assert [trials.count(kind) for kind in CandleKind] == [0, 0]
    assert [trials.add(CandleKind.REAL) for _ in range(3)] == [1, 2, 3]
    assert trials.add(CandleKind.SIMULATED) == 1
    store.reset(1, "by hand")
    for entry in store.entries():
        store.forget(entry.id)
    again = open_database(path)
    assert [SqliteTrials(again).count(kind) for kind in CandleKind] == [3, 1]
    again.close()


def test_the_table_itself_allows_one_champion(database: Database, store: SqliteModels) -> None:
    store.promote("m-1", 300, "first")
    with pytest.raises(sqlite3.IntegrityError):
        database.connection.execute("UPDATE models SET is_champion = 1")


def test_a_promotion_that_fails_half_way_leaves_the_old_champion(database: Database, store: SqliteModels) -> None:
    store.promote("m-1", 300, "first")
    database.connection.execute(
        "CREATE TRIGGER no_history BEFORE INSERT ON model_history BEGIN SELECT RAISE(ABORT, 'disk'); END"
    )
    with pytest.raises(Exception, match="disk"):
        store.promote("m-2", 400, "second")
    assert store.champion(SCOPE) == replace(FIRST, is_champion=True)
    assert by_id(store)["m-2"] == SECOND


def test_a_row_that_we_did_not_write(database: Database, store: SqliteModels) -> None:
    database.connection.execute("UPDATE models SET state = 'excellent'")
    with pytest.raises(StoreCorrupt):
        store.entries()


PROMOTER = """
import sys
from pathlib import Path
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.models import SqliteModels
from autopilot.adapters.store.trials import SqliteTrials
from autopilot.domain.market import CandleKind
database = open_database(Path(sys.argv[1]))
store, trials = SqliteModels(database), SqliteTrials(database)
print("ready", flush=True)
sys.stdin.readline()
for turn in range(40):
    store.promote(sys.argv[2], turn, sys.argv[2])
    trials.add(CandleKind.REAL)
"""


def test_two_processes_promote_at_once(path: Path, database: Database, store: SqliteModels) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROMOTER, path, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in ("m-1", "m-2")
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=30)
        assert process.returncode == 0
    champion = store.champion(SCOPE)
    assert champion is not None
    assert [entry.is_champion for entry in store.entries()].count(True) == 1
    assert SqliteTrials(database).count(CandleKind.REAL) == 80
    told = [(change.previous_id, change.model_id) for change in reversed(store.history(1000))]
    assert told[0][0] is None
    assert [before for before, _ in told[1:]] == [after for _, after in told[:-1]], "each took over from the one before"
    assert told[-1][1] == champion.id
