"""Leave to trade real money, as two processes see it, and its rows in the audit log."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from autopilot.adapters.store.armings import SqliteArmings, Unarmed
from autopilot.adapters.store.audit import recent
from autopilot.adapters.store.database import Database, open_database
from autopilot.daemon.audit_log import audited
from autopilot.domain.arming import NO_LEAVE, Arming
from autopilot.domain.audit import AuditKind
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


def test_it_holds_for_others_at_once_until_it_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "autopilot.db"
    daemon, command = open_database(path), open_database(path)
    there, here = SqliteArmings(daemon), SqliteArmings(command)
    assert there.leave(ACCOUNT, "USD", 1_500).value == 0
    assert here.disarm(ACCOUNT, 1_000) is None
    here.arm(ARMED)
    assert there.of(ACCOUNT) == ARMED
    assert (there.leave(ACCOUNT, "USD", 1_500).value, there.leave(ACCOUNT, "USD", 2_000).value) == (500, 0)
    here.arm(replace(ARMED, max_value=Decimal("0.10"), expires_at_ms=9_000))
    assert there.leave(ACCOUNT, "USD", 2_000).value == Decimal("0.10")
    assert [arming.account for arming in there.all()] == [ACCOUNT]
    assert here.disarm(ACCOUNT, 2_500) == replace(ARMED, max_value=Decimal("0.10"), expires_at_ms=9_000)
    assert here.disarm(ACCOUNT, 2_600) is None
    assert there.leave(ACCOUNT, "USD", 2_600) == NO_LEAVE
    daemon.close()
    command.close()


def test_what_was_lost_since_then_is_taken_off(database: Database) -> None:
    armings = SqliteArmings(database)
    armings.arm(ARMED)
    with database.transaction(durable=False) as connection:
        connection.execute(_ROUND_TRIP, (ACCOUNT, "BTC/USD", "-7", 999))
        connection.execute(_ROUND_TRIP, (ACCOUNT, "BTC/USD", "-20", 1_000))
        connection.execute(_ROUND_TRIP, (ACCOUNT, "ETH/USD", "5", 1_100))
        connection.execute(_ROUND_TRIP, (ACCOUNT, "ETH/EUR", "-100", 1_100))
        connection.execute(_ROUND_TRIP, ("paper:kraken", "BTC/USD", "-100", 1_100))
        connection.execute(_POSITION, (ACCOUNT, "SOL/USD", "-2.5"))
    assert armings.leave(ACCOUNT, "USD", 1_500).value == Decimal("482.5")


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


def test_an_account_with_real_money_buys_only_while_it_is_armed(database: Database) -> None:
    armings = SqliteArmings(database)
    moment = [1_500]
    source = Unarmed(armings, lambda: moment[0])
    (never,) = source.restrictions(ACCOUNT)
    assert (never.code, never.mode, "never" in never.detail) == ("NOT_ARMED", TradingMode.REDUCING, True)
    armings.arm(ARMED)
    assert source.restrictions(ACCOUNT) == ()
    moment[0] = 2_000
    (ended,) = source.restrictions(ACCOUNT)
    assert (ended.since_ms, "arm --exchange kraken" in ended.hint) == (2_000, True)
    assert source.restrictions("paper:kraken") == ()
