from __future__ import annotations

from collections.abc import Callable

import pytest

from autopilot.domain.decision import Denied, Opportunity
from autopilot.domain.signal import SignalType, StrategySignal
from autopilot.risk.evaluation import EvaluationSettings, evaluate

BUY, SELL = SignalType.BUY, SignalType.SELL


@pytest.mark.parametrize(
    ("side", "confidence", "trades_today", "refusal"),
    [
        (BUY, 0.75, 0, None),
        (BUY, 0.7499, 0, "CONFIDENCE_BELOW_THRESHOLD"),
        (BUY, 1.0, 9, None),
        (BUY, 1.0, 10, "TRADES_PER_DAY_REACHED"),
        (BUY, 1.0, 11, "TRADES_PER_DAY_REACHED"),
        (BUY, 0.1, 11, "CONFIDENCE_BELOW_THRESHOLD"),
        (SELL, 0.75, 11, None),
        (SELL, 0.74, 0, "CONFIDENCE_BELOW_THRESHOLD"),
        (BUY, float("nan"), 0, "CONFIDENCE_BELOW_THRESHOLD"),
    ],
)
def test_a_signal_is_an_opportunity_or_refused_with_its_code(
    make_signal: Callable[..., StrategySignal],
    side: SignalType,
    confidence: float,
    trades_today: int,
    refusal: str | None,
) -> None:
    signal = make_signal(signal_type=side)
    verdict = evaluate(signal, confidence, EvaluationSettings(), trades_today)
    if refusal is None:
        assert isinstance(verdict, Opportunity)
        assert (verdict.signal, verdict.confidence) == (signal, confidence)
        assert all(check.passed for check in verdict.checks)
    else:
        assert isinstance(verdict, Denied)
        assert verdict.code == refusal


@pytest.mark.parametrize("auto_execute", [True, False])
def test_what_is_not_to_be_executed_is_an_opportunity_all_the_same(
    make_signal: Callable[..., StrategySignal], auto_execute: bool
) -> None:
    verdict = evaluate(make_signal(), 0.9, EvaluationSettings(auto_execute=auto_execute), 0)
    assert isinstance(verdict, Opportunity)
    assert verdict.execute is auto_execute


def test_a_refusal_says_its_numbers(make_signal: Callable[..., StrategySignal]) -> None:
    verdict = evaluate(make_signal(), 0.615, EvaluationSettings(), 12)
    assert isinstance(verdict, Denied)
    assert verdict.detail == "confidence 0.61, at least 0.75 is asked for"
    assert [(check.actual, check.limit) for check in verdict.checks] == [(0.615, 0.75), (12, 10)]
