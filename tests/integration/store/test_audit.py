"""The audit log in a real file: one transaction with what it tells of, and no change behind our back unseen."""

from __future__ import annotations

import json
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from autopilot.adapters import audit_head
from autopilot.adapters.audit_head import Anchor, read_head, write_head
from autopilot.adapters.store.audit import AuditTrail, advanced, latest, recent, verify_all, verify_recent
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.models import SqliteModels
from autopilot.adapters.store.schema import MIGRATIONS
from autopilot.adapters.store.trading_modes import SqliteTradingModes
from autopilot.app.audit_log import DaemonAudit, config_sha256
from autopilot.cli.main import main
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.audit import GENESIS, AuditKind, Head, row_hash
from autopilot.domain.decision import Action
from autopilot.domain.errors import StoreCorrupt, StoreError, StoreUnavailable
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelEntry, ModelEvent, ModelScope, ModelState
from autopilot.domain.order import OrderStatus
from autopilot.domain.timeframe import Timeframe
from autopilot.domain.trading_mode import EVERY_ACCOUNT, ModeEntry, TradingMode


@pytest.fixture
def head_file(path: Path) -> Path:
    return path.with_name("audit.head")


@pytest.fixture
def anchor(path: Path, head_file: Path) -> Iterator[Anchor]:
    made = Anchor(head_file, lambda present: advanced(path, present))
    yield made
    made.flush()


@pytest.fixture
def trail(anchor: Anchor) -> AuditTrail:
    return AuditTrail(anchor, "daemon", lambda: 7)


@pytest.fixture
def audited(database: Database, trail: AuditTrail) -> SqliteLedger:
    return SqliteLedger(database, trail)


@pytest.fixture
def five(database: Database, trail: AuditTrail, anchor: Anchor) -> None:
    """Five rows, and an anchor at the last."""
    for number in range(5):
        trail.record(database, AuditKind.DAEMON, {"number": number})
    anchor.flush()


def told(path: Path) -> list[tuple[str, dict[str, Any]]]:
    return [(row["kind"], row["body"]) for row in reversed(recent(path, 1000)["audit"])]


def behind_our_back(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER IF EXISTS audit_is_not_edited")
        connection.execute("DROP TRIGGER IF EXISTS audit_is_not_cut")
        for statement in statements:
            connection.execute(statement)


def test_orders_are_told_as_they_change_and_not_otherwise(
    path: Path, audited: SqliteLedger, make_decision, make_order, make_fill, make_mark
) -> None:
    order = make_order("one")
    audited.record_decision(make_decision(0), make_mark())
    assert told(path) == []
    assert audited.record_decision(make_decision(1, action=Action.ORDER, order=order), make_mark())
    assert not audited.record_decision(make_decision(2, action=Action.ORDER, order=order), make_mark())
    submitted = order.to(OrderStatus.SUBMITTED, 1)
    audited.save_order(submitted)
    audited.save_order(submitted.to(OrderStatus.SUBMITTED, 2, detail="again"))
    opened = submitted.to(OrderStatus.OPEN, 3)
    audited.save_order(opened)
    fill = make_fill(order, 1, "0.5", "100")
    partly = opened.to(OrderStatus.PARTIALLY_FILLED, 4, filled=Decimal("0.1"))
    audited.apply_fills(partly, [fill])
    audited.apply_fills(partly, [fill])
    states = [(body["status"], body["filled"]) for kind, body in told(path) if kind == "order"]
    assert states == [("new", "0"), ("submitted", "0"), ("open", "0"), ("partially_filled", "0.5")]
    kind, body = told(path)[0]
    assert kind == "decision"
    assert (body["decision_id"], body["order_id"]) == (make_decision(1).id, "one")


@pytest.mark.parametrize("table", ["audit", "orders"])
def test_an_order_and_its_row_are_one_transaction(
    table: str, path: Path, database: Database, audited: SqliteLedger, make_decision, make_order, make_fill, make_mark
) -> None:
    held = make_order("held")
    audited.save_order(held)
    before = told(path)
    database.connection.execute(f"CREATE TRIGGER no BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END")
    with pytest.raises(StoreError, match="refused"):
        audited.record_decision(make_decision(0, action=Action.ORDER, order=make_order("one")), make_mark())
    with pytest.raises(StoreError, match="refused"):
        audited.save_order(make_order("two"))
    with pytest.raises(StoreError, match="refused"):
        audited.apply_fills(held.to(OrderStatus.SUBMITTED, 1), [make_fill(held, 1, "0.5", "100")])
    assert audited.order("one") is None
    assert audited.order("two") is None
    assert audited.order("held") == held
    assert told(path) == before
    assert audited.positions(held.account) == ()


def test_what_the_models_history_tells_is_told(path: Path, database: Database, trail: AuditTrail) -> None:
    models = SqliteModels(database, trail)
    models.register(
        ModelEntry("m-1", 1, ModelState.SHADOW, "s", "0" * 64, "good", False, None, "", CandleKind.REAL, Timeframe.H1)
    )
    models.promote("m-1", 2, "by hand")
    models.promote("m-1", 3, "by hand")
    models.set_state("m-1", ModelState.LIVE, "proven", 4)
    models.reset(5, "by hand")
    assert [(kind, body["event"], body["model_id"]) for kind, body in told(path)] == [
        ("model", "trained", "m-1"),
        ("model", "promoted", "m-1"),
        ("model", "state", "m-1"),
        ("model", "reset", None),
    ]


def test_a_model_that_is_trained_again_to_another_state_is_told(
    path: Path, database: Database, trail: AuditTrail
) -> None:
    models = SqliteModels(database, trail)
    entry = ModelEntry(
        "m-1", 1, ModelState.ABSTAINING, "s", "0" * 64, "good", False, None, "", CandleKind.REAL, Timeframe.H1
    )
    for again in (entry, entry, replace(entry, state=ModelState.LIVE, created_at_ms=9)):
        models.register(again)
    (told_of,) = [each for each in told(path) if each[1]["event"] != "trained"]
    assert (told_of[1]["event"], told_of[1]["at_ms"], told_of[1]["reason"]) == ("state", 9, "live: trained again")
    assert [change.event for change in models.history(9)] == [ModelEvent.STATE]


def test_a_champion_that_abstains_is_not_lifted_by_the_same_training(
    path: Path, database: Database, trail: AuditTrail
) -> None:
    models = SqliteModels(database, trail)
    entry = ModelEntry("m-1", 1, ModelState.LIVE, "s", "0" * 64, "good", False, None, "", CandleKind.REAL, Timeframe.H1)
    models.register(entry)
    models.promote("m-1", 2, "it passed")
    models.set_state("m-1", ModelState.ABSTAINING, "it drifted", 3)
    models.register(entry)
    champion = models.champion(ModelScope(CandleKind.REAL, Timeframe.H1))
    assert champion
    assert (champion.state, champion.note) == (ModelState.ABSTAINING, "it drifted")
    assert [body["event"] for _, body in told(path)] == ["trained", "promoted", "state", "trained"]
    assert models.proven_sha256(champion) == entry.sha256


def test_the_table_refuses_edits(path: Path, database: Database, five: None, head_file: Path) -> None:
    for statement in ("UPDATE audit SET actor = 'me'", "DELETE FROM audit WHERE seq = 5"):
        with pytest.raises(sqlite3.IntegrityError, match="only added to"):
            database.connection.execute(statement)
    assert verify_all(path, read_head(head_file)).is_whole


def test_a_database_of_an_older_version_gets_the_table_with_its_triggers(tmp_path: Path) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    open_database(old, MIGRATIONS[:1]).close()
    shapes = []
    for place in (old, new):
        with closing(open_database(place)) as database:
            shapes.append({row[0] for row in database.rows("SELECT sql FROM sqlite_schema WHERE tbl_name = 'audit'")})
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) == 6


CHANGES = {
    "an edit": ("UPDATE audit SET actor = 'uid 0 pid 1' WHERE seq = 3", "row 3 was edited"),
    "an edit of the last row": ("UPDATE audit SET body = '{}' WHERE seq = 5", "row 5 was edited"),
    "a row removed": ("DELETE FROM audit WHERE seq = 2", "row 2 is missing"),
    "the end cut off": ("DELETE FROM audit WHERE seq > 3", "the log had row 5, its last row now is 3"),
    "emptied": ("DELETE FROM audit", "the log had row 5, its last row now is 0"),
    "a row before the first": (
        "INSERT INTO audit SELECT 0, at_ms, kind, actor, body, previous, hash FROM audit WHERE seq = 1",
        "row 0 was inserted",
    ),
    "moved": ("UPDATE audit SET seq = 9 WHERE seq = 4", "row 4 is missing"),
}


@pytest.mark.parametrize(("statement", "says"), CHANGES.values(), ids=CHANGES)
def test_the_command_finds_what_was_done_behind_our_back(
    statement: str, says: str, path: Path, database: Database, five: None, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--data-dir", str(path.parent), "audit"]
    assert main([*place, "verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["since_anchor"] == 0
    behind_our_back(path, statement)
    assert main([*place, "verify", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["whole"] is False
    assert says in found["fault"]["problem"]
    assert main([*place, "verify"]) == 1
    assert f"NOT INTACT: {found['fault']['problem']}" in capsys.readouterr().out
    assert main([*place, "show"]) == 0


def test_an_anchor_that_is_gone_or_is_none(
    path: Path, head_file: Path, database: Database, five: None, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--data-dir", str(path.parent), "audit", "verify", "--json"]
    head_file.write_text("nonsense")
    assert main(place) == 1
    assert "holds no number and hash" in json.loads(capsys.readouterr().out)["error"]["message"]
    head_file.unlink()
    assert main(place) == 1
    assert "anchor is missing" in json.loads(capsys.readouterr().out)["fault"]["problem"]


def test_the_anchor_is_there_before_the_first_row_and_never_ahead(
    path: Path, head_file: Path, database: Database, trail: AuditTrail, anchor: Anchor
) -> None:
    with database.transaction(durable=True) as connection:
        trail.append(connection, AuditKind.DAEMON, {})
        assert read_head(head_file) == GENESIS
        anchor.flush()
        assert read_head(head_file) == GENESIS, "it is not committed yet"
    assert verify_all(path, read_head(head_file)).since_anchor == 1
    anchor.flush()
    assert read_head(head_file) == latest(path) != GENESIS
    assert stat.S_IMODE(head_file.stat().st_mode) == 0o600
    assert sorted(file.name for file in path.parent.iterdir() if "head" in file.name) == ["audit.head"]


def test_the_anchor_follows_by_itself(
    path: Path, head_file: Path, database: Database, trail: AuditTrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_head, "EVERY_S", 0.01)
    monkeypatch.setattr(audit_head, "LOOKS", 1_000)
    trail.record(database, AuditKind.DAEMON, {})
    deadline = time.monotonic() + 5
    while read_head(head_file) != latest(path):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_anchor_waits_for_a_row_that_takes_long_to_be_committed(
    path: Path, head_file: Path, database: Database, trail: AuditTrail, anchor: Anchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_head, "EVERY_S", 0.01)
    monkeypatch.setattr(audit_head, "LOOKS", 1_000)
    looked = threading.Event()
    monkeypatch.setattr(anchor, "_advance", lambda present: (looked.set(), advanced(path, present))[1])
    with database.transaction(durable=True) as connection:
        trail.append(connection, AuditKind.DAEMON, {})
        assert looked.wait(5)
    deadline = time.monotonic() + 5
    while read_head(head_file) != latest(path):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_an_anchor_that_does_not_fit_stays_as_evidence(
    path: Path, head_file: Path, database: Database, five: None, trail: AuditTrail, anchor: Anchor, caplog: Any
) -> None:
    was = read_head(head_file)
    behind_our_back(path, "DELETE FROM audit WHERE seq > 3")
    for number in range(4):
        trail.record(database, AuditKind.DAEMON, {"number": number})
        anchor.flush()
    assert read_head(head_file) == was
    assert len(caplog.records) == 1
    assert "does not hold row 5 as it was" in caplog.text


def test_a_daemon_that_starts_records_what_does_not_fit_and_goes_on(
    path: Path, head_file: Path, database: Database, five: None, caplog: Any
) -> None:
    behind_our_back(path, "DELETE FROM audit WHERE seq > 3")
    config = AutopilotConfig()
    for _ in range(2):
        daemon = DaemonAudit(database, head_file, config)
        daemon.open()
        assert read_head(head_file) == latest(path), "also of what an earlier run left behind it"
    kinds = [kind for kind, _ in told(path)]
    assert kinds == ["daemon", "daemon", "daemon", "break", "mode", "daemon", "daemon"], "recorded once"
    assert "the log had row 5" in told(path)[3][1]["problem"]
    assert caplog.text.count("THE AUDIT LOG WAS CHANGED") == 1
    verdict = verify_all(path, read_head(head_file))
    assert (verdict.fault, verdict.breaks, verdict.is_whole) == (None, (4,), False)
    assert told(path)[5][1]["config_sha256"] == config_sha256(config)


@pytest.mark.parametrize("mode", [TradingMode.REDUCING, TradingMode.HALTED])
def test_a_change_of_the_log_shows_beside_a_mode_of_the_user(
    path: Path, head_file: Path, database: Database, five: None, trail: AuditTrail, mode: TradingMode
) -> None:
    modes = SqliteTradingModes(database, trail)
    modes.restrict(ModeEntry(EVERY_ACCOUNT, mode, "PAUSED_BY_USER", "by the user", 1, "a user"))
    head_file.unlink()
    DaemonAudit(database, head_file, AutopilotConfig()).open()
    (entry,) = modes.entries()
    assert (entry.mode, entry.code) == (mode, "AUDIT_ALTERED")


@pytest.mark.parametrize(("statement", "whole"), [("", True), ("UPDATE audit SET body = '1' WHERE seq = 5", False)])
def test_a_start_looks_at_the_newest_rows_only(
    statement: str, whole: bool, path: Path, head_file: Path, database: Database, five: None
) -> None:
    if statement:
        behind_our_back(path, statement)
    verdict = verify_recent(path, read_head(head_file))
    assert verdict.rows == 1
    assert (verdict.fault is None) is whole


def test_several_processes_add_to_one_chain(path: Path, database: Database, trail: AuditTrail, head_file: Path) -> None:
    with closing(open_database(path)) as other:
        elsewhere = AuditTrail(Anchor(head_file, lambda present: advanced(path, present)), "uid 1 pid 2", lambda: 8)
        for _ in range(3):
            trail.record(database, AuditKind.DAEMON, {})
            elsewhere.record(other, AuditKind.MODEL, {})
    assert verify_all(path, GENESIS).is_whole
    assert [row["actor"] for row in recent(path, 2)["audit"]] == ["uid 1 pid 2", "daemon"]
    assert [row["seq"] for row in recent(path, 9, AuditKind.MODEL)["audit"]] == [6, 4, 2]


def test_of_two_processes_at_the_anchor_the_slower_takes_nothing_back(
    path: Path, head_file: Path, database: Database, five: None, trail: AuditTrail
) -> None:
    trail.record(database, AuditKind.DAEMON, {})
    fast = Anchor(head_file, lambda present: advanced(path, present))
    fast.follow()
    beside = threading.Thread(target=fast.flush)

    def slowly(present: Head) -> Head:
        seen = advanced(path, present)
        trail.record(database, AuditKind.DAEMON, {})
        beside.start()
        beside.join(0.2)
        return seen

    slow = Anchor(head_file, slowly)
    slow.follow()
    slow.flush()
    beside.join()
    assert read_head(head_file) == latest(path)
    late = Anchor(head_file, lambda _: Head(1, "0" * 64))
    late.follow()
    late.flush()
    assert read_head(head_file) == latest(path)


def test_no_room_for_the_anchor_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        write_head(tmp_path / "nowhere" / "audit.head", GENESIS)
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        read_head(tmp_path)
    (tmp_path / "audit.head").write_text("1 abc\n")
    with pytest.raises(StoreCorrupt):
        read_head(tmp_path / "audit.head")


def test_no_two_values_make_the_same_text() -> None:
    values = [(1, 2, "a", "b,c", "", ""), (1, 2, "a,b", "c", "", ""), (12, 2, "a", "b,c", "", "")]
    assert len({row_hash(*each) for each in values}) == 3
