from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orders import an_order

from autopilot.domain.order import Fill, Purpose, Side
from autopilot.domain.portfolio import Position, RoundTrip

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
    ("gone", "quantity", "cost", "entry_quantity", "entry_value", "fees"),
    [
        ("1", "2", "201", "3", "300", "1.5"),
        ("3", "0", "0", "1", "100", "0.5"),
        ("0.3", "2.7", "271.35", "3.7", "370", "1.85"),
    ],
)
def test_what_is_gone_past_us_is_as_if_it_had_never_been_bought(
    gone: str, quantity: str, cost: str, entry_quantity: str, entry_value: str, fees: str
) -> None:
    """4 bought with a fee of 2, and one of them sold."""
    position = Position.opened_by(fill(Side.BUY, "4", "100", "2"), ENTRY).after(fill(Side.SELL, "1", "120"), EXIT)
    left = position.without(Decimal(gone))
    assert (left.quantity, left.cost) == (Decimal(quantity), Decimal(cost))
    assert (left.entry_quantity, left.entry_value) == (Decimal(entry_quantity), Decimal(entry_value))
    assert (left.realized, left.exit_value, left.entry_price) == (Decimal("19.5"), 120, 100)
    assert (left.fees, left.sold) == (Decimal(fees), 1)


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


@pytest.mark.parametrize(
    ("fee", "currency", "sold", "fees", "net"),
    [
        ("1", "USD", "1", "2", "8"),
        ("0.01", "BTC", "0.99", "1", "8.9"),
        ("1", "BNB", "1", "0", "10"),
        ("0", "USD", "0.75", "25", "-17.5"),
        ("0", "USD", "0", "100", "-100"),
    ],
    ids=["in quote currency", "in coins", "in a third currency", "a rest of a quarter", "nothing sold"],
)
def test_a_trade_has_the_price_of_its_sales(fee: str, currency: str, sold: str, fees: str, net: str) -> None:
    position = Position.opened_by(fill(Side.BUY, "1", "100", fee, currency), ENTRY)
    if Decimal(sold):
        paid = fee if currency == "USD" else "0"
        position = position.after(fill(Side.SELL, sold, "110", paid), EXIT)
    trip = RoundTrip.ended_by(Purpose.TAKE_PROFIT, position, 9)
    assert (trip.quantity, trip.entry_price) == (Decimal(sold), 100)
    assert trip.exit_price == (110 if Decimal(sold) else 0)
    assert (trip.fees, trip.net) == (Decimal(fees), Decimal(net))
    assert (trip.exit_price - trip.entry_price) * trip.quantity - trip.fees == trip.net


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


CURRENCIES = st.sampled_from(["USD", "BTC", "BNB"])
FRACTIONS = st.decimals(min_value="0.01", max_value=1, places=2)
EVENTS = st.one_of(
    st.tuples(st.just("buy"), amounts, amounts, CURRENCIES),
    st.tuples(st.just("sell"), FRACTIONS, amounts, CURRENCIES),
    st.tuples(st.just("gone"), FRACTIONS, amounts, CURRENCIES),
)
PRECISE = Fraction(1, 10**18)


@given(first=st.tuples(amounts, amounts, CURRENCIES), events=st.lists(EVENTS, max_size=8))
def test_prices_quantity_and_fees_of_a_trade_make_its_net(
    first: tuple[Decimal, Decimal, str], events: list[tuple[str, Decimal, Decimal, str]]
) -> None:
    """Whatever was bought, sold, written off and left over in between."""
    quantity, price, currency = first
    position = Position.opened_by(fill(Side.BUY, str(quantity), str(price), str(quantity / 1000), currency), ENTRY)
    sold, value = Fraction(0), Fraction(0)
    for what, size, price, currency in events:
        amount = size if what == "buy" else (position.quantity * size).quantize(Decimal("1e-6"))
        if not position.quantity or not amount or (amount > position.quantity and what != "buy"):
            break
        if what == "gone":
            position = position.without(amount)
            continue
        side = Side.BUY if what == "buy" else Side.SELL
        position = position.after(fill(side, str(amount), str(price), str(amount / 1000), currency), ENTRY)
        if side is Side.SELL:
            sold, value = sold + Fraction(amount), value + Fraction(amount) * Fraction(price)
    trip = RoundTrip.ended_by(Purpose.FLATTEN, position, 9)
    assert Fraction(trip.quantity) == sold
    assert abs(Fraction(trip.exit_price) * sold - value) < PRECISE
    gain = (Fraction(trip.exit_price) - Fraction(trip.entry_price)) * sold
    assert abs(gain - Fraction(trip.fees) - Fraction(trip.net)) < PRECISE
