"""Positions that version 9 had open, which counted the coins of a fee as received."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.schema import MIGRATIONS
from autopilot.domain.order import OrderStatus, Purpose, Side
from autopilot.domain.portfolio import RoundTrip

ACCOUNT = "paper:simulated"
VERSION_9 = MIGRATIONS[:9]


@pytest.mark.parametrize(("fee", "currency"), [("0.0015", "BTC"), ("0.15", "USD"), ("0.001", "BNB"), ("0", "USD")])
@pytest.mark.parametrize("sold", ["0", "0.5"])
@pytest.mark.parametrize("gone", ["0", "0.25"])
def test_a_position_of_before_ends_in_a_trade_that_adds_up(
    path: Path, make_order, make_fill, fee: str, currency: str, sold: str, gone: str
) -> None:
    with closing(open_database(path, VERSION_9)) as database:
        ledger = SqliteLedger(database)
        entry = make_order("entry", status=OrderStatus.FILLED)
        bought = make_fill(entry, 0, "1.5", "99.9", fee=Decimal(fee), fee_currency=currency)
        ledger.apply_fills(entry, [bought])
        if Decimal(sold):
            exit_ = make_order("exit", side=Side.SELL, purpose=Purpose.FLATTEN, status=OrderStatus.FILLED)
            ledger.apply_fills(exit_, [make_fill(exit_, 0, sold, "101.3")])
        if Decimal(gone):
            ledger.write_off(ledger.positions(ACCOUNT)[0], Decimal(gone), Decimal(100), 1)
        (right,) = ledger.positions(ACCOUNT)
        # As version 9 stored it: with the coins of the fee, and with all fees though a part was written off.
        coins = right.entry_quantity + bought.fee_in_base
        with database.transaction(durable=True) as connection:
            connection.execute(
                "UPDATE positions SET entry_quantity = ?, entry_value = ?, fees = ?",
                [str(each) for each in (coins, coins * Decimal("99.9"), right.fees + Decimal(gone) * Decimal("0.1"))],
            )
    with closing(open_database(path)) as database:
        (mended,) = SqliteLedger(database).positions(ACCOUNT)
    assert replace(mended, fees=right.fees) == right
    assert mended.fees == pytest.approx(right.fees, abs=Decimal("1e-9"))
    trip = RoundTrip.ended_by(Purpose.FLATTEN, mended, 2)
    ended = (trip.exit_price - trip.entry_price) * trip.quantity - trip.fees
    assert ended == pytest.approx(trip.net, abs=Decimal("1e-20"))
    # Opened once more, it stays as it is.
    with closing(open_database(path)) as database:
        assert SqliteLedger(database).positions(ACCOUNT) == (mended,)
