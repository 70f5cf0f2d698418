"""Formulas of one notation for arrays and for numbers.

A formula is written once and computed in two ways: over a whole series, where each value is an array with one entry per
candle, and at one candle, where each value is a float. These functions take either. Both ways give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isnan, sqrt
from typing import Any

import numpy as np

Numbers = Any
"""float64[n], one entry per candle, or a float at one candle."""
Truths = Any
"""bool[n], one entry per candle, or a bool at one candle."""


def log(values: Numbers) -> Numbers:
    """Natural logarithm. Of a float by NumPy too, because the math module rounds otherwise."""
    return float(np.log(values)) if type(values) is float else np.log(values)


def log1p(values: Numbers) -> Numbers:
    """ln(1 + value)."""
    return np.log1p(values) if isinstance(values, np.ndarray) else float(np.log1p(values))


def sine_and_cosine(values: Numbers) -> tuple[Numbers, Numbers]:
    if type(values) is float:
        return float(np.sin(values)), float(np.cos(values))
    return np.sin(values), np.cos(values)


def root(values: Numbers) -> Numbers:
    """Square root."""
    return sqrt(values) if type(values) is float else np.sqrt(values)


def larger(values: Numbers, other: Numbers) -> Numbers:
    """The larger of two. A NaN of ``values`` stays NaN."""
    if type(values) is float:
        return max(values, other)
    return np.maximum(values, other)


def smaller(values: Numbers, other: Numbers) -> Numbers:
    """The smaller of two. A NaN of ``values`` stays NaN."""
    if type(values) is float:
        return min(values, other)
    return np.minimum(values, other)


def sign(values: Numbers) -> Numbers:
    """-1, 0 or 1; NaN stays NaN."""
    if type(values) is float:
        return float((values > 0.0) - (values < 0.0)) if not isnan(values) else values
    return np.sign(values)


def floor(values: Numbers) -> Numbers:
    """The greatest whole number that is not larger; NaN stays NaN."""
    if type(values) is float:
        return values // 1.0
    return np.floor(values)


def either(condition: Truths, values: Numbers, other: Numbers) -> Numbers:
    """``values`` where the condition holds, ``other`` elsewhere."""
    if isinstance(condition, np.ndarray):
        return np.where(condition, values, other)
    return values if condition else other


def finite(values: Numbers) -> Truths:
    """Neither NaN nor infinite."""
    if type(values) is float:
        return values - values == 0.0
    return np.isfinite(values)


def negated(condition: Truths) -> Truths:
    """Where the condition does not hold."""
    return ~condition if isinstance(condition, np.ndarray) else not condition


def both(condition: Truths, other: Callable[[], Truths]) -> Truths:
    """Where both hold. The other is not asked at a candle at which the first does not hold."""
    return condition & other() if isinstance(condition, np.ndarray) else condition and other()


def how_many(conditions: Sequence[Truths]) -> Numbers:
    """How many of the conditions hold."""
    if isinstance(conditions[0], np.ndarray):
        return np.sum([each.view(np.int8) for each in conditions], axis=0, dtype=np.int8)
    return float(sum(conditions))


def quotient(part: Numbers, whole: Numbers, neutral: float) -> Numbers:
    """``part / whole``; ``neutral`` if the whole is zero, NaN if it is NaN."""
    if type(whole) is float:
        return neutral if whole == 0.0 else part / whole
    nothing = whole == 0.0
    return np.where(nothing, neutral, part / np.where(nothing, 1.0, whole))


def unit(values: Numbers) -> Numbers:
    """Bounded to [0, 1]; NaN counts as 0."""
    if type(values) is float:
        return (min(1.0, values)) if values > 0.0 else 0.0
    bounded = np.fmax(values, 0.0)
    return np.fmin(bounded, 1.0, out=bounded)
