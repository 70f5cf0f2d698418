"""Leave to trade real money, as two processes see it, and its rows in the audit log."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from autopilot.adapters.audit_head import read_head
from autopilot.adapters.store.armings import NotArmed, SqliteArmings
from autopilot.adapters.store.audit import recent, verify_all
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.rows import from_row, to_row
from autopilot.adapters.store.views.problems import problems
from autopilot.adapters.store.views.real_money import real_money
from autopilot.app.audit_log import audited
from autopilot.domain.arming import NO_ALLOWANCE, Arming
from autopilot.domain.audit import AuditKind
from autopilot.domain.errors import StoreCorrupt
from autopilot.domain.trading_mode import TradingMode

ACCOUNT = "live:kraken"
ARMED = Arming(ACCOUNT, "USD", Decimal(500), False, 1_000, 2_000, "uid 1000 pid 7")
_ROUND_TRIP = """
    INSERT INTO round_trips (account, symbol, strategy, quantity, entry_price, exit_price, fees, net, opened_at_ms,
        closed_at_ms, exit_purpose) VALUES (?, ?, 'macd', '1', '100', '90', '0', ?, 0, ?, 'stop_loss')
"""
_POSITION = """
    INSERT INTO positions (account, symbol, quantity, entry_price, cost, fees, realized, strategy, opened_at_ms,
        entry_quantity, entry_value, exit_value) VALUES (?, ?, '1', '100', '100', '0', ?, 'macd', 0, '1', '100', '0')
"""


def events(path: Path) -> list[str]:
    """What was told of armings, the latest first."""
    return [row["body"]["event"] for row in recent(path, 9, AuditKind.ARMING)["audit"]]


def test_it_holds_for_others_at_once_until_it_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "autopilot.db"
    daemon, command = open_database(path), open_database(path)
    with audited(command, tmp_path / "audit.head") as trail:
        there, here = SqliteArmings(daemon), SqliteArmings(command, trail)
        assert there.allowance(ACCOUNT, "USD", 1_500).value == 0
        assert not here.disarm(ACCOUNT, 1_000)
        here.arm(ARMED)
        assert there.of(ACCOUNT) == ARMED
        assert (there.allowance(ACCOUNT, "USD", 1_500).value, there.allowance(ACCOUNT, "USD", 2_000).value) == (500, 0)
        here.arm(replace(ARMED, max_value=Decimal("0.10"), expires_at_ms=9_000))
        assert there.allowance(ACCOUNT, "USD", 2_000).value == Decimal("0.10")
        assert there.accounts() == (ACCOUNT,)
        assert here.disarm(ACCOUNT, 2_500)
        assert not here.disarm(ACCOUNT, 2_600)
        assert there.allowance(ACCOUNT, "USD", 2_600) == NO_ALLOWANCE
    daemon.close()
    command.close()


@pytest.mark.parametrize("said_at_ms", [1_700, 995, 9_000], ids=["in time", "by a clock that is behind", "too late"])
def test_what_is_disarmed_stays_so_whatever_the_clock_says(armings: SqliteArmings, path: Path, said_at_ms: int) -> None:
    armings.arm(ARMED)
    assert armings.disarm(ACCOUNT, said_at_ms)
    assert not any(armings.holding(ACCOUNT, now_ms) for now_ms in (0, 995, 1_000, 1_500, 1_999, 9_000))
    assert not armings.disarm(ACCOUNT, 1_500)
    assert events(path) == ["disarmed", "armed"]


def test_what_has_expired_stays_so_when_the_clock_is_set_back(armings: SqliteArmings, path: Path) -> None:
    armings.arm(ARMED)
    assert armings.allowance(ACCOUNT, "USD", 999) == NO_ALLOWANCE
    assert armings.allowance(ACCOUNT, "USD", 1_999).value == 500
    for now_ms in (2_000, 2_001, 1_500):
        assert armings.allowance(ACCOUNT, "USD", now_ms) == NO_ALLOWANCE
    assert events(path) == ["expired", "armed"], "told once"
    assert not armings.disarm(ACCOUNT, 1_500)
    armings.arm(ARMED)
    assert armings.allowance(ACCOUNT, "USD", 1_500).value == 500


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE armings SET max_value = '1000000'",
        "UPDATE armings SET max_value = 'NaN'",
        "UPDATE armings SET expires_at_ms = 9000",
        "UPDATE armings SET earned_before = '-1000'",
        "UPDATE armings SET account = 'live:binance'",
    ],
)
def test_a_row_that_the_audit_log_does_not_tell_of_gives_no_leave_and_is_found(
    armings: SqliteArmings, database: Database, path: Path, statement: str
) -> None:
    armings.arm(ARMED)
    database.connection.execute(statement)
    (account,) = armings.accounts()
    assert (armings.holding(account, 1_500), armings.of(account)) == (None, None)
    (told,) = NotArmed(armings, lambda: 1_500).restrictions(account)
    assert "does not match the audit log" in told.detail
    anchor = read_head(path.with_name("audit.head"))
    verdict = verify_all(path, anchor)
    assert (verdict.fault, verdict.armings.altered, verdict.is_whole) == (None, (account,), False)
    status: dict[str, Any] = {"modes": [], "symbols": [], "models": [], "database": {"locked_at_ms": None}}
    (found,) = [each for each in problems(database, status, {}) if each["code"] == "ARMING_ALTERED"]
    assert (found["level"], found["subject"]) == ("error", account)
    assert real_money(database, [], 1_500) == []
    assert armings.disarm(account, 1_500)
    assert (verify_all(path, anchor).armings.altered, armings.accounts()) == ((), ())


def test_a_row_of_which_no_word_was_told_gives_no_leave(database: Database) -> None:
    untold = SqliteArmings(database)
    untold.arm(ARMED)
    assert untold.holding(ACCOUNT, 1_500) is None
    assert untold.is_altered(ACCOUNT)


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM audit WHERE seq = 2", 'UPDATE audit SET body = \'[]"account":"live:kraken"\' WHERE seq = 2'],
    ids=["cut off", "edited"],
)
def test_a_disarming_that_the_log_tells_of_no_more_gives_nothing_back(
    armings: SqliteArmings, database: Database, statement: str
) -> None:
    armings.arm(ARMED)
    armings.disarm(ACCOUNT, 1_500)
    for trigger in ("audit_is_not_cut", "audit_is_not_edited"):
        database.connection.execute(f"DROP TRIGGER {trigger}")
    database.connection.execute(statement)
    assert armings.holding(ACCOUNT, 1_200) is None
    assert armings.is_altered(ACCOUNT)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_what_is_no_amount_is_said_to_be_none(amount: str) -> None:
    with pytest.raises(StoreCorrupt, match=r"unreadable Arming.*is no amount"):
        from_row(Arming, {**to_row(ARMED), "max_value": amount})


def test_what_was_lost_since_then_is_taken_off(armings: SqliteArmings, database: Database) -> None:
    armings.arm(ARMED)
    with database.transaction(durable=False) as connection:
        connection.execute(_ROUND_TRIP, (ACCOUNT, "BTC/USD", "-7", 999))
        connection.execute(_ROUND_TRIP, (ACCOUNT, "BTC/USD", "-20", 1_000))
        connection.execute(_ROUND_TRIP, (ACCOUNT, "ETH/USD", "5", 1_100))
        connection.execute(_ROUND_TRIP, (ACCOUNT, "ETH/EUR", "-100", 1_100))
        connection.execute(_ROUND_TRIP, ("paper:kraken", "BTC/USD", "-100", 1_100))
        connection.execute(_POSITION, (ACCOUNT, "SOL/USD", "-2.5"))
    assert armings.allowance(ACCOUNT, "USD", 1_500).value == Decimal("482.5")


@pytest.mark.parametrize("closed", [False, True])
def test_what_a_position_had_earned_before_makes_up_for_no_loss(
    armings: SqliteArmings, database: Database, closed: bool
) -> None:
    with database.transaction(durable=False) as connection:
        connection.execute(_POSITION, (ACCOUNT, "BTC/USD", "250"))
        connection.execute(_POSITION, (ACCOUNT, "BTC/EUR", "999"))
    assert armings.arm(ARMED).earned_before == 250
    with database.transaction(durable=False) as connection:
        if closed:
            connection.execute("DELETE FROM positions WHERE symbol = 'BTC/USD'")
            connection.execute(_ROUND_TRIP, (ACCOUNT, "BTC/USD", "50.02", 1_100))
        else:
            connection.execute("UPDATE positions SET realized = '50.02' WHERE symbol = 'BTC/USD'")
    assert armings.allowance(ACCOUNT, "USD", 1_500).value == Decimal("300.02")


def test_both_are_told_to_the_audit_log(tmp_path: Path) -> None:
    database = open_database(tmp_path / "autopilot.db")
    with audited(database, tmp_path / "audit.head") as trail:
        armings = SqliteArmings(database, trail)
        armings.arm(ARMED)
        armings.disarm(ACCOUNT, 1_500)
        armings.disarm(ACCOUNT, 1_600)
    rows = recent(database.path, 10, AuditKind.ARMING)["audit"]
    assert [row["body"]["event"] for row in rows] == ["disarmed", "armed"]
    assert rows[1]["body"]["max_value"] == "500"
    database.close()


def test_an_account_with_real_money_buys_only_while_it_is_armed(armings: SqliteArmings) -> None:
    moment = [1_500]
    source = NotArmed(armings, lambda: moment[0])
    (never,) = source.restrictions(ACCOUNT)
    assert (never.code, never.mode, "never" in never.detail) == ("NOT_ARMED", TradingMode.REDUCING, True)
    armings.arm(ARMED)
    assert source.restrictions(ACCOUNT) == ()
    moment[0] = 2_000
    (ended,) = source.restrictions(ACCOUNT)
    assert (ended.since_ms, "arm --exchange kraken" in ended.hint) == (2_000, True)
    assert source.restrictions("paper:kraken") == ()
