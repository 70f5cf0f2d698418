"""Pre-flight: what the exchange would refuse, or what makes no sense as an order, is refused before it is sent."""

from __future__ import annotations

from decimal import Decimal

from autopilot.domain.decision import Check
from autopilot.domain.market import Market
from autopilot.domain.money import ONE, ZERO, floor_to_step
from autopilot.domain.portfolio import Position

EXIT_MARGIN = Decimal("0.05")
"""How much less than its stop a sale may bring, in a fall or by an exchange's own way of reckoning its value."""


def order_checks(market: Market, quantity: Decimal, price: Decimal, min_order_value: Decimal = ZERO) -> list[Check]:
    """Amount and value against the market's minimums and, of an entry, our own."""
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


def exit_check(market: Market, quantity: Decimal, stop: Decimal) -> Check:
    """What is bought must be worth selling at its stop, a fee in coins taken off."""
    left = floor_to_step(quantity * (ONE - market.taker_fee), market.amount_step)
    value = left * stop * (ONE - EXIT_MARGIN)
    return Check(
        "EXIT_BELOW_MINIMUM",
        left >= market.least_amount and value >= market.min_cost,
        float(value),
        float(market.min_cost),
        market.quote,
        f"{left} {market.base} would be sold at the stop for {value:.2f} {market.quote}, the market's least is"
        f" {market.least_amount} and {market.min_cost}",
    )


def could_be_sold(market: Market, quantity: Decimal, price: Decimal) -> bool:
    """Whether so much is more than dust at this price."""
    amount = floor_to_step(quantity, market.amount_step)
    return all(check.passed for check in order_checks(market, amount, price))


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
