"""Parameters searched for without fooling oneself: what was found in the past of each fold is tried on what follows it,
and the best of many tries is held against the best that luck makes of as many."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from autopilot.domain.candles import FloatArray
from autopilot.performance.evidence import daily_sharpe, deflated_sharpe, expected_maximum_sharpe
from autopilot.performance.metrics import DAYS_A_YEAR

LEAST_TRADES = 10
"""With fewer a try is no evidence of anything, and is not chosen."""
SKILL = 0.95
"""A deflated Sharpe ratio from which the best try is taken for more than luck."""

Values = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Parameter:
    """``name``: of the strategy's field, or, with ``is_key``, a dotted configuration key. Both ends may be tried."""

    name: str
    low: float
    high: float
    is_whole: bool
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class SweepFold:
    """Closes up to ``search_until_ms`` are searched, those from then up to ``test_until_ms`` tell what it was worth."""

    search_until_ms: int
    test_until_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class Try:
    """What one set of values came to: ``daily`` float64[days], net returns."""

    values: Values
    daily: FloatArray
    trades: int

    @property
    def score(self) -> float | None:
        """Sharpe ratio a day; None with too few trades."""
        return daily_sharpe(self.daily) if self.trades >= LEAST_TRADES else None


@dataclass(frozen=True, slots=True)
class Luck:
    """Sharpe ratios a year of the best try and, by expectation, of the best of as many tries without skill.

    ``deflated``: the probability that the best has skill all the same. Source: Bailey & López de Prado (2014), The
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
    """``count`` folds: the period in ``count`` + 1 equal parts, of which each but the first is tested once."""
    bounds = np.linspace(first_ms, end_ms, count + 2).astype(np.int64).tolist()
    return tuple(SweepFold(*each) for each in pairwise(bounds[1:]))


def best_of(tries: Sequence[Try]) -> Try | None:
    """The first of those with the highest score; None where none has one."""
    scored = [(each.score, each) for each in tries]
    known = [(score, each) for score, each in scored if score is not None]
    return max(known, key=lambda pair: pair[0])[1] if known else None


def luck_of(tries: Sequence[Try], best: Try) -> Luck:
    """``best`` is one of ``tries``; those with too few trades were tried as well."""
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
    """A Sharpe ratio a day as one a year."""
    return ratio * math.sqrt(DAYS_A_YEAR)
