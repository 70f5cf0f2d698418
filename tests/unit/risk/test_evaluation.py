from __future__ import annotations

from collections.abc import Callable

import pytest

from autopilot.config.schema import AutopilotConfig, ModelSection
from autopilot.domain.decision import Denied, Opportunity
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelScope, ModelState
from autopilot.domain.selection import DecidedBy, GroupScore, ModelOpinion, Selection
from autopilot.domain.signal import SignalType, StrategyGroup, StrategySignal
from autopilot.domain.timeframe import Timeframe
from autopilot.risk.evaluation import evaluate

BUY, SELL = SignalType.BUY, SignalType.SELL
GROUP = StrategyGroup.MOMENTUM
SCOPE = ModelScope(CandleKind.REAL, Timeframe.H1)


def chosen(confidence: float, edge_bps: float | None = None, novelty: float = 0.0) -> Selection:
    """By the rules, or by a model where an edge is given."""
    by = DecidedBy.RULES if edge_bps is None else DecidedBy.MODEL
    opinion = None if edge_bps is None else ModelOpinion("m-1", ModelState.SHADOW, SCOPE, {}, novelty, 0.05)
    return Selection(
        by, GROUP, "momentum", confidence, 1.0, (GroupScore(GROUP, confidence, "", edge_bps),), (), model=opinion
    )


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
    verdict = evaluate(signal, chosen(confidence), AutopilotConfig().evaluation(), trades_today)
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
    verdict = evaluate(make_signal(), chosen(0.9), AutopilotConfig(auto_execute=auto_execute).evaluation(), 0)
    assert isinstance(verdict, Opportunity)
    assert verdict.execute is auto_execute


def test_a_refusal_says_its_numbers(make_signal: Callable[..., StrategySignal]) -> None:
    verdict = evaluate(make_signal(), chosen(0.615), AutopilotConfig().evaluation(), 12)
    assert isinstance(verdict, Denied)
    assert verdict.detail == "confidence 0.61 is below the required 0.75"
    assert [(check.actual, check.limit) for check in verdict.checks] == [(0.615, 0.75), (12, 10)]


@pytest.mark.parametrize(
    ("side", "edge_bps", "novelty", "refusal"),
    [
        (BUY, 20.0, 0.05, None),
        (BUY, 19.9, 0.0, "EDGE_BELOW_MINIMUM"),
        (BUY, -3.0, 0.0, "EDGE_BELOW_MINIMUM"),
        (BUY, 25.0, 0.051, "MARKET_NOVEL"),
        (SELL, -3.0, 0.9, None),
    ],
)
def test_a_model_must_expect_something_in_a_market_it_knows_before_anything_is_bought(
    make_signal: Callable[..., StrategySignal], side: SignalType, edge_bps: float, novelty: float, refusal: str | None
) -> None:
    settings = AutopilotConfig(model=ModelSection(min_edge_bps=20.0)).evaluation()
    verdict = evaluate(make_signal(signal_type=side), chosen(0.9, edge_bps, novelty), settings, 0)
    assert (verdict.code if isinstance(verdict, Denied) else None) == refusal


def test_an_edge_of_nothing_is_none_even_where_none_is_asked_for(make_signal: Callable[..., StrategySignal]) -> None:
    verdict = evaluate(make_signal(), chosen(0.9, 0.0), AutopilotConfig().evaluation(), 0)
    assert isinstance(verdict, Denied)
    assert verdict.code == "EDGE_BELOW_MINIMUM"
