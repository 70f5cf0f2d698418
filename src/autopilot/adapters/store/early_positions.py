"""Positions of databases up to version 9, whose books counted the coins of a fee as received. Standard library only."""

from __future__ import annotations

import json
from decimal import Decimal


def without_fee_coins(
    quantity: str,
    entry_price: str,
    cost: str,
    realized: str,
    exit_value: str,
    entry_quantity: str,
    entry_value: str,
    fees: str,
    sold: str,
) -> str:
    """The entry quantity, entry value and fees of an open position, as JSON, so that the trade in which it ends has
    (exit - entry) x quantity - fees = net. They stay if it would have that anyway. ``sold``: the quantities of its
    sales, as JSON."""
    result = Decimal(realized) - Decimal(cost)
    received = Decimal(quantity) + sum(map(Decimal, json.loads(sold)))
    if received == Decimal(entry_quantity) and Decimal(exit_value) - Decimal(entry_value) - Decimal(fees) == result:
        return json.dumps([entry_quantity, entry_value, fees])
    paid = received * Decimal(entry_price)
    return json.dumps([str(received), str(paid), str(Decimal(exit_value) - paid - result)])
