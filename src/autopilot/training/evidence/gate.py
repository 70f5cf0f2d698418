"""The promotion gate: its rules, each with a verdict and its numbers, and the state that they permit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import AnyArray, FloatArray, IntArray
from autopilot.domain.model_state import ModelState
from autopilot.domain.timeframe import DAY_MS
from autopilot.performance.evidence import deflated_sharpe, e_process
from autopilot.performance.intervals import Interval, newey_west_t
from autopilot.training.evidence.checks import LeakTest
from autopilot.training.evidence.evaluation import CASH, CHAMPION, LEVEL, MODEL, RULES, Judged
from autopilot.training.model.scoring import loss_skill, row_log_loss

MIN_DECISIONS = 1000
MIN_DAYS = 180
ANYTIME = 20.0
"""An e-process that reaches this value is evidence at any time (Ville: at most 1 in 20 by chance)."""
WORST_DAY = 0.1
"""The bound of the e-process: with stop-losses, the mean return per decision of no day is worse."""
T_LIMIT = 1.645
"""One-sided 5 % of the normal. Required beside the bootstrap, whose intervals are too narrow on short series."""
SHARPE_LIMIT = 0.95
MAX_SHARE = 0.5
PROMOTED = (ModelState.SHADOW, ModelState.LIVE)
"""States in which a model may replace the one that decided before."""
FEW_SYMBOLS = 4
"""With fewer symbols than this, one of them inevitably has half of the gain."""


@dataclass(frozen=True, slots=True)
class GateRule:
    """The verdict of one rule; ``detail`` gives its numbers."""

    rule: int
    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """The verdict of all rules, as a state and a sentence. ``replaces``: whether the model may decide from now on."""

    state: ModelState
    sentence: str
    rules: tuple[GateRule, ...]
    replaces: bool


def pass_gate(judged: Judged | None, leaks: Sequence[LeakTest], trials: int) -> GateVerdict:
    """Apply all rules. ``judged`` is None without out-of-fold decisions; ``trials``: the number of trainings so far,
    with this one."""
    if judged is None:
        return too_few(np.empty(0, dtype=np.int64), leaks)
    enough = _enough(judged.at_ms, leaks)
    against_cash, live = _against_cash(judged, trials)
    asked = (enough, _skill(judged), _beats_rules(judged), against_cash, _separates(judged), _spread(judged))
    failed = next((rule for rule in asked if not rule.passed), live)
    state = _state(failed, live)
    keeps_up = _keeps_up(judged)
    rules = sorted((*asked, live, *keeps_up), key=lambda rule: rule.rule)
    replaces = state in PROMOTED and all(rule.passed for rule in keeps_up)
    return GateVerdict(state, _sentence(state, failed), tuple(rules), replaces)


def too_few(at_ms: IntArray, leaks: Sequence[LeakTest] = ()) -> GateVerdict:
    """The verdict on decisions at these times, int64[n], that are not `is_enough`: no other rule is applied."""
    enough = _enough(at_ms, leaks)
    return GateVerdict(ModelState.INSUFFICIENT, _sentence(ModelState.INSUFFICIENT, enough), (enough,), False)


def _state(failed: GateRule, live: GateRule) -> ModelState:
    """The state that the rules permit. ``failed``: the first failed rule of a shadow model; ``live`` if all passed."""
    if failed.rule == 0:
        return ModelState.INSUFFICIENT
    if failed is not live:
        return ModelState.ABSTAINING
    return ModelState.LIVE if live.passed else ModelState.SHADOW


def _sentence(state: ModelState, why: GateRule) -> str:
    match state:
        case ModelState.LIVE:
            return "There is evidence of an edge after costs; every rule of the gate is passed."
        case ModelState.SHADOW:
            return f"Signs of an edge, not proven: fit for paper trading only. Not passed: {why.name} ({why.detail})."
        case ModelState.INSUFFICIENT:
            return f"Not enough to tell whether there is an edge: {why.detail}."
        case _:
            return f"No evidence of an edge; abstaining. Not passed: {why.name} ({why.detail})."


def _enough(at_ms: IntArray, leaks: Sequence[LeakTest]) -> GateRule:
    decisions, days = len(at_ms), len(np.unique(at_ms // DAY_MS))
    passed = is_enough(at_ms) and all(test.passed for test in leaks)
    return GateRule(
        0,
        "enough, and no leak",
        passed,
        f"{decisions:,} decisions out of sample on {days:,} days (at least {MIN_DECISIONS:,} on {MIN_DAYS}), "
        + _leak_words(leaks),
    )


def _leak_words(leaks: Sequence[LeakTest]) -> str:
    failed = ", ".join(test.name for test in leaks if not test.passed)
    if failed:
        return f"leak tests failed: {failed}"
    return "all leak tests passed" if leaks else "no leak test was run"


def is_enough(at_ms: IntArray) -> bool:
    """Whether decisions at these times, int64[n], are as many as the first rule requires, on as many days."""
    return len(at_ms) >= MIN_DECISIONS and len(np.unique(at_ms // DAY_MS)) >= MIN_DAYS


def log_loss_skill(judged: Judged, level: float = LEVEL) -> Interval:
    """Log-loss skill of the calibrated probabilities against the base rates known at the time."""
    classes = judged.data.classes[judged.oof.rows]
    base = row_log_loss(judged.oof.base, classes)
    return loss_skill(judged.at_ms, row_log_loss(judged.probabilities, classes), base, level)


def _skill(judged: Judged) -> GateRule:
    skill = log_loss_skill(judged, level=0.90)
    return GateRule(
        1,
        "skill of the probabilities",
        skill.lower > 0.0,
        skill_words(skill),
    )


def _beats_rules(judged: Judged) -> GateRule:
    ahead = judged.ahead(RULES)
    evidence = anytime_evidence(judged.daily(judged.earned[MODEL] - judged.earned[RULES]))
    return GateRule(
        2,
        f"better than {RULES}",
        ahead.lower > 0.0 or evidence >= ANYTIME,
        f"{gap_words(ahead, RULES)}, e-value {evidence:.3g} ({ANYTIME:.0f} is evidence)",
    )


def _against_cash(judged: Judged, trials: int) -> tuple[GateRule, GateRule]:
    mean, daily = judged.mean(MODEL), judged.daily(judged.earned[MODEL])
    sharpe, t = deflated_sharpe(daily, trials), newey_west_t(daily)
    evidence = anytime_evidence(daily)
    proven = (mean.lower > 0.0 and t > T_LIMIT and sharpe >= SHARPE_LIMIT) or evidence >= ANYTIME
    numbers = (
        f"{_bps(mean)} per day, t {t:.2f}, deflated Sharpe ratio {sharpe:.3f} (trainings counted: {trials}), "
        f"e-value {evidence:.3g}"
    )
    return (
        GateRule(3, f"better than {CASH}", mean.point > 0.0, numbers),
        GateRule(3, f"better than {CASH}, proven", proven, numbers),
    )


def _separates(judged: Judged) -> GateRule:
    above = judged.per_decision(judged.chosen_return, judged.followed)
    below = judged.per_decision(judged.chosen_return, ~judged.followed)
    some = bool(judged.followed.any() and (~judged.followed).any())
    return GateRule(
        4,
        "confidence separates gains",
        some and above.point > below.point,
        f"{_bps(above)} per decision that is followed, {_bps(below)} per decision that is not"
        if some
        else f"{int(judged.followed.sum()):,} of {len(judged.oof):,} decisions are followed: nothing to compare",
    )


def _spread(judged: Judged) -> GateRule:
    earned = judged.earned[MODEL]
    total = float(earned.sum())
    by_symbol = np.bincount(judged.data.symbol[judged.oof.rows], earned)
    by_month = np.bincount(np.unique(judged.at_ms // (30 * DAY_MS), return_inverse=True)[1], earned)
    symbol, month = _largest(by_symbol, total), _largest(by_month, total)
    few = len(judged.data.symbols) < FEW_SYMBOLS
    return GateRule(
        5,
        "gain is spread",
        total > 0.0 and month <= MAX_SHARE and (few or symbol <= MAX_SHARE),
        f"largest share of the gain: {100 * month:.0f} % in one month, {100 * symbol:.0f} % on one symbol"
        + (" (not required below four symbols)" if few else "")
        if total > 0.0
        else "there is no gain",
    )


def _keeps_up(judged: Judged) -> tuple[GateRule, ...]:
    """The rule against the champion, if it can be compared: the new model must not be proven worse. Proof that it is
    better than a similar model would take longer than either of them is used."""
    if CHAMPION not in judged.earned:
        return ()
    ahead = judged.ahead(CHAMPION)
    days = len(judged.daily(judged.earned[CHAMPION]))
    detail = f"{gap_words(ahead, CHAMPION)} on the {days} days after its training"
    return (GateRule(6, f"not worse than the {CHAMPION}", ahead.upper >= 0.0, detail),)


def _largest(parts: AnyArray, total: float) -> float:
    return float(parts.max()) / total if total > 0.0 and len(parts) else 1.0


def anytime_evidence(daily: FloatArray) -> float:
    """The last value of the e-process that the daily differences have a positive mean."""
    return float(e_process(daily, WORST_DAY)[-1]) if len(daily) else 1.0


def skill_words(skill: Interval) -> str:
    """The log-loss skill, with its lower bound of a two-sided 90 % interval."""
    compared = "better" if skill.point >= 0.0 else "worse"
    bound = _percent(skill.lower, sign="+")
    return f"log-loss {_percent(abs(skill.point))} {compared} than base rates, lower 95 % bound {bound}"


def gap_words(ahead: Interval, other: str) -> str:
    """How far the model is ahead of the other, or behind it."""
    if ahead.point >= 0.0:
        return f"{_bps(ahead)} per day ahead of the {other}"
    point, lower, upper = (-1e4 * each for each in (ahead.point, ahead.upper, ahead.lower))
    return f"{point:.1f} bps [{lower:.1f}, {upper:.1f}] per day behind the {other}"


def _percent(fraction: float, sign: str = "") -> str:
    """With two digits, or as many as show that it is not zero."""
    percent = 100.0 * fraction
    if abs(percent) >= 0.005 or not percent:
        return f"{percent:{sign}.2f} %"
    digits = np.format_float_positional(percent, precision=1, unique=False, fractional=False, trim="-", sign=bool(sign))
    return f"{digits} %"


def _bps(interval: Interval) -> str:
    return f"{1e4 * interval.point:+.1f} bps [{1e4 * interval.lower:+.1f}, {1e4 * interval.upper:+.1f}]"
