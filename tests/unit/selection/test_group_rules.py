from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.domain.conditions import MarketConditions, Regime
from autopilot.domain.signal import StrategyGroup
from autopilot.selection.group_rules import score_groups

Conditions = Callable[..., MarketConditions]

EXTREME_FEAR = {"sentiment_known": 1.0, "sentiment": -0.8}
CLEAR = [
    ({"regime": Regime.TRENDING_UP, "regime_strength": 1.0, "adx": 42.0}, StrategyGroup.TREND_FOLLOWING, "ADX 42.0"),
    ({"regime": Regime.TRENDING_DOWN, "regime_strength": 0.9, "adx": 38.0}, StrategyGroup.TREND_FOLLOWING, "down"),
    ({"regime_strength": 1.0, "adx": 13.0, "rsi": 27.0}, StrategyGroup.MEAN_REVERSION, "RSI 27.0 (oversold)"),
    ({"regime_strength": 1.0, "adx": 13.0, "rsi": 74.0}, StrategyGroup.MEAN_REVERSION, "(overbought)"),
    ({"regime": Regime.VOLATILE, "regime_strength": 0.95, "volume_ratio": 6.0}, StrategyGroup.MOMENTUM, "volume 6.0 ×"),
    (
        {"regime": Regime.QUIET, "regime_strength": 0.95, "adx": 15.0, "volatility_ratio": 0.55},
        StrategyGroup.MARKET_MAKING,
        "volatility 0.55 ×",
    ),
    ({"external_signals": True, "features": EXTREME_FEAR}, StrategyGroup.SENTIMENT_BASED, "sentiment 10 of 100"),
]


@pytest.mark.parametrize(("market", "group", "words"), CLEAR)
def test_a_clear_market_gives_its_group_a_high_confidence(
    conditions: Conditions, market: dict[str, object], group: StrategyGroup, words: str
) -> None:
    best, second, *_ = score_groups(conditions(**market))
    assert best.group is group
    assert 0.84 <= best.confidence <= 0.95
    assert words in best.reason
    assert best.confidence - second.confidence > 0.25


@pytest.mark.parametrize("regime", list(Regime))
def test_a_muddy_market_gives_no_group_a_high_confidence(conditions: Conditions, regime: Regime) -> None:
    best = score_groups(conditions(regime=regime, regime_strength=0.2))[0]
    assert 0.35 <= best.confidence <= 0.6


@pytest.mark.parametrize("features", [{}, {"sentiment_known": 1.0, "sentiment": 0.1}])
def test_external_signals_that_say_nothing_extreme_do_not_win(
    conditions: Conditions, features: dict[str, float]
) -> None:
    scores = score_groups(conditions(external_signals=True, features=features))
    assert scores[0].group is not StrategyGroup.SENTIMENT_BASED
    assert 0.0 < next(s.confidence for s in scores if s.group is StrategyGroup.SENTIMENT_BASED) < 0.4


def test_without_external_signals_their_group_has_no_confidence(conditions: Conditions) -> None:
    last = score_groups(conditions(features=EXTREME_FEAR))[-1]
    assert (last.group, last.confidence, last.reason) == (StrategyGroup.SENTIMENT_BASED, 0.0, "no external signals")


def test_far_apart_from_the_reference_is_an_external_signal_too(conditions: Conditions) -> None:
    apart = {"reference_known": 1.0, "relative_strength_168": -3.0}
    best = score_groups(conditions(external_signals=True, features=apart))[0]
    assert best.group is StrategyGroup.SENTIMENT_BASED
    assert "-3.0 typical weekly moves relative" in best.reason


def test_a_clear_trend_beats_an_extreme_sentiment(conditions: Conditions) -> None:
    market = conditions(
        regime=Regime.TRENDING_UP, regime_strength=1.0, adx=45.0, external_signals=True, features=EXTREME_FEAR
    )
    assert score_groups(market)[0].group is StrategyGroup.TREND_FOLLOWING


def test_an_unknown_feature_is_no_opinion(conditions: Conditions) -> None:
    market = conditions(external_signals=True, features={"sentiment_known": 1.0, "sentiment": float("nan")})
    assert all(0.0 <= score.confidence <= 1.0 for score in score_groups(market))


MARKETS = {
    "regime": st.sampled_from(Regime),
    "regime_strength": st.floats(0, 1),
    "adx": st.floats(0, 100),
    "rsi": st.floats(0, 100),
    "volatility_ratio": st.floats(0, 10),
    "volume_ratio": st.floats(0, 1000),
    "external_signals": st.booleans(),
    "features": st.fixed_dictionaries(
        {"sentiment": st.floats(-1, 1), "relative_strength_168": st.floats(-16, 16), "sentiment_known": st.just(1.0)}
    ),
}


@given(market=st.fixed_dictionaries(MARKETS))
def test_every_group_once_best_first_and_within_bounds(conditions: Conditions, market: dict[str, object]) -> None:
    scores = score_groups(conditions(**market))
    assert {score.group for score in scores} == set(StrategyGroup)
    assert len(scores) == 5
    confidences = [score.confidence for score in scores]
    assert confidences == sorted(confidences, reverse=True)
    assert all(0.0 <= confidence <= 0.95 for confidence in confidences)
    assert all(score.reason and score.expected_edge_bps is None for score in scores)


@given(market=st.fixed_dictionaries(MARKETS), step=st.sampled_from(["regime_strength", "adx", "rsi", "volume_ratio"]))
def test_a_small_change_of_a_number_changes_confidences_little(
    conditions: Conditions, market: dict[str, object], step: str
) -> None:
    nudged = {**market, step: float(market[step]) + 1e-6}  # type: ignore[arg-type]
    before, after = (
        {score.group: score.confidence for score in score_groups(conditions(**some))} for some in (market, nudged)
    )
    assert all(abs(before[group] - after[group]) < 1e-5 for group in StrategyGroup)


def test_equals_stand_in_the_order_of_the_groups(conditions: Conditions) -> None:
    scores = score_groups(conditions(regime=Regime.TRENDING_UP, adx=0.0, rsi=50.0, volume_ratio=0.0))
    tied = [score.group for score in scores if score.confidence == 0.1]
    assert tied == [StrategyGroup.MEAN_REVERSION, StrategyGroup.MOMENTUM]
