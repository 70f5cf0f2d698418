"""The evidence that a training can give the gate, computed from its request before any candle is fetched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from autopilot.domain.timeframe import DAY_MS
from autopilot.performance.outcomes import HORIZON_HOURS
from autopilot.training.data.history import PERIOD_MS, SPACING_MS
from autopilot.training.evidence.gate import MIN_DAYS, MIN_DECISIONS
from autopilot.training.evidence.walk import MAX_BLOCKS, MIN_TRAIN, WALK_BLOCK_MS

BLOCK_DAYS = WALK_BLOCK_MS // DAY_MS
HORIZON_DAYS = HORIZON_HOURS / 24


@dataclass(frozen=True, slots=True)
class Shown:
    """Out-of-fold ``decisions``, and the ``days`` that they are on."""

    decisions: int
    days: int

    @property
    def is_enough(self) -> bool:
        """For the gate's first rule."""
        return self.decisions >= MIN_DECISIONS and self.days >= MIN_DAYS


@dataclass(frozen=True, slots=True)
class Outlook:
    """``least``: in a market whose regime never changes; ``most``: in one whose regime changes every day. The exchange
    must have the candles of all days."""

    least: Shown
    most: Shown


def outlook(days: int, symbols: int) -> Outlook:
    """Of a training on so many days of so many symbols."""
    return Outlook(_shown(days, symbols, DAY_MS / PERIOD_MS), _shown(days, symbols, DAY_MS / SPACING_MS))


def days_needed(symbols: int) -> int:
    """The days of so many symbols that are enough in any market."""
    return _first(lambda days: outlook(days, symbols).least.is_enough)


def fewest_days() -> int:
    """The days below which no number of symbols is enough in every market."""
    return _first(lambda days: outlook(days, MIN_DECISIONS).least.is_enough)


def symbols_needed(days: int) -> int:
    """The symbols that are enough in any market, of at least `fewest_days`."""
    return _first(lambda symbols: outlook(days, symbols).least.is_enough)


def prospects(days: int, symbols: int) -> str:
    """The gate's demand, and the evidence that this request can give, in words."""
    found = outlook(days, symbols)
    given = f"{days:,} days of {symbols} symbol{'s' if symbols > 1 else ''} give"
    least, most = (f"{each.decisions:,} on {each.days:,} days" for each in (found.least, found.most))
    asked = f"the gate requires at least {MIN_DECISIONS:,} decisions out of sample on {MIN_DAYS} days"
    if found.least.is_enough:
        return f"{asked}; {given} at least {least}"
    if found.most.is_enough:
        return f"{asked}; {given} {least} to {most}: perhaps too few"
    return f"{asked}; {given} at most {most}: this model cannot pass"


def advice(days: int, symbols: int) -> str:
    """How to have enough in any market, in words; empty if it is enough already."""
    if outlook(days, symbols).least.is_enough:
        return ""
    longer = max(days, fewest_days())
    wider = symbols_needed(longer)
    ways = [f"--days {days_needed(symbols)} with the same number of symbols"]
    if wider > symbols:
        ways.append(f"--days {longer} with {wider} symbols")
    return f"enough in any market: {', or '.join(ways)} (days and symbols in [training] are the defaults)"


def _shown(days: int, symbols: int, samples_a_day: float) -> Shown:
    """The walk's first blocks are only trained on, until there are enough samples."""
    sampled = max(days - HORIZON_DAYS, 0.0)
    block = max(float(BLOCK_DAYS), sampled / MAX_BLOCKS)
    a_block = symbols * samples_a_day * block
    scored = max(sampled - block * max(1, -(-MIN_TRAIN // a_block)), 0.0)
    return Shown(int(symbols * samples_a_day * scored), int(samples_a_day * scored))


def _first(suffices: Callable[[int], bool]) -> int:
    return next(number for number in count(1) if suffices(number))
