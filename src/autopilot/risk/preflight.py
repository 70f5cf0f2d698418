"""Pre-flight: denies orders that the exchange would reject, or that make no sense, before they are sent."""

from __future__ import annotations

from decimal import Decimal

from autopilot.domain.decision import Check
from autopilot.domain.market import Market
from autopilot.domain.money import ONE, ZERO, floor_to_step
from autopilot.domain.portfolio import Position

EXIT_MARGIN = Decimal("0.05")
"""The part of its value that a sale at the stop may lose, to a falling price or to the exchange's own valuation."""


def order_checks(market: Market, quantity: Decimal, price: Decimal, min_order_value: Decimal = ZERO) -> list[Check]:
    """Amount and value against the market's minimums, and the value against ``min_order_value``."""
    value, least, least_amount = quantity * price, max(min_order_value, market.min_cost), market.least_amount
    return [
        Check(
            "AMOUNT_BELOW_MINIMUM",
            quantity >= least_amount,
            float(quantity),
            float(least_amount),
            market.base,
            f"amount {quantity:f} {market.base}, the market's minimum is {least_amount:f}",
        ),
        Check(
            "VALUE_BELOW_MINIMUM",
            value >= least,
            float(value),
            float(least),
            market.quote,
            f"order value {value:.2f} {market.quote}, the minimum is {least}",
        ),
    ]


def exit_check(market: Market, quantity: Decimal, stop: Decimal) -> Check:
    """Whether the amount, less a fee taken in coins, could still be sold at its stop."""
    left = floor_to_step(quantity * (ONE - market.taker_fee), market.amount_step)
    value = left * stop * (ONE - EXIT_MARGIN)
    return Check(
        "EXIT_BELOW_MINIMUM",
        left >= market.least_amount and value >= market.min_cost,
        float(value),
        float(market.min_cost),
        market.quote,
        f"at the stop {left} {market.base} would sell for {value:.2f} {market.quote}, the market's minimum is"
        f" {market.least_amount} {market.base} and {market.min_cost} {market.quote}",
    )


def could_be_sold(market: Market, quantity: Decimal, price: Decimal) -> bool:
    """Whether the quantity is above the market's minimums at this price, that is, no dust."""
    amount = floor_to_step(quantity, market.amount_step)
    return all(check.passed for check in order_checks(market, amount, price))


def stop_check(market: Market, stop: Decimal, price: Decimal) -> Check:
    """A buy at or below its stop would be sold at once, and no size would limit its loss."""
    return Check(
        "STOP_NOT_BELOW_PRICE",
        ZERO < stop < price,
        float(stop),
        float(price),
        market.quote,
        f"the stop {stop}, which must be above zero and below the price {price}",
    )


def balance_check(market: Market, quantity: Decimal, price: Decimal, free: Decimal) -> Check:
    """A buy needs its value and the estimated fee in free cash."""
    needed = quantity * price * (1 + market.taker_fee)
    return Check(
        "BALANCE_INSUFFICIENT",
        free >= needed,
        float(free),
        float(needed),
        market.quote,
        f"{free:.2f} {market.quote} free, {needed:.2f} needed including the fee",
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
        f"{held:f} {market.base} held, {quantity:f} to be sold" if held else f"no {market.base} held to sell",
    )


def exit_checks(market: Market, position: Position | None, quantity: Decimal, price: Decimal) -> list[Check]:
    """Whether a user may sell ``quantity`` of the position: it covers the amount, the amount and its value can be
    ordered, and what stays could be sold too. The first that fails counts."""
    held = position.quantity if position else ZERO
    rest, amount = held - quantity, floor_to_step(quantity, market.amount_step)
    return [
        position_check(market, position, quantity),
        Check(
            "AMOUNT_NOT_IN_STEPS",
            amount == quantity or rest == ZERO,
            float(quantity),
            float(market.amount_step),
            market.base,
            f"amount {quantity:f} {market.base}, the market trades in steps of {market.amount_step:f}",
        ),
        *order_checks(market, amount, price),
        Check(
            "REST_BELOW_MINIMUM",
            rest == ZERO or could_be_sold(market, rest, price),
            float(rest),
            float(market.least_amount),
            market.base,
            f"{rest:f} {market.base} would remain, too little to sell later",
        ),
    ]
