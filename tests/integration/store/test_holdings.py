"""What is held, and whether a start would take up real money: also in the databases of earlier versions."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from orders import an_order

from autopilot.adapters.store.autopilots import AutopilotEntry, SqliteAutopilots
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.schema import MIGRATIONS
from autopilot.adapters.store.views.holdings import stored_holdings, takes_up_real_money
from autopilot.domain.market import MarketKind
from autopilot.domain.order import Fill, Order, OrderStatus, Side
from autopilot.domain.timeframe import Timeframe


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "autopilot.db"


def an_entry(symbol: str, *, live: bool, running: bool = False, suspended: bool = False) -> AutopilotEntry:
    account = "live:kraken" if live else "paper:kraken"
    return AutopilotEntry(
        symbol, "kraken", MarketKind.REAL, account, Timeframe.H1, 60.0, not live, False, running, 1, suspended
    )


def an_open_order(account: str, symbol: str = "BTC/USD") -> Order:
    order = an_order(f"{account} {symbol}", account=account, symbol=symbol)
    return order.to(OrderStatus.SUBMITTED, 1).to(OrderStatus.OPEN, 1)


def test_positions_and_orders_of_all_accounts(path: Path) -> None:
    with closing(open_database(path)) as database:
        ledger = SqliteLedger(database)
        order = an_order("bought", account="paper:kraken", symbol="BTC/USD", quantity=Decimal("0.5"))
        fill = Fill("f", "bought", "paper:kraken", "BTC/USD", Side.BUY, Decimal("0.5"), Decimal(100), Decimal(1), "USD",
                    False, 1)  # fmt: skip
        ledger.apply_fills(order.to(OrderStatus.SUBMITTED, 1).to(OrderStatus.FILLED, 1, filled=fill.quantity), [fill])
        ledger.save_order(an_open_order("paper:kraken"))
        ledger.save_order(an_open_order("live:binance", "ETH/USD"))
        ledger.save_order(an_open_order("live:binance", "SOL/USD").to(OrderStatus.CANCELED, 2))
    held = {(each.account, each.symbol): each for each in stored_holdings(path)}
    assert list(held) == [("paper:kraken", "BTC/USD"), ("live:binance", "ETH/USD")]
    position, waiting = held.values()
    assert (position.quantity, position.value, len(position.orders)) == (Decimal("0.5"), Decimal(50), 1)
    assert (waiting.quantity, waiting.value, len(waiting.orders)) == (None, 0, 1)


@pytest.mark.parametrize(
    ("entries", "orders", "symbols", "expected"),
    [
        ([], [], [], False),
        ([an_entry("BTC/USD", live=False, running=True)], ["paper:kraken"], [], False),
        ([an_entry("BTC/USD", live=True)], [], [], False),
        ([an_entry("BTC/USD", live=True, running=True)], [], [], True),
        ([an_entry("BTC/USD", live=True, running=True)], [], ["ETH/USD"], True),
        ([an_entry("BTC/USD", live=True, suspended=True)], [], [], True),
        ([an_entry("BTC/USD", live=True, suspended=True)], [], ["BTC/USD"], True),
        ([an_entry("BTC/USD", live=True, suspended=True)], [], ["ETH/USD"], False),
        ([], ["live:kraken"], [], True),
        ([an_entry("BTC/USD", live=False)], ["live:kraken"], ["BTC/USD"], True),
        ([an_entry("BTC/USD", live=False)], ["live:kraken"], ["ETH/USD"], False),
    ],
)
def test_real_money_is_taken_up(
    path: Path, entries: list[AutopilotEntry], orders: list[str], symbols: list[str], expected: bool
) -> None:
    with closing(open_database(path)) as database:
        SqliteAutopilots(database).save_autopilot(*entries)
        for account in orders:
            SqliteLedger(database).save_order(an_open_order(account))
    assert takes_up_real_money(path, symbols) is expected


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_a_database_of_an_earlier_version_is_asked_as_it_is(path: Path, version: int) -> None:
    """Right after an upgrade, before any daemon has brought it up to date."""
    with closing(open_database(path, MIGRATIONS[:version])) as database:
        assert takes_up_real_money(path) is False
        database.connection.execute(
            "INSERT INTO autopilots (symbol, exchange, market, account, timeframe, interval_s, paper_trading,"
            " auto_execute, running, started_at_ms)"
            " VALUES ('BTC/USD', 'kraken', 'real', 'live:kraken', '1h', 60.0, 0, 1, 1, 1)"
        )
        database.connection.commit()
    assert takes_up_real_money(path) is True
    assert takes_up_real_money(path, ["ETH/USD"]) is True, "a daemon resumes it whatever is started"
