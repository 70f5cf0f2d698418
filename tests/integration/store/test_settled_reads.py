"""What is remembered of the books is what the database has, whoever changed it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.domain.order import Order, OrderStatus
from autopilot.domain.timeframe import DAY_MS

ACCOUNT, SYMBOL = "paper:simulated", "BTC/USD"


@pytest.fixture
def statements(database: Database) -> Iterator[list[str]]:
    """Those that were made so far, but for those that look for changes."""
    made: list[str] = []
    database.connection.set_trace_callback(lambda sql: made.append(sql) if "data_version" not in sql else None)
    yield made
    database.connection.set_trace_callback(None)


def books(ledger: SqliteLedger) -> Any:
    return (
        ledger.open_orders(ACCOUNT),
        ledger.open_orders(ACCOUNT, SYMBOL),
        ledger.positions(ACCOUNT),
        ledger.traded_cash(ACCOUNT, "USD"),
        ledger.symbol_history(ACCOUNT, SYMBOL, DAY_MS),
    )


def test_what_nothing_changed_is_not_read_again(
    ledger: SqliteLedger, make_decision: Any, make_mark: Any, make_order: Any, statements: list[str]
) -> None:
    ledger.save_order(make_order("one"))
    before = books(ledger)
    ledger.record_decision(make_decision(1), make_mark())
    statements.clear()
    assert books(ledger) == before
    assert statements == []
    assert [order.client_order_id for order in before[0]] == ["one"]


def fill(ledger: SqliteLedger, order: Order, make_fill: Any) -> None:
    ledger.apply_fills(order, [make_fill(order, 1, "1.5", "99")])


def past_the_store(ledger: SqliteLedger, order: Order, make_fill: Any) -> None:
    ledger._database.connection.execute("UPDATE orders SET quantity = '7'")


def another_connection(ledger: SqliteLedger, order: Order, make_fill: Any) -> None:
    """As a command without the daemon does."""
    with closing(open_database(ledger._database.path)) as other:
        fill(SqliteLedger(other), order, make_fill)


def another_store(ledger: SqliteLedger, order: Order, make_fill: Any) -> None:
    fill(SqliteLedger(ledger._database), order, make_fill)


def canceled(ledger: SqliteLedger, order: Order, make_fill: Any) -> None:
    ledger.save_order(replace(order, status=OrderStatus.CANCELED))


@pytest.mark.parametrize("change", [fill, past_the_store, another_connection, another_store, canceled])
def test_every_change_is_seen(
    ledger: SqliteLedger, make_order: Any, make_fill: Any, change: Callable[..., None]
) -> None:
    order = make_order("one")
    ledger.save_order(order)
    before = books(ledger)
    change(ledger, order, make_fill)
    after = books(ledger)
    assert after != before
    with closing(open_database(ledger._database.path)) as fresh:
        assert after == books(SqliteLedger(fresh))


def test_what_was_undone_is_not_remembered(ledger: SqliteLedger, database: Database, make_order: Any) -> None:
    ledger.save_order(make_order("one"))
    before = books(ledger)

    def fail() -> None:
        with database.transaction(durable=True) as connection:
            connection.execute("UPDATE orders SET quantity = '7'")
            assert ledger.open_orders(ACCOUNT)[0].quantity == Decimal(7), "within the transaction it is so"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert books(ledger) == before


def test_the_equity_mark_is_that_of_the_latest_decision(
    path: Path, ledger: SqliteLedger, make_decision: Any, make_mark: Any, make_provenance: Any
) -> None:
    """A decision that carries its mark does not write it a second time."""
    for hour in range(1, 4):
        mark = make_mark(at_ms=make_decision(hour).decided_at_ms, equity=Decimal(10_000 + hour))
        ledger.record_decision(make_decision(hour, provenance=make_provenance(mark)), mark)
    assert ledger.equity_mark(ACCOUNT, "USD") == mark
    with closing(open_database(path)) as fresh:
        (row,) = fresh.rows("SELECT equity FROM equity")
        assert (row[0], SqliteLedger(fresh).equity_mark(ACCOUNT, "USD")) == ("10001", mark)


@pytest.mark.parametrize(("spoiled", "hour"), [((3,), 2), ((2, 3), 1), ((1, 2, 3), 1)])
def test_a_spoiled_decision_leaves_the_mark_before_it(
    path: Path, ledger: SqliteLedger, make_decision: Any, make_mark: Any, make_provenance: Any, spoiled: Any, hour: int
) -> None:
    """A position must not stay unmonitored because of one damaged row."""
    marks = {}
    for each in (1, 2, 3):
        marks[each] = make_mark(at_ms=make_decision(each).decided_at_ms, equity=Decimal(10_000 + each))
        ledger.record_decision(make_decision(each, provenance=make_provenance(marks[each])), marks[each])
    with closing(open_database(path)) as fresh:
        with fresh.transaction(durable=True) as connection:
            connection.executemany(
                "UPDATE decisions SET document = x'00' WHERE candle_at_ms = ?",
                [(make_decision(each).candle_at_ms,) for each in spoiled],
            )
        assert SqliteLedger(fresh).equity_mark(ACCOUNT, "USD") == marks[hour]
