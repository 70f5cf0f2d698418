"""Pre-flight: what the exchange would refuse, or what makes no sense as an order, is refused before it is sent."""

from __future__ import annotations

from decimal import Decimal

from autopilot.domain.decision import Check
from autopilot.domain.market import Market
from autopilot.domain.money import ZERO
from autopilot.domain.portfolio import Position


def order_checks(market: Market, quantity: Decimal, price: Decimal, min_order_value: Decimal) -> list[Check]:
    """Amount and value against the market's minimums and our own."""
    value, least, least_amount = quantity * price, max(min_order_value, market.min_cost), market.least_amount
    return [
        Check(
            "AMOUNT_BELOW_MINIMUM",
            quantity >= least_amount,
            float(quantity),
            float(least_amount),
            market.base,
            f"amount {quantity} {market.base}, the market's least is {least_amount}",
        ),
        Check(
            "VALUE_BELOW_MINIMUM",
            value >= least,
            float(value),
            float(least),
            market.quote,
            f"order value {value:.2f} {market.quote}, the least is {least}",
        ),
    ]


def stop_check(market: Market, stop: Decimal, price: Decimal) -> Check:
    """What is bought at or below its stop would be sold at once, and no size would bound the loss."""
    return Check(
        "STOP_NOT_BELOW_PRICE",
        ZERO < stop < price,
        float(stop),
        float(price),
        market.quote,
        f"the stop {stop} must lie above zero and below the price {price}",
    )


def balance_check(market: Market, quantity: Decimal, price: Decimal, free: Decimal) -> Check:
    """A buy needs its value and the fee estimate in free cash."""
    needed = quantity * price * (1 + market.taker_fee)
    return Check(
        "BALANCE_INSUFFICIENT",
        free >= needed,
        float(free),
        float(needed),
        market.quote,
        f"{free:.2f} {market.quote} free, {needed:.2f} needed with the fee",
    )


def position_check(market: Market, position: Position | None, quantity: Decimal) -> Check:
    """A sale needs a position that covers it."""
    held = position.quantity if position else ZERO
    return Check(
        "POSITION_MISSING" if held == ZERO else "POSITION_TOO_SMALL",
        held > ZERO and held >= quantity,
        float(held),
        float(quantity),
        market.base,
        f"{held} {market.base} held, {quantity} to be sold" if held else f"no {market.base} held that could be sold",
    )
