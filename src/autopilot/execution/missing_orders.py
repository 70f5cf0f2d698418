"""Orders that the exchange had accepted and no longer knows."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.order import Order
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS

MISSED_MS, LOOK_COUNTS_MS = HOUR_MS, 5 * MINUTE_MS
"""An order is over after it has been missing for ``MISSED_MS`` without being seen once: an exchange that loses sight of
a live or filled order shows it again sooner. The time between two looks counts as at most ``LOOK_COUNTS_MS``, because
nobody asked or nobody answered meanwhile."""


@dataclass(frozen=True, slots=True)
class _Missed:
    for_ms: int
    at_ms: int


class MissingOrders:
    """How long each order has been missing. It is not stored: a new process starts counting again."""

    def __init__(self) -> None:
        self._missed: dict[str, _Missed] = {}

    def seen(self, client_order_id: str) -> None:
        """The exchange knows the order again."""
        self._missed.pop(client_order_id, None)

    def miss(self, order: Order, now_ms: int) -> None:
        """Count another look that did not find the order. Raises MarketUnavailable until it has been missing for
        long enough: before that, selling again could sell the same coins twice."""
        name = order.client_order_id
        before = self._missed.get(name, _Missed(0, now_ms))
        passed_ms = min(max(now_ms - before.at_ms, 0), LOOK_COUNTS_MS)
        missed = self._missed[name] = _Missed(before.for_ms + passed_ms, now_ms)
        if missed.for_ms < MISSED_MS:
            raise MarketUnavailable(
                f"{order.symbol}: the exchange does not know order {name}, which it had accepted",
                hint="the next cycle asks again; after an hour the order counts as canceled",
            )
        del self._missed[name]
