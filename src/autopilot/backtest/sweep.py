"""An honest parameter search: the best values of each fold are tested on the candles that follow it, and the best of
many tries is compared with the best that luck alone would reach."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from autopilot.domain.candles import FloatArray
from autopilot.performance.evidence import daily_sharpe, deflated_sharpe, expected_maximum_sharpe
from autopilot.performance.metrics import DAYS_A_YEAR

MIN_TRADES = 10
"""A try with fewer trades is no evidence, and is not chosen."""
SKILL = 0.95
"""The deflated Sharpe ratio from which the best try counts as more than luck."""

Values = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Parameter:
    """``name``: the strategy's field or, with ``is_key``, a dotted configuration key. The range includes both ends."""

    name: str
    low: float
    high: float
    is_whole: bool
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class SweepFold:
    """Values are searched on closes up to ``search_until_ms`` and tested on those up to ``test_until_ms``."""

    search_until_ms: int
    test_until_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class Try:
    """The result of one set of values. ``daily``: float64[days], net returns."""

    values: Values
    daily: FloatArray
    trades: int

    @property
    def score(self) -> float | None:
        """The daily Sharpe ratio; None with too few trades."""
        return daily_sharpe(self.daily) if self.trades >= MIN_TRADES else None


@dataclass(frozen=True, slots=True)
class Luck:
    """Annual Sharpe ratios of the best try and, expected, of the best of as many tries without skill.

    ``deflated``: the probability that the best try has skill. Source: Bailey & López de Prado (2014), The
    Deflated Sharpe Ratio, Journal of Portfolio Management 40.
    """

    tries: int
    best: float
    expected: float
    deflated: float

    @property
    def is_skill(self) -> bool:
        return self.deflated >= SKILL


def folds_of(first_ms: int, end_ms: int, count: int) -> tuple[SweepFold, ...]:
    """``count`` folds: the period in ``count`` + 1 equal parts, each but the first of which is tested once."""
    bounds = np.linspace(first_ms, end_ms, count + 2).astype(np.int64).tolist()
    return tuple(SweepFold(*each) for each in pairwise(bounds[1:]))


def best_of(tries: Sequence[Try]) -> Try | None:
    """The try with the highest score, the first of equals; None if no try has a score."""
    scored = [(each.score, each) for each in tries]
    known = [(score, each) for score, each in scored if score is not None]
    return max(known, key=lambda pair: pair[0])[1] if known else None


def luck_of(tries: Sequence[Try], best: Try) -> Luck:
    """The luck in ``best``, which is one of ``tries``. Tries with too few trades count as tries."""
    scores = [each.score for each in tries]
    known = np.array([score for score in scores if score is not None])
    variance = float(known.var(ddof=1)) if len(known) > 1 else 0.0
    return Luck(
        tries=len(tries),
        best=yearly(daily_sharpe(best.daily)),
        expected=yearly(expected_maximum_sharpe(len(tries), variance)),
        deflated=deflated_sharpe(best.daily, len(tries), variance),
    )


def yearly(ratio: float) -> float:
    """A daily Sharpe ratio as an annual one."""
    return ratio * math.sqrt(DAYS_A_YEAR)
