"""Constraints on the numbers of a rule or of settings: which must be below which."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Bound = str | float
"""The name of a number, or a fixed number."""


@dataclass(frozen=True, slots=True)
class Below:
    """``lower`` must be less than ``upper``: ``Below("fast", "slow")``, ``Below(0, "hold")``."""

    lower: Bound
    upper: Bound

    def __str__(self) -> str:
        """``fast must be below slow``, ``hold must be above 0``."""
        return self.sentence({})

    def is_broken(self, values: Mapping[str, float]) -> bool:
        """Whether these values break it. A name without a value breaks nothing."""
        lower, upper = (values.get(each) if isinstance(each, str) else each for each in (self.lower, self.upper))
        return lower is not None and upper is not None and not lower < upper

    def sentence(self, values: Mapping[str, float]) -> str:
        """The constraint in words, with those of the values that are known: ``fast = 30 must be below slow = 20``."""
        lower, upper = (_named(each, values) for each in (self.lower, self.upper))
        return f"{lower} must be below {upper}" if isinstance(self.lower, str) else f"{upper} must be above {lower}"


def contradiction(constraints: Iterable[Below], values: Mapping[str, float]) -> str | None:
    """The sentence of the first constraint that these values break; None if they break none."""
    return next((each.sentence(values) for each in constraints if each.is_broken(values)), None)


def _named(bound: Bound, values: Mapping[str, float]) -> str:
    if isinstance(bound, str):
        return f"{bound} = {values[bound]:g}" if bound in values else bound
    return f"{bound:g}"


def fixed_bounds(constraints: Iterable[Below], name: str) -> tuple[float, float]:
    """The numbers between which the constraints keep this one; infinite without any."""
    pairs = [(each.lower, each.upper) for each in constraints]
    low = max((lower for lower, upper in pairs if upper == name and not isinstance(lower, str)), default=-math.inf)
    return low, min((upper for lower, upper in pairs if lower == name and not isinstance(upper, str)), default=math.inf)
