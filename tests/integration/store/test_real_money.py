"""What the status tells of real money: who is armed, how much of it is in use, and what runs on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from autopilot.adapters.store.armings import SqliteArmings
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.views.real_money import real_money
from autopilot.domain.arming import Arming
from autopilot.domain.order import Order

KRAKEN = "live:kraken"
ARMED = Arming(KRAKEN, "USD", Decimal(500), True, 1_000, 2_000, "uid 1000 pid 7")
PAPER = {"symbol": "SOL/USD", "account": "paper:kraken", "running": True, "paper_trading": True, "price": 10.0}
LIVE = {"symbol": "BTC/USD", "account": KRAKEN, "running": True, "paper_trading": False, "price": 110.0}
_POSITION = """
    INSERT INTO positions (account, symbol, quantity, entry_price, cost, fees, realized, strategy, opened_at_ms,
        entry_quantity, entry_value, exit_value) VALUES (?, ?, '1', '100', '100', '0', ?, 'macd', 0, '1', '100', '0')
"""


@pytest.fixture
def ask(path: Path, database: Database) -> Callable[..., Any]:
    """The real money of these symbols at this moment."""

    def asked(*symbols: dict[str, Any], now_ms: int = 1_500) -> Any:
        return real_money(database, symbols, now_ms)

    return asked


def test_who_trades_on_paper_only_is_told_nothing(ask: Callable[..., Any]) -> None:
    assert ask() == []
    assert ask(PAPER, {**LIVE, "running": False}) == []


def test_what_is_armed_is_told_while_it_holds(ask: Callable[..., Any], armings: SqliteArmings) -> None:
    armings.arm(ARMED)
    arming = {
        **{"currency": "USD", "max_value": "500", "limit": "500", "invested": "0", "unproven": True},
        **{"armed_at_ms": 1_000, "expires_at_ms": 2_000},
    }
    idle = {"account": KRAKEN, "exchange": "kraken", "armed": True, "arming": arming}
    assert ask(PAPER) == [{**idle, "symbols": [], "unarmed_symbols": []}]
    assert ask(LIVE) == [{**idle, "symbols": ["BTC/USD"], "unarmed_symbols": []}]
    assert ask(PAPER, now_ms=2_000) == []


def test_what_runs_without_leave_is_told(ask: Callable[..., Any], armings: SqliteArmings) -> None:
    (never,) = ask(LIVE)
    assert (never["armed"], never["arming"], never["unarmed_symbols"]) == (False, None, ["BTC/USD"])
    armings.arm(ARMED)
    (ended,) = ask(LIVE, now_ms=2_000)
    assert (ended["armed"], ended["arming"]["expires_at_ms"], ended["unarmed_symbols"]) == (False, 2_000, ["BTC/USD"])
    (mixed,) = ask(LIVE, {**LIVE, "symbol": "ETH/EUR"})
    assert (mixed["armed"], mixed["symbols"], mixed["unarmed_symbols"]) == (True, ["BTC/USD"], ["ETH/EUR"])


def test_in_use_is_what_is_held_at_the_last_price_and_what_waits_to_be_bought(
    ask: Callable[..., Any],
    database: Database,
    armings: SqliteArmings,
    ledger: SqliteLedger,
    make_order: Callable[..., Order],
) -> None:
    armings.arm(ARMED)
    with database.transaction(durable=False) as connection:
        connection.execute(_POSITION, (KRAKEN, "BTC/USD", "-20"))
        connection.execute(_POSITION, (KRAKEN, "SOL/USD", "5"))
        connection.execute(_POSITION, (KRAKEN, "ETH/EUR", "0"))
        connection.execute(_POSITION, ("paper:kraken", "BTC/USD", "0"))
    entry = make_order("waits", account=KRAKEN, quantity=Decimal(2), price=Decimal(50))
    ledger.save_order(entry)
    ledger.save_order(replace(entry, client_order_id="elsewhere", account="paper:kraken"))
    (told,) = ask(LIVE)
    assert Decimal(told["arming"]["invested"]) == 110 + 100 + 2 * 50
    assert told["arming"]["limit"] == "485"
