"""The regret ledger: counterfactual results of the selector's choices, compared with its alternatives.

Every figure is the mean over days of the mean over their decisions, in bps per decision over the horizon. The returns
of strategies are counterfactual and net of costs; buy and hold pays no costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from autopilot.domain.candles import BoolArray, FloatArray, IntArray
from autopilot.domain.timeframe import DAY_MS
from autopilot.performance.intervals import Interval, mean_interval

SELECTOR = "selector"
"""The chosen strategy where the decision's confidence reaches the threshold, cash (0) elsewhere."""
ALWAYS_FOLLOWED = "always_followed"
"""The chosen strategy at any confidence."""
RULE_TABLE = "rule_table"
"""The rule table's strategy at any confidence, whether it decided or not."""
EQUAL_WEIGHT = "equal_weight"
"""The mean of all strategies whose data were present."""
BUY_AND_HOLD = "buy_and_hold"
CASH = "cash"
DAYS_AT_LEAST = 20
"""With fewer days the interval is too narrow for a comparison."""

Names = NDArray[np.str_]


class RegretVerdict(StrEnum):
    """The comparison of a line with the selector."""

    SAME = "same"
    """The line is the selector, or never differs from it."""
    BETTER = "better"
    """The line earned more: the interval is above 0."""
    WORSE = "worse"
    UNSHOWN = "unshown"
    """The interval contains 0."""
    TOO_FEW_DAYS = "too_few_days"
    NO_TRADES = "no_trades"
    """The strategy never traded: it is neither better nor worse."""


@dataclass(frozen=True, slots=True, eq=False)
class MaturedDecisions:
    """Decisions whose horizon is over, one per row.

    ``chosen`` and ``rule_choice`` are columns of ``returns``, -1 if the strategy is unknown; ``returns``
    float64[rows, strategies] and ``buy_and_hold`` float64[rows] are fractions over the horizon, NaN if unknown;
    ``candle_at_ms`` is the decided candle's open time.
    """

    candle_at_ms: IntArray
    symbol: Names
    regime: Names
    decided_by: Names
    confidence: FloatArray
    chosen: IntArray
    rule_choice: IntArray
    strategies: tuple[str, ...]
    returns: FloatArray
    buy_and_hold: FloatArray

    def __len__(self) -> int:
        return len(self.candle_at_ms)

    def last_days(self, days: int) -> MaturedDecisions:
        """The decisions of the last ``days`` UTC days, up to the newest decision."""
        day = self.candle_at_ms // DAY_MS
        return self.rows(np.flatnonzero(day > day.max(initial=0) - days))

    def rows(self, index: IntArray) -> MaturedDecisions:
        return replace(
            self,
            candle_at_ms=self.candle_at_ms[index],
            symbol=self.symbol[index],
            regime=self.regime[index],
            decided_by=self.decided_by[index],
            confidence=self.confidence[index],
            chosen=self.chosen[index],
            rule_choice=self.rule_choice[index],
            returns=self.returns[index],
            buy_and_hold=self.buy_and_hold[index],
        )


@dataclass(frozen=True, slots=True)
class Line:
    """The results of one way to choose. ``traded``: number of decisions with a return other than 0; ``hit_rate``: share
    of gains among them, None without any. ``regret_bps``: this line less the selector, paired by decision."""

    name: str
    decisions: int
    days: int
    traded: int
    hit_rate: float | None
    mean_bps: Interval
    regret_bps: Interval
    verdict: RegretVerdict


@dataclass(frozen=True, slots=True)
class Slice:
    """The decisions with one attribute in common."""

    name: str
    decisions: int
    days: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class RegretLedger:
    """``lines`` begin with the selector; ``strategies`` are each strategy alone, the best first, those without a trade
    last.

    ``followed``: decisions whose confidence reached the threshold.
    """

    decisions: int
    days: int
    followed: int
    first_at_ms: int
    last_at_ms: int
    lines: tuple[Line, ...]
    strategies: tuple[Line, ...]
    by_regime: tuple[Slice, ...]
    by_symbol: tuple[Slice, ...]
    by_decider: tuple[Slice, ...]


def regret_ledger(matured: MaturedDecisions, threshold: float) -> RegretLedger:
    """``matured``: at least one row, in any order; ``threshold``: the confidence that a choice needs to be followed."""
    rows = matured.rows(np.lexsort((matured.chosen, matured.confidence, matured.symbol, matured.candle_at_ms)))
    day = rows.candle_at_ms // DAY_MS
    followed = rows.confidence >= threshold
    earned = _earned(rows, followed)
    alone = [_line(name, rows.returns[:, at], earned[SELECTOR], day) for at, name in enumerate(rows.strategies)]
    return RegretLedger(
        decisions=len(rows),
        days=len(np.unique(day)),
        followed=int(followed.sum()),
        first_at_ms=int(rows.candle_at_ms[0]),
        last_at_ms=int(rows.candle_at_ms[-1]),
        lines=_lines(earned, day),
        strategies=tuple(
            sorted(map(_judged, alone), key=lambda line: (not line.traded, -line.mean_bps.point, line.name))
        ),
        by_regime=_slices(rows.regime, earned, day),
        by_symbol=_slices(rows.symbol, earned, day),
        by_decider=_slices(rows.decided_by, earned, day),
    )


def _earned(rows: MaturedDecisions, followed: BoolArray) -> dict[str, FloatArray]:
    """Return of each decision by line; NaN if unknown."""
    chosen = _of_choice(rows.returns, rows.chosen)
    known = np.isfinite(rows.returns)
    total = np.where(known, rows.returns, 0.0).sum(axis=1)
    return {
        SELECTOR: np.where(followed, chosen, 0.0),
        ALWAYS_FOLLOWED: chosen,
        RULE_TABLE: _of_choice(rows.returns, rows.rule_choice),
        EQUAL_WEIGHT: np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan),
        BUY_AND_HOLD: rows.buy_and_hold,
        CASH: np.zeros(len(rows)),
    }


def _of_choice(returns: FloatArray, choice: IntArray) -> FloatArray:
    with_none = np.column_stack([returns, np.full(len(returns), np.nan)])
    return with_none[np.arange(len(returns)), choice]


def _slices(names: Names, earned: Mapping[str, FloatArray], day: IntArray) -> tuple[Slice, ...]:
    found = []
    for name in np.unique(names).tolist():
        here = names == name
        part = {line: values[here] for line, values in earned.items()}
        found.append(Slice(name, int(here.sum()), len(np.unique(day[here])), _lines(part, day[here])))
    return tuple(found)


def _lines(earned: Mapping[str, FloatArray], day: IntArray) -> tuple[Line, ...]:
    return tuple(_line(name, values, earned[SELECTOR], day) for name, values in earned.items())


def _line(name: str, earned: FloatArray, selector: FloatArray, day: IntArray) -> Line:
    known = np.isfinite(earned)
    traded = int((known & (earned != 0.0)).sum())
    daily = _daily_bps(earned, day)
    regret = _daily_bps(earned - selector, day)
    interval = mean_interval(regret)
    return Line(
        name=name,
        decisions=int(known.sum()),
        days=len(daily),
        traded=traded,
        hit_rate=float((earned > 0.0).sum() / traded) if traded else None,
        mean_bps=mean_interval(daily),
        regret_bps=interval,
        verdict=_verdict(regret, interval),
    )


def _judged(alone: Line) -> Line:
    return alone if alone.traded else replace(alone, verdict=RegretVerdict.NO_TRADES)


def _daily_bps(earned: FloatArray, day: IntArray) -> FloatArray:
    """float64[days with a known return]: the mean of each day's decisions, in bps."""
    known = np.isfinite(earned)
    _, position = np.unique(day[known], return_inverse=True)
    return 1e4 * np.bincount(position, earned[known]) / np.bincount(position)


def _verdict(daily_regret: FloatArray, interval: Interval) -> RegretVerdict:
    if len(daily_regret) and not daily_regret.any():
        return RegretVerdict.SAME
    if len(daily_regret) < DAYS_AT_LEAST:
        return RegretVerdict.TOO_FEW_DAYS
    if interval.lower > 0.0:
        return RegretVerdict.BETTER
    return RegretVerdict.WORSE if interval.upper < 0.0 else RegretVerdict.UNSHOWN
