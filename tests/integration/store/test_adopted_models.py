"""Models of a version that recorded no digests are adopted at the upgrade, and only then."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from small_models import STRATEGIES, keep_model
from trails import trail_of

from autopilot.adapters.audit_head import read_head
from autopilot.adapters.models.champions import Champions
from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.models.first_reading import FIRST_READER
from autopilot.adapters.models.readings import FirstReadings
from autopilot.adapters.store.audit import recent, verify_all
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.model_proof import altered_models
from autopilot.adapters.store.models import SqliteModels
from autopilot.adapters.store.schema import MIGRATIONS
from autopilot.domain.audit import AuditKind
from autopilot.domain.errors import ModelDamaged
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelEntry, ModelScope, ModelState
from autopilot.domain.timeframe import DAY_MS, Timeframe

BEFORE = MIGRATIONS[: next(at for at, step in enumerate(MIGRATIONS) if "adopted" in step)]
SCOPE = ModelScope(CandleKind.REAL, Timeframe.H1)


def earlier(database: Database) -> None:
    """Take what an earlier version did not write out of a log that `keep_model` has just begun."""
    database.connection.execute("DROP TRIGGER audit_is_not_cut")
    database.connection.execute("DELETE FROM audit")


@pytest.fixture
def files(path: Path) -> ModelFiles:
    return ModelFiles(path.with_name("models"))


@pytest.mark.parametrize("rows", [0, 3])
async def test_a_store_with_models_that_the_log_does_not_know(path: Path, files: ModelFiles, rows: int) -> None:
    with closing(open_database(path, BEFORE)) as database:
        for number, state in enumerate((ModelState.SHADOW, ModelState.LIVE)):
            keep_model(database, files, f"m-{number}", SCOPE, state)
        earlier(database)
        for number in range(rows):
            trail_of(path).record(database, AuditKind.DAEMON, {"number": number})
    path.with_name("audit.head").unlink()
    if rows:
        # The anchor of a killed process may lag, down to the very beginning.
        path.with_name("audit.head").write_text(f"0 {'0' * 64}\n")
    with closing(open_database(path)) as database:
        found = recent(path, 9)["audit"]
        assert [row["seq"] for row in found] == list(range(rows + 2, 0, -1))
        adopted = [row["body"] for row in found if row["actor"] == "upgrade"]
        entries = SqliteModels(database).entries()
        assert [json.dumps(body, sort_keys=True) for body in adopted] == [
            json.dumps({"event": "adopted", "model_id": each.id, "sha256": each.sha256, "state": each.state.value})
            for each in entries
        ]
        verdict = verify_all(path, read_head(path.with_name("audit.head")))
        assert (verdict.problem, verdict.models.count, verdict.rows) == (None, 2, rows + 2)
        champions = Champions(
            SqliteModels(database, trail_of(path)),
            files,
            STRATEGIES.groups,
            DAY_MS,
            FirstReadings(database, trail_of(path), FIRST_READER),
        )
        await champions.refresh()
        assert champions.usable(SCOPE).model_id == "m-1"


def test_a_store_without_models_has_no_row_and_no_anchor(path: Path) -> None:
    open_database(path, BEFORE).close()
    open_database(path).close()
    assert recent(path, 9)["audit"] == []
    assert not path.with_name("audit.head").exists()


def test_a_model_that_appears_later_is_not_adopted(path: Path, files: ModelFiles) -> None:
    with closing(open_database(path)) as database:
        keep_model(database, files, "m-1", SCOPE)
        database.connection.execute("UPDATE models SET id = 'm-2'")
    with closing(open_database(path)) as database:
        (entry,) = SqliteModels(database).entries()
        assert isinstance(entry, ModelEntry)
        with pytest.raises(ModelDamaged, match="does not match the audit log"):
            SqliteModels(database).proven_sha256(entry)
        assert altered_models(database) == ("m-2", "m-1")
