"""The regret ledger against figures worked out by hand, and against a twin that counts one decision at a time."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from autopilot.domain.timeframe import DAY_MS, HOUR_MS
from autopilot.performance.intervals import mean_interval
from autopilot.performance.regret import (
    DAYS_AT_LEAST,
    Line,
    MaturedDecisions,
    RegretLedger,
    RegretVerdict,
    regret_ledger,
)

NAN = math.nan
Row = dict[str, Any]


def matured(rows: Sequence[Row], strategies: tuple[str, ...]) -> MaturedDecisions:
    return MaturedDecisions(
        candle_at_ms=np.array([row["at_ms"] for row in rows], dtype=np.int64),
        symbol=np.array([row["symbol"] for row in rows], dtype=np.str_),
        regime=np.array([row["regime"] for row in rows], dtype=np.str_),
        decided_by=np.array([row["decided_by"] for row in rows], dtype=np.str_),
        confidence=np.array([row["confidence"] for row in rows], dtype=float),
        chosen=np.array([row["chosen"] for row in rows], dtype=np.int64),
        rule_choice=np.array([row["rule_choice"] for row in rows], dtype=np.int64),
        strategies=strategies,
        returns=np.array([row["returns"] for row in rows], dtype=float).reshape(len(rows), len(strategies)),
        buy_and_hold=np.array([row["hold"] for row in rows], dtype=float),
    )


def row(hour: int, *returns: float, **different: Any) -> Row:
    """Strategy 0 was chosen, by the rules, and surely."""
    usual = {"symbol": "BTC/USD", "regime": "quiet", "decided_by": "rules", "confidence": 0.9, "hold": 0.0}
    return {**usual, "at_ms": hour * HOUR_MS, "chosen": 0, "rule_choice": 0, "returns": returns, **different}


def line(ledger: RegretLedger, name: str) -> Line:
    (found,) = [each for each in (*ledger.lines, *ledger.strategies) if each.name == name]
    return found


@pytest.fixture
def by_hand() -> RegretLedger:
    """Three decisions of the first day, one of the second; the third is not sure enough, the fourth is the model's."""
    rows = [
        row(1, 0.0100, -0.0020, hold=0.02),
        row(2, -0.0040, 0.0000, chosen=1, rule_choice=1, hold=0.01, symbol="ETH/USD"),
        row(3, -0.0300, 0.0050, confidence=0.74, hold=NAN, regime="volatile"),
        row(25, 0.0060, NAN, decided_by="model", rule_choice=1, hold=-0.03),
    ]
    return regret_ledger(matured(rows, ("macd", "rsi")), 0.75)


@pytest.mark.parametrize(
    ("name", "decisions", "days", "traded", "hit_rate", "bps", "regret_bps"),
    [
        # Day one: (100 + 0 + 0) / 3; day two: 60.
        ("selector", 4, 2, 2, 1.0, (100 / 3 + 60) / 2, 0.0),
        # Day one: (100 + 0 - 300) / 3.
        ("always_followed", 4, 2, 3, 2 / 3, (-200 / 3 + 60) / 2, -50.0),
        # What the rules would have taken on day two is not known; regret on day one: -300 / 3.
        ("rule_table", 3, 1, 2, 1 / 2, -200 / 3, -100.0),
        # Day one: (40 - 20 - 125) / 3, less the selector: (-60 - 20 - 125) / 3; day two: 60, less 60.
        ("equal_weight", 4, 2, 4, 1 / 2, (-105 / 3 + 60) / 2, -205 / 6),
        # Day one: (200 + 100) / 2, less the selector: (100 + 100) / 2; day two: -300 - 60.
        ("buy_and_hold", 3, 2, 3, 2 / 3, -75.0, (100 - 360) / 2),
        ("cash", 4, 2, 0, None, 0.0, -(100 / 3 + 60) / 2),
        # Day one: (100 - 40 - 300) / 3, less the selector: (0 - 40 - 300) / 3; day two: 60, less 60.
        ("macd", 4, 2, 4, 1 / 2, (-80 + 60) / 2, -340 / 6),
        ("rsi", 3, 1, 2, 1 / 2, 10.0, (-120 + 0 + 50) / 3),
    ],
)
def test_by_hand(
    by_hand: RegretLedger,
    name: str,
    decisions: int,
    days: int,
    traded: int,
    hit_rate: float | None,
    bps: float,
    regret_bps: float,
) -> None:
    found = line(by_hand, name)
    assert (found.decisions, found.days, found.traded) == (decisions, days, traded)
    assert found.hit_rate == pytest.approx(hit_rate)
    assert found.mean_bps.point == pytest.approx(bps)
    assert found.regret_bps.point == pytest.approx(regret_bps)


def test_the_whole_and_its_slices(by_hand: RegretLedger) -> None:
    assert (by_hand.decisions, by_hand.days, by_hand.followed) == (4, 2, 3)
    assert (by_hand.first_at_ms, by_hand.last_at_ms) == (HOUR_MS, 25 * HOUR_MS)
    assert [each.name for each in by_hand.strategies] == ["rsi", "macd"], "the best first"
    sliced = {each.name: (each.decisions, each.days) for each in by_hand.by_regime}
    assert sliced == {"quiet": (3, 2), "volatile": (1, 1)}
    assert {each.name: each.decisions for each in by_hand.by_symbol} == {"BTC/USD": 3, "ETH/USD": 1}
    assert {each.name: each.lines[0].mean_bps.point for each in by_hand.by_decider} == pytest.approx(
        {"model": 60.0, "rules": 100 / 3}
    )


def test_a_followed_choice_whose_return_is_not_known_counts_for_nobody_but_those_that_are() -> None:
    ledger = regret_ledger(matured([row(0, NAN, 0.01), row(30, 0.02, 0.01)], ("sentiment", "rsi")), 0.75)
    assert line(ledger, "selector").decisions == 1
    assert line(ledger, "rsi").decisions == 2
    assert line(ledger, "rsi").mean_bps.point == pytest.approx(100.0)
    assert line(ledger, "rsi").regret_bps.point == pytest.approx(-100.0), "paired: the day that both know"


def test_a_strategy_that_is_not_among_the_samples_has_no_return() -> None:
    ledger = regret_ledger(matured([row(0, 0.01, chosen=-1, rule_choice=-1)], ("rsi",)), 0.75)
    assert [line(ledger, name).decisions for name in ("selector", "rule_table", "rsi")] == [0, 0, 1]


def many_days(days: int, edge: float, noise: float) -> RegretLedger:
    random = np.random.default_rng(5)
    rows = [row(24 * day, 0.001, 0.001 + edge + noise * random.normal()) for day in range(days)]
    return regret_ledger(matured(rows, ("macd", "other")), 0.75)


@pytest.mark.parametrize(
    ("days", "edge", "noise", "verdict"),
    [
        (200, 0.005, 0.004, RegretVerdict.BETTER),
        (200, -0.005, 0.004, RegretVerdict.WORSE),
        (200, 0.0, 0.004, RegretVerdict.UNSHOWN),
        (DAYS_AT_LEAST, 0.005, 0.0, RegretVerdict.BETTER),
        (DAYS_AT_LEAST - 1, 0.005, 0.0, RegretVerdict.TOO_FEW_DAYS),
        (200, 0.0, 0.0, RegretVerdict.SAME),
        (1, 0.0, 0.0, RegretVerdict.SAME),
    ],
)
def test_what_a_difference_shows(days: int, edge: float, noise: float, verdict: RegretVerdict) -> None:
    ledger = many_days(days, edge, noise)
    assert line(ledger, "other").verdict is verdict
    assert line(ledger, "macd").verdict is RegretVerdict.SAME


def test_days_are_the_unit_however_many_decisions_they_have() -> None:
    """A thousand decisions of one day are no evidence: the interval is that of the days."""
    rows = [row(24 * day, 0.01 * (-1) ** day) for day in range(40)]
    often = [{**each, "at_ms": each["at_ms"] + minute * 60_000} for each in rows for minute in range(50)]
    once, many = (regret_ledger(matured(some, ("macd",)), 0.75) for some in (rows, often))
    found = line(many, "macd")
    assert found.decisions == 50 * line(once, "macd").decisions
    assert found.mean_bps.lower == pytest.approx(line(once, "macd").mean_bps.lower)
    assert found.mean_bps.upper == pytest.approx(line(once, "macd").mean_bps.upper)


def test_the_last_days_are_calendar_days() -> None:
    rows = matured([row(hour, 0.01) for hour in (0, 23, 24, 47, 48)], ("macd",))
    assert (rows.last_days(2).candle_at_ms // HOUR_MS).tolist() == [24, 47, 48]
    assert len(rows.last_days(99)) == 5
    assert len(matured([], ("macd",)).last_days(3)) == 0


def random_rows(seed: int, count: int, strategies: int) -> list[Row]:
    random = np.random.default_rng(seed)

    def some() -> Row:
        returns = random.normal(0, 0.02, strategies) * random.integers(0, 2, strategies)
        returns[random.random(strategies) < 0.1] = NAN
        by_model = bool(random.integers(0, 2))
        chosen = int(random.integers(-1, strategies))
        return row(
            int(random.integers(0, 24 * 40)),
            *returns.tolist(),
            symbol=str(random.choice(["BTC/USD", "ETH/USD", "SOL/USD"])),
            regime=str(random.choice(["quiet", "volatile"])),
            decided_by="model" if by_model else "rules",
            confidence=float(random.random()),
            chosen=chosen,
            rule_choice=int(random.integers(-1, strategies)) if by_model else chosen,
            hold=NAN if random.random() < 0.1 else float(random.normal(0, 0.03)),
        )

    return [some() for _ in range(count)]


def twin(rows: Sequence[Row], earned: Callable[[Row], float]) -> dict[str, Any]:
    """One line, counted decision by decision."""

    def selector(each: Row) -> float:
        if each["confidence"] < 0.5:
            return 0.0
        return float(each["returns"][each["chosen"]]) if each["chosen"] >= 0 else NAN

    own, difference = defaultdict(list), defaultdict(list)
    for each in sorted(rows, key=lambda one: one["at_ms"]):
        value, other = earned(each), selector(each)
        if not math.isnan(value):
            own[each["at_ms"] // DAY_MS].append(1e4 * value)
            if not math.isnan(other):
                difference[each["at_ms"] // DAY_MS].append(1e4 * (value - other))
    flat = [value for values in own.values() for value in values if value]
    return {
        "decisions": sum(map(len, own.values())),
        "days": len(own),
        "traded": len(flat),
        "hit_rate": sum(value > 0 for value in flat) / len(flat) if flat else None,
        "mean": mean_interval(np.array([fmean(values) for values in own.values()])),
        "regret": mean_interval(np.array([fmean(values) for values in difference.values()])),
    }


@pytest.mark.parametrize("seed", range(4))
def test_the_twin_agrees(seed: int) -> None:
    rows = random_rows(seed, 400, 3)
    ledger = regret_ledger(matured(rows, ("a", "b", "c")), 0.5)

    def of(column: int) -> Callable[[Row], float]:
        return lambda each: float(each["returns"][column]) if column >= 0 else NAN

    def equal_weight(each: Row) -> float:
        known = [value for value in each["returns"] if not math.isnan(value)]
        return fmean(known) if known else NAN

    ways: dict[str, Callable[[Row], float]] = {
        "always_followed": lambda each: of(each["chosen"])(each),
        "rule_table": lambda each: of(each["rule_choice"])(each),
        "equal_weight": equal_weight,
        "buy_and_hold": lambda each: float(each["hold"]),
        "cash": lambda each: 0.0,
        "a": of(0),
        "b": of(1),
        "c": of(2),
    }
    for name, earned in ways.items():
        found, expected = line(ledger, name), twin(rows, earned)
        assert (found.decisions, found.days, found.traded) == tuple(
            expected[key] for key in ("decisions", "days", "traded")
        )
        assert found.hit_rate == pytest.approx(expected["hit_rate"])
        for interval, twins in ((found.mean_bps, expected["mean"]), (found.regret_bps, expected["regret"])):
            assert (interval.point, interval.lower, interval.upper) == pytest.approx(
                (twins.point, twins.lower, twins.upper)
            )
    for part in ledger.by_symbol:
        here = [each for each in rows if each["symbol"] == part.name]
        held = next(each for each in part.lines if each.name == "buy_and_hold")
        assert held.regret_bps.point == pytest.approx(twin(here, ways["buy_and_hold"])["regret"].point)
