"""Modes in a real file: they outlive us, loosen only when a user lifts them, and leave their trace in the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autopilot.adapters.audit_head import Anchor, read_head
from autopilot.adapters.imports.doubtful_series import doubtful_series
from autopilot.adapters.store.audit import AuditTrail, advanced, recent, verify_all
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.trading_modes import SqliteTradingModes
from autopilot.adapters.store.views.problems import mode_document, problems
from autopilot.adapters.store.views.status import status_document
from autopilot.domain.audit import AuditKind
from autopilot.domain.errors import StoreUnavailable
from autopilot.domain.order import OrderStatus
from autopilot.domain.trading_mode import ModeEntry, Restriction, TradingMode

PAUSE = ModeEntry("*", TradingMode.REDUCING, "PAUSED_BY_USER", "paused by the user", 5, "uid 1 pid 2")
HALT = ModeEntry("*", TradingMode.HALTED, "PANIC", "panic called by the user", 9, "uid 1 pid 3")
KRAKEN = ModeEntry("*:kraken", TradingMode.REDUCING, "PAUSED_BY_USER", "paused by the user", 6, "uid 1 pid 2")


@pytest.fixture
def trail(path: Path) -> Iterator[AuditTrail]:
    anchor = Anchor(path.with_name("audit.head"), lambda present: advanced(path, present))
    yield AuditTrail(anchor, "daemon", lambda: 7)
    anchor.flush()


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
        ("PANIC", "error", "every account", 9),
        ("ORDER_UNKNOWN", "error", f"{lost.symbol} in {lost.account}", 12),
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


def test_problems_are_named_once(database: Database, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    live = {"account": "live:kraken", "running": True}
    silent = {"model": None, "state": "stopped", "differences": [], "running": False}
    status = {
        "modes": [mode_document("live:kraken", [pause, short]), mode_document("paper:coinbase", [pause])],
        "symbols": [
            {**live, **symbol, "differences": ["order X is not ours; left alone"], "left_out": None},
            {**silent, "symbol": "ETH/USD", "account": "live:kraken", "left_out": locked},
            {**silent, "symbol": "SOL/USD", "account": "paper:elsewhere", "left_out": away},
        ],
        "models": [unusable, other],
    }
    found = problems(database, status, {})
    assert [(each["code"], each["level"], each["subject"]) for each in found] == [
        ("DISK_NEARLY_FULL", "error", str(path.parent)),
        ("KEYS_LOCKED", "error", "ETH/USD in live:kraken"),
        ("SYMBOL_LEFT_OUT", "error", "SOL/USD in paper:elsewhere"),
        ("PAUSED_BY_USER", "warning", "live:kraken, paper:coinbase"),
        ("BOOKS_DIFFER", "warning", "live:kraken"),
        ("SYMBOL_RETRYING", "warning", "BTC/USD"),
        ("BOOKS_COMPARED", "warning", "BTC/USD"),
        ("MODEL_UNUSABLE", "warning", "model m1"),
    ]
    assert [each["hint"] for each in found[1:3]] == ["start it anew", "autopilot start --symbol SOL/USD"]
    assert set(found[0]) == {"code", "level", "subject", "detail", "since_ms", "hint"}
