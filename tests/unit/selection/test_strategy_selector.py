from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from bases import WHOLE

from autopilot.domain.conditions import FeatureRow, MarketConditions, Regime
from autopilot.domain.decision import CandleBasis
from autopilot.domain.errors import ModelError, NoModel, StrategyError
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelScope, ModelState
from autopilot.domain.selection import Contribution, DecidedBy, GroupScore, ModelOpinion, Selection
from autopilot.domain.signal import SignalType, StrategyGroup, StrategySignal
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.score_model import ModelScores
from autopilot.selection.group_rules import score_groups
from autopilot.selection.strategy_rules import StrategyProfile, score_strategies
from autopilot.selection.strategy_selector import NO_MODEL, StrategySelector

Conditions = Callable[..., MarketConditions]
TREND = {"regime": Regime.TRENDING_UP, "regime_strength": 1.0, "adx": 42.0}

PROFILES = [
    StrategyProfile("macd", StrategyGroup.TREND_FOLLOWING, {Regime.TRENDING_UP: 0.8}),
    StrategyProfile("confirmed", StrategyGroup.TREND_FOLLOWING, {Regime.TRENDING_UP: 0.8}),
    StrategyProfile("moving_average", StrategyGroup.TREND_FOLLOWING, {Regime.TRENDING_UP: 0.7}),
    StrategyProfile("rsi", StrategyGroup.MEAN_REVERSION, {Regime.RANGING: 1.0, Regime.TRENDING_UP: 0.1}),
    StrategyProfile("momentum", StrategyGroup.MOMENTUM, {Regime.VOLATILE: 1.0}),
    StrategyProfile("dca", StrategyGroup.MARKET_MAKING, {Regime.QUIET: 1.0}),
    StrategyProfile("sentiment", StrategyGroup.SENTIMENT_BASED, {}),
]


@dataclass
class Model:
    """Answers with ``scores``, or raises."""

    scores: ModelScores | ModelError

    def score(self, conditions: MarketConditions, state: Callable[[], FeatureRow]) -> ModelScores:
        if isinstance(self.scores, ModelError):
            raise self.scores
        assert state() is STATE
        return self.scores

    def contributions(
        self, conditions: MarketConditions, state: Callable[[], FeatureRow], group: StrategyGroup
    ) -> tuple[Contribution, ...]:
        return (Contribution(f"because of {group}", 1.0, 12.5),)


STATE = FeatureRow((), np.empty(0))
SCOPE = ModelScope(CandleKind.REAL, Timeframe.H1)


def signal(strategy: str, kind: SignalType = SignalType.BUY, confidence: float = 0.8) -> StrategySignal:
    group = next(profile.group for profile in PROFILES if profile.name == strategy)
    strength = 0.9 if kind is not SignalType.NONE else 0.0
    return StrategySignal("BTC/USD", kind, strength, confidence, 100.0, 98.0, 104.0, strategy, group, "because")


def select(
    market: MarketConditions, *spoken: StrategySignal, model: Model | None = None, **returns: float
) -> Selection:
    signals = {one.strategy: one for one in spoken}
    return StrategySelector(PROFILES, model).select(market, signals, returns, lambda: STATE, WHOLE)


def answer(edges: Mapping[StrategyGroup, float] | None = None, **shares: float) -> ModelScores:
    """A sound answer: momentum has the best edge, but not the highest confidence."""
    known = edges or dict.fromkeys(StrategyGroup, -5.0) | {StrategyGroup.MOMENTUM: 30.0}
    groups = tuple(
        GroupScore(group, 0.7 if group is StrategyGroup.MOMENTUM else 0.8, "members", edge)
        for group, edge in known.items()
    )
    return ModelScores(
        ModelOpinion("m-1", ModelState.SHADOW, SCOPE, {}, 0.0, 0.05),
        groups,
        {profile.name: 0.5 for profile in PROFILES} | shares,
    )


def test_without_a_model_the_rules_choose_group_and_strategy(conditions: Conditions) -> None:
    chosen = select(conditions(**TREND), signal("macd", confidence=0.85))
    assert (chosen.decided_by, chosen.group, chosen.strategy) == (
        DecidedBy.RULES,
        StrategyGroup.TREND_FOLLOWING,
        "macd",
    )
    assert chosen.groups == score_groups(conditions(**TREND))
    assert chosen.group_confidence == chosen.groups[0].confidence
    assert chosen.strategy_confidence == 0.85
    assert chosen.confidence == pytest.approx(chosen.group_confidence * 0.85)
    assert chosen.confidence >= 0.75
    assert chosen.note == NO_MODEL


def test_every_alternative_is_kept_best_first(conditions: Conditions) -> None:
    chosen = select(conditions(**TREND), signal("moving_average"), signal("rsi"), macd=-80.0)
    assert sorted(score.strategy for score in chosen.strategies) == sorted(profile.name for profile in PROFILES)
    scores = [score.score for score in chosen.strategies]
    assert scores == sorted(scores, reverse=True)
    assert len(chosen.groups) == 5


@pytest.mark.parametrize(
    ("spoken", "returns", "expected"),
    [
        ([], {}, "confirmed"),
        (["macd"], {}, "macd"),
        (["macd", "moving_average"], {}, "macd"),
        (["moving_average"], {}, "moving_average"),
        ([], {"moving_average": 60.0}, "moving_average"),
        (["macd"], {"macd": -150.0}, "confirmed"),
        (["macd"], {"macd": -10.0}, "macd"),
        (["rsi"], {"rsi": 500.0}, "confirmed"),
    ],
    ids=[
        "equals by name",
        "a signal decides among equals",
        "then the regime fit",
        "a signal outweighs a slightly better fit",
        "so does a good record",
        "a bad record outweighs a signal",
        "a little loss does not",
        "other groups do not matter",
    ],
)
def test_choice_inside_the_group(
    conditions: Conditions, spoken: list[str], returns: dict[str, float], expected: str
) -> None:
    chosen = select(conditions(**TREND), *(signal(name) for name in spoken), **returns)
    assert chosen.strategy == expected
    assert chosen.strategy_confidence == (0.8 if expected in spoken else 0.0)


def test_a_signal_of_none_says_nothing(conditions: Conditions) -> None:
    silent, spoken = signal("macd", SignalType.NONE, confidence=0.9), signal("confirmed", SignalType.SELL)
    chosen = select(conditions(**TREND), silent, spoken)
    assert chosen.strategy == "confirmed"
    assert next(score for score in chosen.strategies if score.strategy == "macd").confidence == 0.0


def test_a_stronger_and_surer_signal_scores_higher() -> None:
    def score(strength: float, confidence: float) -> float:
        spoken = replace(signal("macd"), strength=strength, confidence=confidence)
        return score_strategies(PROFILES[:1], Regime.TRENDING_UP, {"macd": spoken}, {})[0].score

    assert score(0.2, 0.5) < score(0.9, 0.5) < score(0.9, 0.9)


def test_the_order_of_the_strategies_does_not_matter(conditions: Conditions) -> None:
    one, other = (
        StrategySelector(some, None).select(conditions(), {}, {}, lambda: STATE, WHOLE)
        for some in (PROFILES, PROFILES[::-1])
    )
    assert one == other


def test_a_group_without_strategies_is_passed_over(conditions: Conditions) -> None:
    only = [profile for profile in PROFILES if profile.group is StrategyGroup.MARKET_MAKING]
    chosen = StrategySelector(only, None).select(conditions(**TREND), {}, {}, lambda: STATE, WHOLE)
    assert (chosen.group, chosen.strategy) == (StrategyGroup.MARKET_MAKING, "dca")
    assert chosen.groups[0].group is StrategyGroup.TREND_FOLLOWING
    assert chosen.group_confidence == next(s.confidence for s in chosen.groups if s.group is chosen.group)


@pytest.mark.parametrize(("count", "by"), [(719, DecidedBy.RULES), (999, DecidedBy.RULES), (1_000, DecidedBy.MODEL)])
def test_a_model_is_asked_only_with_a_whole_window(conditions: Conditions, count: int, by: DecidedBy) -> None:
    def state() -> FeatureRow:
        assert by is DecidedBy.MODEL, "nobody needs it"
        return STATE

    basis = CandleBasis(count, 0, None, ())
    chosen = StrategySelector(PROFILES, Model(answer())).select(conditions(**TREND), {}, {}, state, basis)
    assert chosen.decided_by is by
    said = chosen.note == f"no model is asked with {count} candles, it needs 1,000; {NO_MODEL.partition('; ')[2]}"
    assert said is (by is DecidedBy.RULES)


def test_a_strategy_that_was_left_out_is_not_chosen_even_as_the_last_of_its_group(conditions: Conditions) -> None:
    left_out = ("macd", "confirmed")
    spoken = {name: signal(name) for name in left_out}
    some = CandleBasis(719, 0, None, left_out)
    chosen = StrategySelector(PROFILES, None).select(conditions(**TREND), spoken, {}, lambda: STATE, some)
    assert (chosen.group, chosen.strategy) == (StrategyGroup.TREND_FOLLOWING, "moving_average")
    assert not {score.strategy for score in chosen.strategies} & set(left_out)
    most = CandleBasis(719, 0, None, (*left_out, "moving_average"))
    chosen = StrategySelector(PROFILES, None).select(conditions(**TREND), spoken, {}, lambda: STATE, most)
    assert chosen.group is not StrategyGroup.TREND_FOLLOWING


def test_no_strategy_at_all_is_an_error() -> None:
    with pytest.raises(StrategyError) as caught:
        StrategySelector([], None)
    assert caught.value.hint


def test_a_model_chooses_the_group_by_edge_and_says_the_confidences(conditions: Conditions) -> None:
    chosen = select(conditions(**TREND), signal("momentum"), model=Model(answer(momentum=0.6)))
    assert (chosen.decided_by, chosen.group, chosen.strategy) == (DecidedBy.MODEL, StrategyGroup.MOMENTUM, "momentum")
    assert (chosen.group_confidence, chosen.strategy_confidence) == (0.7, 0.6)
    assert chosen.groups[0].expected_edge_bps == 30.0
    assert "m-1" in chosen.note
    assert chosen.edge_bps == 30.0
    assert chosen.model
    assert [each.feature for each in chosen.model.contributions] == ["because of momentum"]


def test_contributions_are_asked_for_only_where_there_is_a_signal_to_explain(conditions: Conditions) -> None:
    silent = signal("momentum", SignalType.NONE)
    for spoken in ((), (silent,)):
        chosen = select(conditions(**TREND), *spoken, model=Model(answer()))
        assert chosen.model
        assert chosen.model.contributions == ()


def test_an_absent_model_costs_nothing(conditions: Conditions) -> None:
    def unasked() -> FeatureRow:
        raise AssertionError("nobody needs it")

    none = NoModel("no learned model for real 5m candles: the live model m-1 was trained on simulated 1h candles")
    selector = StrategySelector(PROFILES, Model(none))
    chosen = selector.select(conditions(**TREND), {}, {}, unasked, WHOLE)
    assert chosen.note == f"{none}; the rule table decides and its confidences are not calibrated"
    assert StrategySelector(PROFILES, None).select(conditions(**TREND), {}, {}, unasked, WHOLE).note == NO_MODEL


def test_a_decision_of_the_model_keeps_what_the_rules_would_have_taken(conditions: Conditions) -> None:
    spoken = signal("confirmed"), signal("momentum")
    by_rules = select(conditions(**TREND), *spoken)
    by_model = select(conditions(**TREND), *spoken, model=Model(answer()))
    assert (by_rules.strategy, by_rules.rule_choice) == ("confirmed", None)
    assert (by_model.strategy, by_model.rule_choice) == ("momentum", "confirmed")


def test_a_strategy_that_the_model_does_not_know_has_no_confidence(conditions: Conditions) -> None:
    scores = answer()
    unknown = replace(scores, strategy_confidence={"rsi": 0.9})
    assert select(conditions(), signal("momentum"), model=Model(unknown)).strategy_confidence == 0.0


def test_a_model_without_edges_is_ranked_by_confidence(conditions: Conditions) -> None:
    shares = dict(zip(StrategyGroup, (0.1, 0.3, 0.2, 0.3, 0.0), strict=True))
    groups = tuple(GroupScore(group, share, "share") for group, share in shares.items())
    chosen = select(
        conditions(),
        model=Model(ModelScores(ModelOpinion("m-2", ModelState.LIVE, SCOPE, {}, 0.0, 0.05), groups[::-1], {})),
    )
    assert [score.group for score in chosen.groups[:3]] == [
        StrategyGroup.MEAN_REVERSION,
        StrategyGroup.MARKET_MAKING,
        StrategyGroup.MOMENTUM,
    ]


GOOD = answer()
MISSING = replace(GOOD, groups=GOOD.groups[1:])
TWICE = replace(GOOD, groups=(*GOOD.groups, GOOD.groups[0]))
SURE = replace(GOOD, groups=(replace(GOOD.groups[0], confidence=1.2), *GOOD.groups[1:]))
UNSURE = replace(GOOD, groups=(replace(GOOD.groups[0], confidence=math.nan), *GOOD.groups[1:]))


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (ModelError("model m-9 has expired", hint="autopilot retrain"), "model m-9 has expired"),
        (MISSING, "not each one once"),
        (TWICE, "not each one once"),
        (replace(GOOD, groups=()), "none"),
        (SURE, "trend_following a confidence of 1.2"),
        (UNSURE, "trend_following a confidence of nan"),
        (answer(rsi=math.nan), "rsi a confidence of nan"),
        (answer(rsi=-0.1), "rsi a confidence of -0.1"),
        (answer(dict.fromkeys(StrategyGroup, math.nan)), "expects nan bp"),
        (answer(dict.fromkeys(StrategyGroup, math.inf)), "expects inf bp"),
    ],
)
def test_when_the_model_cannot_the_rules_decide_and_say_why(
    conditions: Conditions, scores: ModelScores | ModelError, words: str
) -> None:
    spoken = signal("macd")
    chosen = select(conditions(**TREND), spoken, model=Model(scores))
    by_rules = select(conditions(**TREND), spoken)
    assert words in chosen.note
    assert replace(chosen, note=NO_MODEL) == by_rules
