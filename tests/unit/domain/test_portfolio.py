from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orders import an_order

from autopilot.domain.order import Fill, Purpose, Side
from autopilot.domain.portfolio import Position

ENTRY = an_order(
    "entry",
    quantity=Decimal(10),
    reference_price=Decimal(1),
    created_at_ms=1,
    strategy="rsi",
    stop=Decimal(90),
    target=Decimal(120),
)
EXIT = replace(ENTRY, client_order_id="exit", side=Side.SELL, purpose=Purpose.TAKE_PROFIT, stop=None, target=None)


def fill(side: Side, quantity: str, price: str, fee: str = "0", currency: str = "USD") -> Fill:
    return Fill(
        fill_id="f",
        client_order_id="id",
        account="paper:test",
        symbol="BTC/USD",
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(fee),
        fee_currency=currency,
        is_maker=False,
        at_ms=5,
    )


def test_two_buys_and_a_sale() -> None:
    position = Position.opened_by(fill(Side.BUY, "1", "100", "1"), ENTRY)
    position = position.after(fill(Side.BUY, "3", "120", "2"), ENTRY)
    assert (position.quantity, position.entry_price, position.cost) == (Decimal(4), Decimal(115), Decimal(463))
    assert (position.stop, position.target) == (Decimal(90), Decimal(120))
    flat = position.after(fill(Side.SELL, "4", "130", "4"), EXIT)
    assert flat.quantity == 0
    assert flat.realized == Decimal(520 - 4 - 463)
    assert flat.fees == Decimal(7)


def test_a_fee_in_coins_reduces_what_was_bought() -> None:
    position = Position.opened_by(fill(Side.BUY, "1", "100", "0.001", "BTC"), ENTRY)
    assert position.quantity == Decimal("0.999")
    assert position.cost == Decimal(100)
    assert position.fees == Decimal("0.1")


def test_a_fee_in_coins_of_a_sale_is_paid_with_coins_besides() -> None:
    """Who sells all BNB there is and pays fees in BNB has more of it."""
    position = Position.opened_by(fill(Side.BUY, "2", "100", "0"), ENTRY)
    flat = position.after(fill(Side.SELL, "2", "110", "0.01", "BTC"), EXIT)
    assert (flat.quantity, flat.realized, flat.fees) == (0, Decimal("18.9"), Decimal("1.1"))


@pytest.mark.parametrize(
    ("gone", "quantity", "cost", "entry_quantity", "entry_value"),
    [("1", "2", "201", "3", "300"), ("3", "0", "0", "1", "100"), ("0.3", "2.7", "271.35", "3.7", "370")],
)
def test_what_is_gone_past_us_is_as_if_it_had_never_been_bought(
    gone: str, quantity: str, cost: str, entry_quantity: str, entry_value: str
) -> None:
    """4 bought with a fee of 2, and one of them sold."""
    position = Position.opened_by(fill(Side.BUY, "4", "100", "2"), ENTRY).after(fill(Side.SELL, "1", "120"), EXIT)
    left = position.without(Decimal(gone))
    assert (left.quantity, left.cost) == (Decimal(quantity), Decimal(cost))
    assert (left.entry_quantity, left.entry_value) == (Decimal(entry_quantity), Decimal(entry_value))
    assert (left.realized, left.exit_value, left.entry_price) == (Decimal("19.5"), 120, 100)


def test_a_fee_in_a_third_currency_is_no_money_of_this_position() -> None:
    position = Position.opened_by(fill(Side.BUY, "2", "100", "0.7", "BNB"), ENTRY)
    assert (position.quantity, position.cost, position.fees) == (2, 200, 0)
    flat = position.after(fill(Side.SELL, "2", "110", "0.7", "BNB"), EXIT)
    assert (flat.quantity, flat.realized, flat.fees) == (0, 20, 0)


@pytest.mark.parametrize(
    ("currency", "in_base", "in_quote", "value"),
    [("USD", "0", "0.5", "0.5"), ("BTC", "0.5", "0", "50"), ("BNB", "0", "0", "0")],
)
def test_a_fee_is_taken_of_one_currency(currency: str, in_base: str, in_quote: str, value: str) -> None:
    paid = fill(Side.SELL, "2", "100", "0.5", currency)
    assert (paid.fee_in_base, paid.fee_in_quote, paid.fee_value) == tuple(map(Decimal, (in_base, in_quote, value)))


amounts = st.decimals(min_value="0.001", max_value=100, places=3)


@given(
    buys=st.lists(st.tuples(amounts, amounts, amounts), min_size=1, max_size=6),
    shares=st.lists(st.decimals(min_value="0.05", max_value="0.95", places=2), max_size=4),
    price=amounts,
)
def test_net_is_what_came_in_minus_what_went_out(
    buys: list[tuple[Decimal, Decimal, Decimal]], shares: list[Decimal], price: Decimal
) -> None:
    position: Position | None = None
    cash = Decimal(0)
    for quantity, paid, fee in buys:
        bought = fill(Side.BUY, str(quantity), str(paid), str(fee))
        position = Position.opened_by(bought, ENTRY) if position is None else position.after(bought, ENTRY)
        cash -= bought.value + fee
    assert position is not None
    for share in [*shares, Decimal(1)]:
        quantity = position.quantity * share
        sold = fill(Side.SELL, str(quantity), str(price), "0.01")
        position = position.after(sold, EXIT)
        cash += sold.value - sold.fee
    assert position.quantity == 0
    assert float(position.realized) == pytest.approx(float(cash), abs=1e-9)
