"""Answers that make no sense, and orders that could not be sent: neither says anything of an order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from autopilot.adapters.exchange import gateway as gateway_module
from autopilot.domain.errors import MarketUnavailable, OrderRejected
from autopilot.domain.order import OrderStatus, OrderType


@pytest.mark.parametrize(
    ("call", "nonsense"),
    [
        ("QueryTrades", {"time": None}),
        ("QueryTrades", {"type": "gift"}),
        ("QueryTrades", {"price": "a lot"}),
        ("QueryOrders", {"vol_exec": "a lot"}),
    ],
)
async def test_what_makes_no_sense_is_no_answer(
    live: Any, call: str, nonsense: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    order = live.intend(OrderType.LIMIT)
    await live.follow()
    live.exchange.fill(live.exchange.named(order.client_order_id)[0], order.quantity)
    plain = getattr(live.exchange, f"_do_{call}")
    with monkeypatch.context() as patch:
        patch.setattr(live.exchange, f"_do_{call}", lambda fields: _with(plain(fields), nonsense))
        with pytest.raises(MarketUnavailable, match="an unusable answer"):
            await live.desk.follow(live.market)
    await live.follow()
    assert live.order(order).status is OrderStatus.FILLED
    live.assert_agreed()


async def test_an_order_without_a_time_is_not_found_and_not_missing(live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    live.exchange.faults["AddOrder"] = ["reset after"]
    order = live.intend(OrderType.LIMIT)
    await live.follow()
    plain = live.exchange._do_OpenOrders
    monkeypatch.setattr(
        live.exchange, "_do_OpenOrders", lambda fields: {"open": _with(plain(fields)["open"], {"opentm": None})}
    )
    with pytest.raises(MarketUnavailable, match="an unusable answer"):
        await live.desk.follow(live.market)
    assert live.order(order).status is OrderStatus.UNKNOWN


@pytest.fixture
def opened(live: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The objects of ccxt that are opened for accounts."""
    plain: Callable[..., Any] = gateway_module.open_exchange
    found = []

    async def opening(*arguments: Any, **more: Any) -> Any:
        found.append(await plain(*arguments, **more))
        return found[-1]

    monkeypatch.setattr(gateway_module, "open_exchange", opening)
    return found


async def test_an_order_that_waits_for_its_turn_till_the_end_is_not_refused_hang(live: Any, opened: list[Any]) -> None:
    async def never(cost: float | None = None) -> None:
        await asyncio.Event().wait()

    await live.broker.balances()
    opened[0].throttler, opened[0].enableRateLimit = never, True
    order = live.intend(OrderType.MARKET)
    await live.follow()
    assert live.order(order).status is OrderStatus.NEW
    opened[0].enableRateLimit = False
    await live.follow()
    assert live.order(order).status is OrderStatus.FILLED


async def test_a_bug_before_anything_is_sent_is_no_refusal(
    live: Any, opened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    await live.broker.balances()
    monkeypatch.setattr(opened[0], "amount_to_precision", lambda *_: None + 1)
    order = live.intend(OrderType.MARKET)
    await live.follow()
    assert live.order(order).status is OrderStatus.NEW


async def test_what_ccxt_itself_does_not_take_is_refused(live: Any) -> None:
    order = live.intend(OrderType.MARKET, quantity="0.000000001")
    with pytest.raises(OrderRejected, match="does not take such orders"):
        await live.broker.submit(order.to(OrderStatus.SUBMITTED, live.clock.at_ms), live.market)


def _with(rows: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: {**row, **changes} for name, row in rows.items()}
