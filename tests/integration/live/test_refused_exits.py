"""An exchange that refuses to sell."""

from __future__ import annotations

from typing import Any

import pytest

from autopilot.adapters.store.views.status import status_document


async def holding(whole: Any) -> None:
    await whole.cycle()
    (order,) = whole.exchange.orders.values()
    whole.exchange.fill(order, order.quantity)
    await whole.cycle()
    assert whole.ledger.positions("live:kraken")


@pytest.mark.parametrize(
    "words",
    [
        "EOrder:Insufficient funds",
        "EGeneral:Permission denied",
        "ETrade:Locked",
        "EService:Market in cancel_only mode",
        "EService:Market in post_only mode",
        "EOrder:Order minimum not met",
    ],
)
async def test_measure(whole: Any, words: str) -> None:
    await holding(whole)
    before = len(whole.exchange.asked)
    rows = whole.database.rows("SELECT count(*) FROM audit")[0][0]
    orders = whole.database.rows("SELECT count(*) FROM orders")[0][0]
    whole.move(0.7)
    whole.exchange.faults["AddOrder"] = [words] * 1000
    for _ in range(60):
        await whole.cycle()
    asked = [name for name, _ in whole.exchange.asked[before:]]
    health = status_document(whole.database.path, whole.clock.at_ms)["health"]
    print(
        words,
        {n: asked.count(n) for n in sorted(set(asked))},
        "orders",
        whole.database.rows("SELECT count(*) FROM orders")[0][0] - orders,
        "audit",
        whole.database.rows("SELECT count(*) FROM audit")[0][0] - rows,
        whole.autopilot.record.state,
        whole.autopilot.record.message,
        [(h["code"], h["level"], h["subject"], h["detail"], h["hint"]) for h in health],
    )
