"""Modes in a real file: they outlive us, loosen only when a user lifts them, and leave their trace in the audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autopilot.adapters.audit_head import Anchor, read_head
from autopilot.adapters.imports.doubtful_series import doubtful_series
from autopilot.adapters.store.audit import AuditTrail, advanced, recent, verify_all
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.log_proof import AnchoredLog
from autopilot.adapters.store.mode_proof import altered_modes
from autopilot.adapters.store.trading_modes import SqliteTradingModes
from autopilot.adapters.store.views.problems import mode_document, problems
from autopilot.adapters.store.views.status import status_document
from autopilot.app.audit_log import DaemonAudit
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.audit import AuditKind
from autopilot.domain.errors import StoreUnavailable
from autopilot.domain.order import OrderStatus
from autopilot.domain.trading_mode import ModeEntry, Restriction, TradingMode, lifting, mode_of, scope_words

PAUSE = ModeEntry("*", TradingMode.REDUCING, "PAUSED_BY_USER", "paused by the user", 5, "uid 1 pid 2")
HALT = ModeEntry("*", TradingMode.HALTED, "PANIC", "panic called by the user", 9, "uid 1 pid 3")
KRAKEN = ModeEntry("*:kraken", TradingMode.REDUCING, "PAUSED_BY_USER", "paused by the user", 6, "uid 1 pid 2")


@pytest.fixture
def anchor(path: Path) -> Iterator[Anchor]:
    made = Anchor(path.with_name("audit.head"), lambda present: advanced(path, present))
    yield made
    made.flush()


@pytest.fixture
def trail(anchor: Anchor) -> AuditTrail:
    return AuditTrail(anchor, "daemon", lambda: 7)


@pytest.fixture
def modes(database: Database, trail: AuditTrail) -> SqliteTradingModes:
    return SqliteTradingModes(database, trail)


def told(path: Path) -> list[tuple[str, str, str, str]]:
    rows = recent(path, 99, AuditKind.MODE)["audit"]
    return [
        (row["actor"], row["body"]["account"], row["body"]["previous"], row["body"]["mode"]) for row in reversed(rows)
    ]


def test_it_outlives_the_process(modes: SqliteTradingModes, path: Path) -> None:
    modes.restrict(PAUSE)
    other = open_database(path)
    try:
        assert SqliteTradingModes(other).entries() == (PAUSE,)
    finally:
        other.close()


@pytest.mark.parametrize(
    ("entry", "account", "held"),
    [
        (PAUSE, "paper:kraken", True),
        (PAUSE, "live:kraken", True),
        (PAUSE, "live:never-seen-yet", True),
        (KRAKEN, "paper:kraken", True),
        (KRAKEN, "live:kraken", True),
        (KRAKEN, "live:krakenfutures", False),
        (KRAKEN, "paper:coinbase", False),
    ],
)
def test_whom_it_holds_back(modes: SqliteTradingModes, entry: ModeEntry, account: str, held: bool) -> None:
    modes.restrict(entry)
    assert bool(modes.restrictions(account)) is held


def test_it_says_what_lifts_it(modes: SqliteTradingModes) -> None:
    modes.restrict(PAUSE)
    modes.restrict(KRAKEN)
    assert {each.hint for each in modes.restrictions("live:kraken")} == {
        "autopilot resume",
        "autopilot resume --exchange kraken",
    }


def test_a_panic_tightens_a_pause_and_a_pause_never_loosens_a_panic(modes: SqliteTradingModes, path: Path) -> None:
    assert modes.restrict(PAUSE) == PAUSE
    assert modes.restrict(HALT) == HALT
    assert modes.restrict(PAUSE) == HALT
    assert [each.code for each in modes.restrictions("live:kraken")] == ["PANIC"]
    assert told(path) == [
        ("uid 1 pid 2", "*", "active", "reducing"),
        ("uid 1 pid 3", "*", "reducing", "halted"),
    ]


def test_the_same_again_changes_nothing_and_keeps_its_time(modes: SqliteTradingModes, path: Path) -> None:
    modes.restrict(PAUSE)
    later = ModeEntry("*", TradingMode.REDUCING, "PAUSED_BY_USER", "paused by the user", 999, "another")
    assert modes.restrict(later) == PAUSE
    assert len(told(path)) == 1


def test_lifting_all_lifts_each_exchange_too_and_is_told_with_its_caller(modes: SqliteTradingModes, path: Path) -> None:
    modes.restrict(KRAKEN)
    modes.restrict(HALT)
    assert set(modes.lift("*", "uid 5 pid 6")) == {KRAKEN, HALT}
    assert modes.entries() == ()
    assert [row for row in told(path) if row[0] == "uid 5 pid 6"] == [
        ("uid 5 pid 6", "*", "halted", "active"),
        ("uid 5 pid 6", "*:kraken", "reducing", "active"),
    ]
    assert modes.lift("*", "uid 5 pid 6") == ()
    assert len(told(path)) == 4, "nothing to lift is nothing to tell"


def test_lifting_one_exchange_leaves_the_rest(modes: SqliteTradingModes) -> None:
    modes.restrict(KRAKEN)
    modes.restrict(PAUSE)
    assert modes.lift("*:kraken", "me") == (KRAKEN,)
    assert modes.entries() == (PAUSE,)


def test_mode_and_audit_row_are_one_transaction(
    database: Database, trail: AuditTrail, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("no space left on the disk")

    monkeypatch.setattr(trail, "append", full)
    modes = SqliteTradingModes(database, trail)
    with pytest.raises(StoreUnavailable):
        modes.restrict(HALT)
    assert modes.entries() == ()


def test_the_audit_log_stays_whole(modes: SqliteTradingModes, path: Path) -> None:
    modes.restrict(PAUSE)
    modes.restrict(HALT)
    modes.lift("*", "me")
    assert verify_all(path, read_head(path.with_name("audit.head"))).is_whole


BEHIND_OUR_BACK = {
    "a pause deleted": ((PAUSE,), "DELETE FROM trading_modes", "*", TradingMode.REDUCING),
    "a panic deleted": ((PAUSE, HALT), "DELETE FROM trading_modes", "*", TradingMode.HALTED),
    "a panic weakened": ((HALT,), "UPDATE trading_modes SET mode = 'reducing'", "*", TradingMode.HALTED),
    "moved to another exchange": (
        (KRAKEN,),
        "UPDATE trading_modes SET account = '*:binance'",
        "*:kraken",
        TradingMode.REDUCING,
    ),
    "a halt inserted": (
        (),
        "INSERT INTO trading_modes VALUES ('*', 'halted', 'PANIC', 'because', 3, 'me')",
        "*",
        TradingMode.HALTED,
    ),
    "a pause tightened": ((PAUSE,), "UPDATE trading_modes SET mode = 'halted'", "*", TradingMode.HALTED),
}


@pytest.mark.parametrize("case", BEHIND_OUR_BACK)
def test_of_the_table_and_the_log_the_stricter_counts_until_a_user_resumes(
    case: str, modes: SqliteTradingModes, database: Database, path: Path
) -> None:
    entries, statement, account, mode = BEHIND_OUR_BACK[case]
    for entry in entries:
        modes.restrict(entry)
    database.connection.execute(statement)
    assert mode_of(modes.restrictions("live:kraken")) is mode
    found = {each["subject"]: each for each in status_document(path, 0)["health"] if each["code"] == "MODE_ALTERED"}
    problem = found[scope_words(account)]
    assert (problem["level"], problem["hint"].rpartition("; ")[2]) == ("error", f"{lifting(account)} ends it")
    assert account in verify_all(path, read_head(path.with_name("audit.head"))).modes.altered
    modes.lift("*", "me")
    assert modes.restrictions("live:kraken") == ()
    assert altered_modes(database) == ()
    assert [each["code"] for each in status_document(path, 0)["health"]] == []
    assert database.rows("SELECT * FROM trading_modes") == []


@pytest.mark.parametrize(
    "body", ["[]", "nonsense", '{"account":"*","mode":"dancing"}', '{"account":"*","code":"","mode":"active","why":""}']
)
def test_a_pause_that_was_deleted_and_edited_in_the_log_holds_every_account_until_it_is_resumed(
    modes: SqliteTradingModes, database: Database, body: str
) -> None:
    modes.restrict(PAUSE)
    modes.restrict(KRAKEN)
    database.connection.execute("DROP TRIGGER audit_is_not_edited")
    database.connection.execute("UPDATE audit SET body = ? WHERE seq = 1", (body,))
    assert [each.code for each in modes.entries()] == ["AUDIT_ALTERED", "PAUSED_BY_USER"], "an alarm beside the pause"
    database.connection.execute("DELETE FROM trading_modes")
    assert [each.account for each in altered_modes(database)] == ["*", "*:kraken"]
    assert mode_of(modes.restrictions("paper:simulated")) is TradingMode.REDUCING
    modes.lift("*", "a user")
    assert (modes.entries(), altered_modes(database)) == ((), ())


def cut(database: Database, path: Path) -> str:
    database.connection.execute("DELETE FROM audit WHERE seq = 2")
    return "the end was cut off: the log had row 2, its last row now is 1"


def rewritten(database: Database, path: Path) -> str:
    database.connection.execute("UPDATE audit SET hash = ? WHERE seq = 2", ("0" * 64,))
    return "row 2 is not the row that the anchor names"


def unanchored(database: Database, path: Path) -> str:
    path.with_name("audit.head").unlink()
    return "the anchor is missing, though there are rows up to 2"


def garbled(database: Database, path: Path) -> str:
    path.with_name("audit.head").write_text("2 nothing\n")
    return "holds no number and hash"


@pytest.mark.parametrize("change", [cut, rewritten, unanchored, garbled])
def test_a_log_that_does_not_fit_its_anchor_restricts_every_account(
    change: Callable[[Database, Path], str],
    modes: SqliteTradingModes,
    database: Database,
    path: Path,
    anchor: Anchor,
) -> None:
    log = AnchoredLog(database)
    assert log.restrictions("live:kraken") == ()
    modes.restrict(KRAKEN)
    modes.restrict(PAUSE)
    anchor.flush()
    assert log.restrictions("live:kraken") == ()
    for trigger in ("audit_is_not_cut", "audit_is_not_edited"):
        database.connection.execute(f"DROP TRIGGER {trigger}")
    database.connection.execute("DELETE FROM trading_modes WHERE account = '*'")
    words = change(database, path)
    (restriction,) = log.restrictions("live:kraken")
    assert (restriction.code, restriction.mode) == ("AUDIT_ALTERED", TradingMode.REDUCING)
    assert words in restriction.detail
    health = {each["code"]: each for each in status_document(path, 0)["health"]}
    assert health["AUDIT_ALTERED"]["level"] == "error"


def test_a_log_ahead_of_its_anchor_is_no_fault(modes: SqliteTradingModes, database: Database, anchor: Anchor) -> None:
    modes.restrict(KRAKEN)
    anchor.flush()
    modes.restrict(PAUSE)
    assert AnchoredLog(database).restrictions("live:kraken") == ()


def test_a_start_with_a_cut_log_buys_nothing_until_a_user_resumes(
    modes: SqliteTradingModes, database: Database, path: Path, anchor: Anchor
) -> None:
    modes.restrict(PAUSE)
    anchor.flush()
    database.connection.execute("DROP TRIGGER audit_is_not_cut")
    database.connection.execute("DELETE FROM audit")
    database.connection.execute("DELETE FROM trading_modes")
    assert modes.restrictions("live:kraken") == ()
    DaemonAudit(database, path.with_name("audit.head"), AutopilotConfig()).open()
    assert AnchoredLog(database).restrictions("live:kraken") == ()
    (restriction,) = modes.restrictions("live:kraken")
    assert (restriction.code, restriction.mode) == ("AUDIT_ALTERED", TradingMode.REDUCING)
    assert "the end was cut off" in restriction.detail
    modes.lift("*", "me")
    assert modes.restrictions("live:kraken") == ()


def test_a_start_that_dies_before_it_has_paused_pauses_at_the_next_one(
    modes: SqliteTradingModes, database: Database, path: Path, anchor: Anchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    modes.restrict(PAUSE)
    anchor.flush()
    database.connection.execute("DROP TRIGGER audit_is_not_cut")
    database.connection.execute("DELETE FROM audit")
    database.connection.execute("DELETE FROM trading_modes")
    start = DaemonAudit(database, path.with_name("audit.head"), AutopilotConfig())
    with monkeypatch.context() as patched:
        patched.setattr(SqliteTradingModes, "restrict", die)
        with pytest.raises(KeyboardInterrupt):
            start.open()
    assert AnchoredLog(database).restrictions("live:kraken"), "nothing is bought meanwhile"
    DaemonAudit(database, path.with_name("audit.head"), AutopilotConfig()).open()
    assert [each.code for each in modes.restrictions("live:kraken")] == ["AUDIT_ALTERED"]


def test_the_last_known_status_has_the_modes_and_the_problems(
    modes: SqliteTradingModes, path: Path, ledger: Any, make_order: Any
) -> None:
    nothing = status_document(path, 0)
    assert (nothing["modes"], nothing["health"]) == ([{"account": "*", "mode": "active", "restrictions": []}], [])
    modes.restrict(HALT)
    lost = make_order("lost").to(OrderStatus.SUBMITTED, 11).to(OrderStatus.UNKNOWN, 12, detail="no answer")
    ledger.save_order(lost)
    status = status_document(path, 0)
    assert status["modes"][0]["mode"] == "halted"
    assert [(each["code"], each["level"], each["subject"], each["since_ms"]) for each in status["health"]] == [
        ("ORDER_UNKNOWN", "error", f"{lost.symbol} in {lost.account}", 12),
        ("PANIC", "error", "every account", 9),
    ]
    assert all(each["hint"] and each["detail"] for each in status["health"])


def test_candles_under_a_doubtful_symbol_are_named(database: Database, path: Path, random_candles: Any) -> None:
    for symbol in ("FD/USD", "BTC/USD"):
        SqliteCandles(database).save_candles("btc", symbol, random_candles(1, 3))
    (problem,) = status_document(path, 0)["health"]
    assert (problem["code"], problem["level"], problem["subject"]) == ("CANDLES_DOUBTFUL", "info", "btc FD/USD")
    assert problem["hint"].startswith("autopilot data delete --exchange btc --symbol FD/USD")


def test_candles_whose_volumes_are_prices_are_doubtful(database: Database, path: Path, random_candles: Any) -> None:
    store, right = SqliteCandles(database), random_candles(1, 60)
    store.save_candles("kraken", "BTC/USD", right)
    store.save_candles("kraken", "ETH/USD", replace(right, volume=(right.low + right.high) / 2))
    store.save_candles("btc", "FD/USD", right)
    assert [series for series, _ in doubtful_series(path)] == ["btc FD/USD", "kraken ETH/USD"]


def test_problems_are_named_once_what_bars_a_sale_first(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 12_000_000

    monkeypatch.setattr("autopilot.adapters.store.views.problems.shutil.disk_usage", lambda _: Usage)
    pause = Restriction("PAUSED_BY_USER", TradingMode.REDUCING, "paused by the user", 5, "autopilot resume")
    short = Restriction("BOOKS_DIFFER", TradingMode.REDUCING, "the books differ: 1 BTC", 6, "put it back")
    unusable = {"id": "m1", "usable": False, "message": "the file was changed", "hint": "autopilot models rollback"}
    other = unusable | {"id": "m2"}
    symbol = {
        "symbol": "BTC/USD",
        "model": unusable,
        "state": "retrying",
        "message": "no route",
        "last_error": None,
        "hint": "wait",
    }
    locked = {"code": "KEYS_LOCKED", "message": "the keys of kraken are locked", "hint": "start it anew"}
    away = {"code": "UNKNOWN_EXCHANGE", "message": "there is no exchange elsewhere", "hint": ""}
    live = {"account": "live:kraken", "running": True, "timeframe": "1h"}
    silent = {"model": None, "state": "stopped", "differences": [], "running": False}
    status = {
        "modes": [mode_document("live:kraken", [pause, short]), mode_document("paper:coinbase", [pause])],
        "symbols": [
            {**live, **symbol, "differences": ["order X is not ours; left alone"], "left_out": None},
            {**silent, "symbol": "ETH/USD", "account": "live:kraken", "left_out": locked},
            {**silent, "symbol": "SOL/USD", "account": "paper:elsewhere", "left_out": away},
        ],
        "models": [unusable, other],
        "database": {"locked_at_ms": 1_714_521_600_000},
    }
    found = problems(database, status, {})
    assert [(each["code"], each["level"], each["subject"]) for each in found] == [
        ("DATABASE_LOCKED", "error", str(path)),
        ("KEYS_LOCKED", "error", "ETH/USD in live:kraken"),
        ("SYMBOL_LEFT_OUT", "error", "SOL/USD in paper:elsewhere"),
        ("DISK_NEARLY_FULL", "error", str(path.parent)),
        ("SYMBOL_RETRYING", "warning", "BTC/USD"),
        ("BOOKS_COMPARED", "warning", "BTC/USD"),
        ("PAUSED_BY_USER", "warning", "live:kraken, paper:coinbase"),
        ("BOOKS_DIFFER", "warning", "live:kraken"),
        ("MODEL_UNUSABLE", "warning", "model m1"),
    ]
    assert [each["hint"] for each in found[1:3]] == ["start it anew", "autopilot start --symbol SOL/USD"]
    assert set(found[0]) == {"code", "level", "subject", "detail", "since_ms", "hint"}
