"""How long work still takes, estimated from its pace so far and the usual shares of its stages."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Clock = Callable[[], float]
"""Seconds on a clock that never goes back."""
STEP_S = 5
"""To which seconds are rounded."""
TRUSTED = 0.25
"""The share of a stage from which on its own pace alone says how long its rest takes."""


@dataclass(frozen=True, slots=True)
class Cost:
    """A stage's share of the work, in any unit that all its stages share. After ``done`` of ``total`` steps the part
    (done / total) ** ``power`` of it is over: above 1 if later steps take longer. ``is_guide``: its pace says something
    about the other stages; that of a download does not."""

    weight: float
    power: float = 1.0
    is_guide: bool = True


@dataclass(frozen=True, slots=True)
class Left:
    """``is_least``: no step is complete that would tell the pace, so that it takes longer than this."""

    seconds: float
    is_least: bool = False

    def __str__(self) -> str:
        """``about 4 min left``."""
        return f"at least {_floored(self.seconds)} left" if self.is_least else f"about {_rounded(self.seconds)} left"


class Remaining:
    """The remaining time of work whose stages come in the order of ``costs``; a stage may be missing."""

    def __init__(self, costs: Mapping[str, Cost], clock: Clock) -> None:
        self._costs, self._clock = costs, clock
        self._stage: str | None = None
        self._begun = self._reported = 0.0
        self._done = self._total = 0
        self._spent = self._passed = 0.0
        self._marks: list[tuple[float, float]] = []

    def report(self, stage: str, done: int, total: int) -> None:
        """As `Progress` is called. A report that is repeated, such as that of a daemon, tells nothing new."""
        if (stage, done, total) == (self._stage, self._done, self._total):
            return
        now = self._clock()
        if stage != self._stage:
            cost = self._cost(self._stage)
            if self._stage is not None and cost.is_guide:
                self._spent += now - self._begun
                self._passed += cost.weight
            self._stage, self._begun, self._marks = stage, now, []
        self._reported, self._done, self._total = now, done, total
        if total:
            self._marks.append((self._part(self._cost(stage), done), now - self._begun))

    @property
    def is_measured(self) -> bool:
        """Whether enough is over for the pace of the rest: stages of weight 1 together."""
        return self._passed >= 1.0

    def left(self) -> Left | None:
        """None as long as nothing is known."""
        elapsed = self._clock() - self._begun
        if self._stage is None or not self._total or elapsed + self._spent <= 0.0:
            return None
        cost = self._cost(self._stage)
        over = self._over(cost, elapsed)
        if over <= 0.0:
            return None
        own = self._own_pace(over, elapsed) * (1.0 - over)
        is_least = self._done == 0 and not self._passed
        spent, passed, trust = self._spent, self._passed, min(1.0, self._part(cost, self._done) / TRUSTED)
        tells = cost.is_guide and cost.weight > 0.0
        if tells:
            spent, passed = spent + elapsed, passed + cost.weight * over
        if not passed:
            return Left(own, is_least=True) if own >= STEP_S else None
        pace = spent / passed
        rest = trust * own + (1.0 - trust) * cost.weight * (1.0 - over) * pace
        if tells:
            pace = trust * elapsed / (cost.weight * over) + (1.0 - trust) * pace
        left = Left(rest + self._later() * pace, is_least)
        return None if is_least and left.seconds < STEP_S else left

    def _own_pace(self, over: float, elapsed: float) -> float:
        """The time that the whole stage would take at the pace of the second half of what is over: the load of the
        machine may change, and so may the size of the steps."""
        at = bisect_left(self._marks, (over / 2.0, 0.0))
        part, since = self._marks[at] if at < len(self._marks) - 1 else (0.0, 0.0)
        return (elapsed - since) / (over - part) if over > part and elapsed > since else elapsed / over

    def _over(self, cost: Cost, elapsed: float) -> float:
        """The part of the stage that is over by now: grows with time between two reports, to the next step at most."""
        known, next_step = self._part(cost, self._done), self._part(cost, min(self._done + 1, self._total))
        if known:
            reached = known * elapsed / max(self._reported - self._begun, 1e-9)
        elif self._passed and cost.weight:
            reached = elapsed * self._passed / max(self._spent * cost.weight, 1e-9)
        else:
            reached = next_step
        return max(known, min(next_step, reached))

    def _part(self, cost: Cost, done: int) -> float:
        return float((done / self._total) ** cost.power)

    def _later(self) -> float:
        names = list(self._costs)
        later = names[names.index(self._stage) + 1 :] if self._stage in names else []
        return sum(self._costs[name].weight for name in later)

    def _cost(self, stage: str | None) -> Cost:
        """Of a stage that no cost is known of: nothing beside those that are known."""
        return self._costs.get(stage or "", Cost(0.0, is_guide=False) if self._costs else Cost(1.0))


def _floored(seconds: float) -> str:
    if seconds < 60.0:
        return f"{STEP_S * int(seconds / STEP_S)} s"
    return f"{int(seconds / 60)} min" if seconds < 3600.0 else f"{int(seconds / 360) / 10:.1f} h"


def _rounded(seconds: float) -> str:
    """In steps as coarse as the estimate."""
    if seconds < 57.5:
        return f"{max(STEP_S * round(seconds / STEP_S), STEP_S)} s"
    if seconds < 3570:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
