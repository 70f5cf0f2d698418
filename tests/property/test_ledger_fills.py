"""Whatever order fills arrive in and however often: the position is their sum, and the money adds up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from orders import an_order
from ready_database import directory_in_memory, ready_database

from autopilot.adapters.store.database import Database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.domain.order import Fill, Order, OrderStatus, Purpose, Side

ACCOUNT = "paper:simulated"
STEP = Decimal("0.0001")
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Ledger:
    books: SqliteLedger
    database: Database

    def quantity(self) -> Decimal:
        return sum((held.quantity for held in self.books.positions(ACCOUNT)), Decimal(0))

    def results(self) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
        """Positions and round trips, as stored."""
        return tuple(  # type: ignore[return-value]
            [tuple(map(str, row)) for row in self.database.rows(f"SELECT * FROM {table}")]
            for table in ("positions", "round_trips")
        )


@contextmanager
def new_ledger() -> Iterator[Ledger]:
    with directory_in_memory() as directory:
        database = ready_database(Path(directory) / "autopilot.db")
        yield Ledger(SqliteLedger(database), database)
        database.close()


def order_of(number: int, side: Side) -> Order:
    return an_order(
        f"order {number}",
        account=ACCOUNT,
        side=side,
        purpose=Purpose.ENTRY if side is Side.BUY else Purpose.STOP_LOSS,
        created_at_ms=number,
        status=OrderStatus.OPEN,
    )


@st.composite
def orders_with_fills(draw: st.DrawFn, *, may_oversell: bool) -> list[tuple[Order, tuple[Fill, ...]]]:
    """Up to eight orders of up to four fills each; fees in either currency."""
    held = Decimal(0)
    orders = []
    for number in range(draw(st.integers(1, 8))):
        side = draw(st.sampled_from(Side)) if may_oversell or held > 0 else Side.BUY
        order = order_of(number, side)
        fills = []
        for part in range(draw(st.integers(1, 4))):
            most = 100_000 if side is Side.BUY or may_oversell else int(held / STEP)
            if most < 1:
                break
            quantity = draw(st.one_of(st.just(most), st.integers(1, most))) * STEP
            in_coins = draw(st.booleans())
            fee = draw(st.integers(0, 9)) * (STEP / 10 if in_coins else CENT)
            held += quantity - (fee if in_coins else 0) if side is Side.BUY else -quantity
            fills.append(
                Fill(
                    fill_id=f"{number}:{part}",
                    client_order_id=order.client_order_id,
                    account=ACCOUNT,
                    symbol="BTC/USD",
                    side=side,
                    quantity=quantity,
                    price=draw(st.integers(1, 10_000_000)) * CENT,
                    fee=fee,
                    fee_currency="BTC" if in_coins else "USD",
                    is_maker=False,
                    at_ms=number * 10 + part,
                )
            )
        orders.append((order, tuple(fills)))
    return orders


def coins(fills: list[Fill]) -> Decimal:
    """By brute force: what came in, less what went out, less fees taken of the coins that came in."""
    return sum(
        (
            fill.quantity - (fill.fee if fill.fee_currency == "BTC" else 0) if fill.side is Side.BUY else -fill.quantity
            for fill in fills
        ),
        Decimal(0),
    )


def cash(fills: list[Fill]) -> Decimal:
    return sum(
        (
            (-1 if fill.side is Side.BUY else 1) * fill.quantity * fill.price
            - (fill.fee if fill.fee_currency == "USD" else 0)
            for fill in fills
        ),
        Decimal(0),
    )


@settings(max_examples=60)
@given(orders=orders_with_fills(may_oversell=True), data=st.data())
def test_a_position_is_the_sum_of_its_fills_whatever_their_order(
    orders: list[tuple[Order, tuple[Fill, ...]]], data: st.DataObject
) -> None:
    reports = [(order, fill) for order, fills in orders for fill in fills]
    again = data.draw(st.lists(st.sampled_from(reports), max_size=10)) if reports else []
    with new_ledger() as ledger:
        told: set[str] = set()
        for order, fill in data.draw(st.permutations([*reports, *again])):
            new = ledger.books.apply_fills(order, (fill, fill))
            assert new == (() if fill.fill_id in told else (fill,))
            told.add(fill.fill_id)
            assert ledger.quantity() == coins([known for _, known in reports if known.fill_id in told])
        for order, fills in orders:
            if fills:
                stored = ledger.books.order(order.client_order_id)
                assert stored is not None
                assert stored.filled == sum(fill.quantity for fill in fills)


@settings(max_examples=60)
@given(orders=orders_with_fills(may_oversell=False), data=st.data())
def test_duplicates_and_late_words_change_nothing_and_the_money_adds_up(
    orders: list[tuple[Order, tuple[Fill, ...]]], data: st.DataObject
) -> None:
    """The twin hears of each order once; the ledger in pieces, again and again, and in any order within an order."""
    with new_ledger() as twin, new_ledger() as ledger:
        past: list[tuple[Order, tuple[Fill, ...]]] = []
        for order, fills in orders:
            twin.books.apply_fills(order, fills)
            for end in range(len(fills) + 1):
                shuffled = data.draw(st.permutations(fills[:end]))
                ledger.books.apply_fills(replace(order, detail="again"), shuffled)
            ledger.books.apply_fills(order, fills)
            past.append((order, fills))
            ledger.books.apply_fills(*data.draw(st.sampled_from(past)))
        assert ledger.results() == twin.results()

        every = [fill for _, fills in orders for fill in fills]
        open_positions = twin.books.positions(ACCOUNT)
        net = sum(
            (Decimal(row["net"]) for row in twin.database.rows("SELECT net FROM round_trips")),
            Decimal(0),
        )
        invested = sum((held.cost - held.realized for held in open_positions), Decimal(0))
        besides = sum(
            (fill.fee * fill.price for fill in every if fill.side is Side.SELL and fill.fee_currency == "BTC"),
            Decimal(0),
        )
        assert cash(every) - besides == net - invested, "to the last digit"
        assert ledger.books.traded_cash(ACCOUNT, "USD") == cash(every)
        assert twin.quantity() == coins(every)
