"""What differs is named, and what it cost is split so that the parts make the whole."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.backtest.parity import ComparedDecision, cost_of, differing
from autopilot.domain.order import Fill, Side

SAID = ComparedDecision("d1", "BTC/USD", 1000, "momentum", "momentum", "rules", 0.8, "buy", "order", None)
LAST = {"BTC/USD": Decimal(110), "ETH/USD": Decimal(9)}


def fill(
    order: str, side: Side, quantity: str, price: str, fee: str = "0", symbol: str = "BTC/USD", currency: str = "USD"
) -> Fill:
    return Fill(
        fill_id=f"{order}:{quantity}:{price}",
        client_order_id=order,
        account="a",
        symbol=symbol,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(fee),
        fee_currency=currency,
        is_maker=False,
        at_ms=0,
    )


def test_the_same_is_the_same() -> None:
    assert differing([SAID], [replace(SAID, confidence=0.8 + 4e-7)]) == ()


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"strategy": "macd", "group": "trend_following"}, ("group", "strategy")),
        ({"confidence": 0.79}, ("confidence",)),
        ({"action": "denied", "denied_code": "COOLDOWN_ACTIVE"}, ("action", "denied_code")),
        ({"signal_type": "sell"}, ("signal_type",)),
        ({"decided_by": "model"}, ("decided_by",)),
    ],
)
def test_what_differs_is_named(changes: dict[str, object], fields: tuple[str, ...]) -> None:
    (found,) = differing([SAID], [replace(SAID, **changes)])
    assert found.fields == fields


def test_what_only_one_of_them_decided_is_missing_in_the_other_and_all_come_by_time() -> None:
    later = replace(SAID, id="d2", candle_at_ms=2000)
    found = differing([later], [SAID])
    assert [each.fields for each in found] == [("missing",)] * 2
    assert [each.recorded is None for each in found] == [True, False]


@pytest.mark.parametrize(
    ("recorded", "again", "part", "cost"),
    [
        ([fill("a", Side.BUY, "1", "101")], [fill("a", Side.BUY, "1", "100")], "price", "-1"),
        ([fill("a", Side.SELL, "2", "101")], [fill("a", Side.SELL, "2", "100")], "price", "2"),
        ([fill("a", Side.BUY, "1", "100", "0.3")], [fill("a", Side.BUY, "1", "100", "0.1")], "fee", "-0.2"),
        ([fill("a", Side.BUY, "1", "100", "0.002", currency="BTC")], [fill("a", Side.BUY, "1", "100")], "fee", "-0.2"),
        ([fill("a", Side.BUY, "1", "100", "7", currency="BNB")], [fill("a", Side.BUY, "1", "100")], "fee", "0"),
        ([fill("a", Side.BUY, "1", "100")], [fill("a", Side.BUY, "3", "100")], "missed_fill", "-20"),
        ([fill("a", Side.BUY, "1", "100", "1")], [], "signal", "9"),
        ([], [fill("a", Side.BUY, "1", "100", "1")], "signal", "-9"),
    ],
)
def test_each_cause_has_its_part(recorded: list[Fill], again: list[Fill], part: str, cost: str) -> None:
    found = cost_of(recorded, again, LAST)
    assert getattr(found, part) == Decimal(cost)
    assert found.total == Decimal(cost)


def result(fills: list[Fill]) -> Decimal:
    """Cash spent and received, and what is held at the end."""
    return sum(
        (
            (1 if each.side is Side.BUY else -1) * each.quantity * (LAST[each.symbol] - each.price) - each.fee
            for each in fills
        ),
        Decimal(0),
    )


amounts = st.sampled_from(["0.5", "1", "2"])
prices = st.sampled_from(["80", "100", "125"])
fees = st.sampled_from(["0", "0.25"])
sides = {"a": Side.BUY, "b": Side.SELL, "c": Side.BUY}
some_fills = st.lists(st.tuples(st.sampled_from(sorted(sides)), amounts, prices, fees), max_size=6)


@given(some_fills, some_fills)
def test_the_parts_make_the_whole(recorded: list[tuple[str, ...]], again: list[tuple[str, ...]]) -> None:
    one = [fill(order, sides[order], *rest) for order, *rest in recorded]
    other = [fill(order, sides[order], *rest) for order, *rest in again]
    assert abs(cost_of(one, other, LAST).total - (result(one) - result(other))) < Decimal("1e-20")
