"""Entries that the user's leave does not cover any more, and prices that make no room in it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from fake_clock import FakeClock
from orders import an_order

from autopilot.domain.arming import NO_ALLOWANCE, Allowance
from autopilot.domain.order import Fill, OrderStatus, OrderType, Purpose, Side
from autopilot.domain.portfolio import Portfolio, Position, invested_cost
from autopilot.domain.trading_mode import TradingMode
from autopilot.execution.restrictions import AllowanceExceeded

ACCOUNT = "live:kraken"
WAITING = an_order("waits", account=ACCOUNT, type=OrderType.LIMIT, quantity=Decimal(2), price=Decimal(99))
"""For 198 USD."""


def held(symbol: str = "ETH/USD") -> Position:
    """Paid for with 300.5 of the quote currency."""
    entry = replace(WAITING, symbol=symbol)
    fill = Fill("f", "o", ACCOUNT, symbol, Side.BUY, Decimal(3), Decimal(100), Decimal("0.5"), "USD", False, 0)
    return Position.opened_by(replace(fill, fee_currency=symbol.split("/")[1]), entry)


class Books:
    def __init__(self, *orders: Any, positions: tuple[Position, ...] = ()) -> None:
        self._orders, self._positions = orders, positions

    def open_orders(self, account: str, symbol: str | None = None) -> tuple[Any, ...]:
        return self._orders

    def positions(self, account: str) -> tuple[Position, ...]:
        return self._positions


def found(books: Any, account: str = ACCOUNT, **armed: str) -> list[str]:
    def allowance(account: str, currency: str, now_ms: int) -> Allowance:
        return Allowance(Decimal(armed[currency]), unproven=False) if currency in armed else NO_ALLOWANCE

    told = AllowanceExceeded(books, allowance, FakeClock()).restrictions(account)
    assert all(each.mode is TradingMode.REDUCING and each.ends_resting_entries for each in told)
    return [each.detail.split(" are invested")[0] for each in told]


@pytest.mark.parametrize(
    ("positions", "armed", "expected"),
    [
        ((), "198", []),
        ((), "197.99", ["198.00 USD"]),
        ((held(),), "498.50", []),
        ((held(),), "498.49", ["498.50 USD"]),
        ((held("ETH/EUR"),), "198", []),
    ],
)
def test_what_was_paid_and_what_waits_is_held_against_the_leave(
    positions: tuple[Position, ...], armed: str, expected: list[str]
) -> None:
    assert found(Books(WAITING, positions=positions), USD=armed) == expected


def test_what_waits_in_another_currency_than_the_armed_one_is_not_covered() -> None:
    assert found(Books(WAITING), EUR="10000") == ["198.00 USD"]


def test_what_was_filled_counts_as_what_is_held() -> None:
    part = replace(WAITING, filled=Decimal("1.5"), status=OrderStatus.PARTIALLY_FILLED)
    assert found(Books(part), USD="49.5") == []


@pytest.mark.parametrize(
    ("account", "orders"),
    [
        ("paper:kraken", [WAITING]),
        (ACCOUNT, []),
        (ACCOUNT, [replace(WAITING, side=Side.SELL, purpose=Purpose.TAKE_PROFIT)]),
    ],
    ids=["paper", "nothing waits", "only an exit waits"],
)
def test_nothing_else_is_held_back(account: str, orders: list[Any]) -> None:
    assert found(Books(*orders, positions=(held(),)), account) == []


@pytest.mark.parametrize(("exposure", "invested"), [("10", "498.50"), ("498.51", "498.51")])
def test_a_fall_in_price_makes_no_room_for_another_purchase(exposure: str, invested: str) -> None:
    """What is held was bought for 300.5 and is worth next to nothing, or more than it cost."""
    money = Decimal(1_000)
    eth = held()
    portfolio = Portfolio(
        ACCOUNT, "USD", money, money, money, money, Decimal(exposure), {eth.symbol: eth}, open_orders=(WAITING,)
    )
    assert portfolio.invested == Decimal(invested)
    assert invested_cost([eth], [WAITING], "EUR") == 0
