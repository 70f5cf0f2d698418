"""The orders that may get a position out after the exchange refused one: another type, or less. docs/risk.md states
their order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from autopilot.domain.market import Market
from autopilot.domain.money import ONE
from autopilot.domain.order import Order, OrderStatus, OrderType
from autopilot.domain.refusal import RefusalReason, RefusedExit, reason_of
from autopilot.execution.exit_order import ExitOrder
from autopilot.risk.preflight import could_be_sold

BELOW_PRICE = Decimal("0.02")
"""The part of the latest price by which the limit of an exit that must not wait is below it."""
LIMIT_LIFE_MS = 90_000
"""The life of such a limit order. Then the next one is sent, below the latest price again."""
_OTHER_TYPE = frozenset({RefusalReason.MARKET_ORDERS, RefusalReason.OTHER})


def order_after(
    wanted: ExitOrder, last: Order, refused: RefusedExit | None, quantity: Decimal, market: Market
) -> ExitOrder:
    """``wanted`` as an order that the exchange may accept after ``last``, an exit that is over and sold too little.

    ``quantity`` is the most that can be sold, in base currency. ``refused``: the refusals so far, None if ``last`` was
    accepted.
    """
    if refused:
        quantity = _less(last, refused, quantity, wanted.market_price, market)
    limit = max(market.price_below(wanted.market_price * (ONE - BELOW_PRICE)), market.price_step)
    by_limit = _wants_limit(last) and could_be_sold(market, quantity, limit)
    return replace(
        wanted,
        type=OrderType.LIMIT if by_limit else OrderType.MARKET,
        price=wanted.market_price,
        limit=limit if by_limit else None,
        trigger_price=None if by_limit else wanted.trigger_price,
        quantity=quantity,
    )


def _wants_limit(last: Order) -> bool:
    """Market and limit take turns while the exchange refuses the type, or does not say why. A limit that was accepted
    and not reached is followed by another one."""
    was_limit = last.type is OrderType.LIMIT
    if not last.sells_at_once:
        return False  # a take-profit, or a stop order: an order at market was not tried yet
    if last.status is OrderStatus.REJECTED and reason_of(last.detail) in _OTHER_TYPE:
        return not was_limit
    return was_limit


def _less(last: Order, refused: RefusedExit, quantity: Decimal, price: Decimal, market: Market) -> Decimal:
    """Half of the last quantity if that may have been refused; after the smallest, ``quantity`` again."""
    was_both = last.type is OrderType.LIMIT and last.sells_at_once
    if refused.reason is RefusalReason.OTHER and not was_both:
        return min(quantity, last.quantity)  # the limit order is tried with it, too
    half = last.quantity / 2
    if refused.reason in (RefusalReason.TOO_LARGE, RefusalReason.OTHER) and quantity >= last.quantity:
        return half if could_be_sold(market, half, price) else quantity
    return quantity
