from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.order import Order, OrderReport, OrderStatus
from autopilot.domain.portfolio import Position
from autopilot.execution.reconciliation import Reconciliation, Shortfall, reconcile
from autopilot.ports.broker import Balance

ACCOUNT = "paper:test"
SYMBOLS = ("BTC/USD",)


async def test_books_that_agree_say_so(
    broker: Any,
    ledger: SqliteLedger,
    hold: Callable[..., Position],
    make_order: Callable[..., Order],
    report: Callable[..., OrderReport],
) -> None:
    hold("2")
    ledger.save_order(make_order("ours", price=Decimal(99), status=OrderStatus.OPEN))
    broker.shown = [report(OrderStatus.OPEN, client_order_id="ours")]
    broker.owned = {"BTC": Balance(Decimal(2), Decimal(2))}
    found = await reconcile(ACCOUNT, SYMBOLS, broker, ledger)
    assert found == Reconciliation()
    assert not found.words


async def test_foreign_orders_are_seen_and_left_alone(
    broker: Any, ledger: SqliteLedger, report: Callable[..., OrderReport], make_order: Callable[..., Order]
) -> None:
    ledger.save_order(make_order("of another account", account="paper:other", status=OrderStatus.OPEN))
    broker.shown = [
        report(OrderStatus.OPEN, exchange_order_id="by hand"),
        report(OrderStatus.OPEN, exchange_order_id="by hand too"),
        report(OrderStatus.OPEN, client_order_id="of another account"),
    ]
    found = await reconcile(ACCOUNT, SYMBOLS, broker, ledger)
    assert found.foreign == tuple(broker.shown)
    assert found.words
    assert not broker.canceled
    assert not broker.sent


@pytest.mark.parametrize(
    ("status", "is_gone"),
    [
        (OrderStatus.OPEN, True),
        (OrderStatus.PARTIALLY_FILLED, True),
        (OrderStatus.NEW, False),
        (OrderStatus.SUBMITTED, False),
        (OrderStatus.UNKNOWN, False),
        (OrderStatus.FILLED, False),
    ],
)
async def test_an_order_that_the_exchange_no_longer_shows_is_gone(
    broker: Any, ledger: SqliteLedger, make_order: Callable[..., Order], status: OrderStatus, is_gone: bool
) -> None:
    order = make_order("ours", status=status)
    ledger.save_order(order)
    found = await reconcile(ACCOUNT, SYMBOLS, broker, ledger)
    assert found.gone == ((order,) if is_gone else ())
    assert ledger.order("ours") == order, "nothing was changed"


async def test_an_order_that_is_over_in_our_books_and_open_there(
    broker: Any, ledger: SqliteLedger, make_order: Callable[..., Order], report: Callable[..., OrderReport]
) -> None:
    order = make_order("ours", status=OrderStatus.EXPIRED)
    ledger.save_order(order)
    broker.shown = [report(OrderStatus.OPEN, client_order_id="ours")]
    assert await reconcile(ACCOUNT, SYMBOLS, broker, ledger) == Reconciliation(undead=(order,))


@pytest.mark.parametrize(("owned", "missing"), [("2", None), ("3", None), ("1.9999", "1.9999"), (None, "0")], ids=str)
async def test_coins_that_somebody_took(
    broker: Any, ledger: SqliteLedger, hold: Callable[..., Position], owned: str | None, missing: str | None
) -> None:
    hold("2")
    broker.owned = {"BTC": Balance(Decimal(owned), Decimal(0))} if owned else {}
    found = await reconcile(ACCOUNT, SYMBOLS, broker, ledger)
    assert found.shortfalls == ((Shortfall("BTC", Decimal(missing), Decimal(2)),) if missing else ())


@pytest.mark.parametrize(
    ("owned", "renamed"),
    [
        ({"LUNC": "2", "USD": "5"}, "LUNC"),
        ({"LUNC": "2", "BTC": "0"}, "LUNC"),
        ({"LUNC": "2", "BTC": "1"}, ""),
        ({"LUNC": "2.1"}, ""),
    ],
)
async def test_a_coin_that_may_have_been_renamed_is_named(
    broker: Any, ledger: SqliteLedger, hold: Callable[..., Position], owned: dict[str, str], renamed: str
) -> None:
    hold("2")
    broker.owned = {name: Balance(Decimal(amount), Decimal(0)) for name, amount in owned.items()}
    found = await reconcile(ACCOUNT, SYMBOLS, broker, ledger)
    assert found.shortfalls[0].renamed == renamed
    assert ("the same amount of LUNC is owned but not booked" in found.words[0]) is bool(renamed)


async def test_an_exchange_that_is_away_is_no_agreement(broker: Any, ledger: SqliteLedger) -> None:
    async def away(symbol: str) -> tuple[OrderReport, ...]:
        raise MarketUnavailable("no connection")

    broker.open_orders = away
    with pytest.raises(MarketUnavailable):
        await reconcile(ACCOUNT, SYMBOLS, broker, ledger)
