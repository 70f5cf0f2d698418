"""Amounts of money and coins: always Decimal, rounded explicitly and in a stated direction."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

ZERO = Decimal(0)
ONE = Decimal(1)


def to_decimal(value: float | int | str | Decimal) -> Decimal:
    """The value as the shortest decimal with the same text. Raises ValueError if it is not finite."""
    number = value if isinstance(value, Decimal) else Decimal(repr(value) if isinstance(value, float) else value)
    if not number.is_finite():
        raise ValueError(f"{value!r} is not an amount")
    return number


def floor_to_step(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of ``step`` not above ``value``."""
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def ceil_to_step(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of ``step`` not below ``value``."""
    return (value / step).to_integral_value(ROUND_CEILING) * step


def round_to_step(value: Decimal, step: Decimal) -> Decimal:
    """The multiple of ``step`` nearest to ``value``, ties to even."""
    return (value / step).to_integral_value(ROUND_HALF_EVEN) * step
