"""Exact arithmetic with decimal numbers as integers. Importing ``decimal`` takes as long as drawing a screen."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    FixedPoint: TypeAlias = tuple[int, int]
    """A number in units of its last decimal, and how many decimals it has: ``(1250, 2)`` is 12.50."""


def fixed(value: float | int | str) -> FixedPoint:
    """The number as it is written: ``"12.50"`` → ``(1250, 2)``, ``1e-07`` → ``(1, 7)``."""
    mantissa, _, exponent = str(value).lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    units, decimals = int(whole + fraction), len(fraction) - int(exponent or 0)
    return (units, decimals) if decimals >= 0 else (units * 10**-decimals, 0)


def times(left: FixedPoint, right: FixedPoint) -> FixedPoint:
    return left[0] * right[0], left[1] + right[1]


def minus(left: FixedPoint, right: FixedPoint) -> FixedPoint:
    decimals = max(left[1], right[1])
    return left[0] * 10 ** (decimals - left[1]) - right[0] * 10 ** (decimals - right[1]), decimals


def rounded(number: FixedPoint, decimals: int) -> FixedPoint:
    """With so many decimals; half to even."""
    units, more = number[0], number[1] - decimals
    if more <= 0:
        return units * 10**-more, decimals
    quotient, rest = divmod(units, 10**more)
    half = 5 * 10 ** (more - 1)
    return quotient + (rest > half or (rest == half and quotient % 2 == 1)), decimals


def grouped(number: FixedPoint) -> str:
    """``(-1234567, 2)`` → ``-12,345.67``."""
    units, decimals = number
    whole, fraction = divmod(abs(units), 10**decimals)
    sign = "-" if units < 0 else ""
    return f"{sign}{whole:,}.{fraction:0{decimals}}" if decimals else f"{sign}{whole:,}"
