"""The set of strategies: who is in it, how a failing one is kept apart, and how a user's own gets in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autopilot.analysis.view import MarketView, market_view
from autopilot.domain.candles import Candles
from autopilot.domain.conditions import Regime
from autopilot.domain.errors import CandleError, StrategyError
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.signal import SignalArrays, SignalType, StrategyGroup
from autopilot.domain.timeframe import Timeframe
from autopilot.strategies.base import CompositeStrategy, Strategy, suits
from autopilot.strategies.contract import faults
from autopilot.strategies.registry import (
    ENTRY_POINT_GROUP,
    StrategySet,
    builtin_strategies,
    discover,
    load_strategies,
)
from autopilot.strategies.sentiment_based.consensus import Consensus
from autopilot.strategies.trend_following.macd import Macd

GROUPS = {
    StrategyGroup.TREND_FOLLOWING: ("moving_average", "macd", "confirmed"),
    StrategyGroup.MEAN_REVERSION: ("rsi", "bollinger_mean_reversion", "grid", "divergence"),
    StrategyGroup.MOMENTUM: ("momentum", "volatility_breakout"),
    StrategyGroup.MARKET_MAKING: ("market_making", "dca"),
    StrategyGroup.SENTIMENT_BASED: ("sentiment", "pairs_trading", "consensus"),
}


@dataclass(frozen=True)
class Told(Strategy):
    """Says what it is told to, whatever the market."""

    group = StrategyGroup.MOMENTUM
    regime_fit = suits(trending_up=1, trending_down=1, ranging=1, volatile=1, quiet=1)

    name: str = "told"  # type: ignore[misc]  # one class for many strategies of a test
    say: Callable[[MarketView], Any] = lambda view: SignalArrays.neutral(len(view.candles))
    because: Callable[[], str] = lambda: "told to"

    def signals(self, view: MarketView) -> SignalArrays:
        answer: SignalArrays = self.say(view)
        return answer

    def explain(self, view: MarketView, index: int) -> str:
        return self.because()


def buying(view: MarketView, **changes: Any) -> SignalArrays:
    length = len(view.candles)
    shares = np.full(length, 0.9)
    return replace(
        SignalArrays(np.ones(length, dtype=np.int8), shares, shares, np.full(length, 0.02), np.full(length, 0.04)),
        **changes,
    )


def some_nan(view: MarketView) -> np.ndarray:
    values = np.full(len(view.candles), 0.5)
    values[0] = np.nan
    return values


def raising(*_: object) -> Any:
    raise ZeroDivisionError("no such thing")


@pytest.fixture
def view(random_candles: Callable[..., Candles]) -> MarketView:
    return market_view("X/USD", random_candles(3, 1000), None, None)


def test_fourteen_strategies_in_five_groups() -> None:
    strategies = StrategySet(builtin_strategies())
    assert {group: tuple(one.name for one in strategies if one.group is group) for group in StrategyGroup} == GROUPS
    assert len(strategies) == 14
    assert strategies["macd"] == Macd()


@pytest.mark.parametrize("strategy", builtin_strategies(), ids=lambda strategy: strategy.name)
def test_each_says_what_it_suits_needs_and_rests_on(strategy: Strategy) -> None:
    assert set(strategy.regime_fit) == set(Regime)
    assert max(strategy.regime_fit.values()) >= 0.6
    assert min(strategy.regime_fit.values()) < 0.5
    assert strategy.needs_reference is (strategy.name == "pairs_trading")
    assert strategy.needs_sentiment is (strategy.name == "sentiment")
    assert hash(strategy) == hash(replace(strategy))
    for heading in ("Rule:", "Parameters:", "Source:", "Typical failure:"):
        assert heading in (type(strategy).__doc__ or "")


def test_a_name_comes_once_only() -> None:
    with pytest.raises(StrategyError, match="two strategies named 'macd'"):
        StrategySet((Macd(), Macd(fast=5)))


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(StrategyError, match="no strategy 'mcad'") as caught:
        StrategySet((Macd(),))["mcad"]
    assert "macd" in caught.value.hint


def test_missing_external_series_mean_no_opinion_and_no_error(random_candles: Callable[..., Candles]) -> None:
    candles = random_candles(4, 1500)
    nothing = SentimentSeries.neutral()
    strategies = StrategySet(builtin_strategies())
    for outside in ((None, None), (Candles.empty(Timeframe.H1), nothing)):
        evaluation = strategies.evaluate(market_view("X/USD", candles, *outside))
        assert not evaluation.errors
        for name in ("sentiment", "pairs_trading"):
            assert not evaluation.arrays[name].side.any()
            assert "no opinion" in evaluation.explained(name).reason
        assert evaluation.arrays["consensus"].side.any()


def test_signals_are_the_last_entries_of_the_arrays(view: MarketView) -> None:
    evaluation = StrategySet((*builtin_strategies(), Told(say=buying))).evaluate(view)
    price = float(view.candles.close[-1])
    assert list(evaluation.arrays) == list(evaluation.signals) == [*sum(GROUPS.values(), ()), "told"]
    for name, signal in evaluation.signals.items():
        arrays = evaluation.arrays[name]
        assert signal.symbol == "X/USD"
        assert signal.strategy == name
        assert signal.price == price
        assert signal.stop == pytest.approx(price * (1 - arrays.stop_distance[-1]))
        assert signal.target == pytest.approx(price * (1 + arrays.target_distance[-1]))
        assert signal.stop < price < signal.target
        assert (signal.signal_type is SignalType.NONE) is bool(arrays.side[-1] == 0)
        assert (signal.strength, signal.confidence) == (arrays.strength[-1], arrays.confidence[-1])
        assert evaluation.explained(name).reason
    assert evaluation.signals["told"].signal_type is SignalType.BUY
    assert evaluation.signals["told"].confidence == 0.9


@pytest.mark.parametrize(
    ("say", "words"),
    [
        (raising, "ZeroDivisionError: no such thing"),
        (lambda view: None, "returned NoneType"),
        (lambda view: buying(view, side=np.ones(999, dtype=np.int8)), r"side has shape \(999,\), not \(1000,\)"),
        (lambda view: buying(view, side=np.ones(1000)), "side is float64, not an array of int8"),
        (lambda view: buying(view, side=np.full(1000, 2, dtype=np.int8)), "side is neither"),
        (lambda view: buying(view, strength=[0.5] * 1000), "strength is list, not an array of float64"),
        (lambda view: buying(view, strength=np.full(1000, 1.5)), r"strength is outside \[0, 1\]"),
        (lambda view: buying(view, confidence=some_nan(view)), "confidence is outside"),
        (lambda view: buying(view, confidence=np.full(1000, -0.1)), "confidence is outside"),
        (lambda view: buying(view, side=np.zeros(1000, dtype=np.int8)), "strength is not zero where there is no side"),
        (lambda view: buying(view, stop_distance=np.zeros(1000)), r"stop_distance is outside \(0, 1\)"),
        (lambda view: buying(view, stop_distance=np.ones(1000)), r"stop_distance is outside \(0, 1\)"),
        (lambda view: buying(view, target_distance=some_nan(view)), "target_distance is not a finite number"),
        (lambda view: buying(view, target_distance=np.full(1000, np.inf)), "target_distance is not a finite number"),
        (lambda view: buying(view, strength=view.candles.close / np.zeros(1000)), "strength is outside"),
    ],
)
def test_a_broken_strategy_has_no_opinion_and_stops_nobody(
    view: MarketView, say: Callable[[MarketView], Any], words: str
) -> None:
    evaluation = StrategySet((Told(name="broken", say=say), Told(say=buying), Macd())).evaluate(view)
    assert list(evaluation.errors) == ["broken"]
    assert not evaluation.arrays["broken"].side.any()
    assert not faults(evaluation.arrays, 1000)
    assert evaluation.signals["broken"].signal_type is SignalType.NONE
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(evaluation.errors["broken"])
    assert evaluation.errors["broken"] in evaluation.explained("broken").reason
    assert evaluation.signals["told"].signal_type is SignalType.BUY
    np.testing.assert_array_equal(evaluation.arrays["macd"].side, Macd().signals(view).side)


def test_a_strategy_that_cannot_explain_itself_is_not_followed(view: MarketView) -> None:
    evaluation = StrategySet((Told(say=buying, because=raising),)).evaluate(view)
    assert "no such thing" in evaluation.errors["told"]
    assert evaluation.signals["told"].signal_type is SignalType.NONE
    assert not evaluation.arrays["told"].side.any()


@dataclass(frozen=True)
class Modest(Told):
    """Needs few candles."""

    @property
    def candles_needed(self) -> int:
        return 300


def test_one_that_needs_more_candles_is_not_asked(random_candles: Callable[..., Candles]) -> None:
    view = market_view("X/USD", random_candles(3, 500), None, None)
    strategies = StrategySet((Told(name="told", say=raising, because=raising), Modest(name="modest", say=buying)))
    found = strategies.evaluate(view)
    assert (found.left_out, dict(found.errors)) == (("told",), {})
    assert not found.arrays["told"].side.any()
    assert list(found.fired) == ["modest"]
    assert strategies.left_out(1_000) == ()


def test_outcomes_of_candles_that_a_strategy_has_too_few_before_are_lacking(view: MarketView) -> None:
    lacking = StrategySet((Told(name="told"), Modest(name="modest"))).lacking(view)
    assert lacking["modest"].tolist() == [True] * 299 + [False] * 701
    assert lacking["told"].tolist() == [True] * 999 + [False]


def test_no_candles_are_an_error_that_says_so() -> None:
    empty = market_view("X/USD", Candles.empty(Timeframe.H1), None, None)
    with pytest.raises(CandleError, match="no candles of X/USD"):
        StrategySet(builtin_strategies()).evaluate(empty)


# A composite strategy and its voters


def speaker(name: str, group: StrategyGroup, side: int, confidence: float = 0.8, at: int = 900) -> Strategy:
    def say(view: MarketView) -> SignalArrays:
        arrays = SignalArrays.neutral(len(view.candles))
        sides, shares = arrays.side.copy(), arrays.confidence.copy()
        sides[at], shares[at] = side, confidence
        return replace(arrays, side=sides, strength=shares, confidence=shares)

    made = type(f"Speaker_{name}", (Told,), {"group": group})
    voter: Strategy = made(name=name, say=say)
    return voter


TREND, REVERSION, MOMENTUM = (
    StrategyGroup.TREND_FOLLOWING,
    StrategyGroup.MEAN_REVERSION,
    StrategyGroup.MOMENTUM,
)


@pytest.mark.parametrize(
    ("voters", "sides"),
    [
        ([speaker("a", TREND, 1), speaker("b", MOMENTUM, 1)], [0, 1, 1, 0]),
        ([speaker("a", TREND, -1), speaker("b", MOMENTUM, -1)], [0, -1, -1, 0]),
        ([speaker("a", TREND, 1), speaker("b", MOMENTUM, 1, at=903)], [0, 0, 0, 0]),
        ([speaker("a", TREND, 1), speaker("b", TREND, 1), speaker("c", TREND, 1)], [0, 0, 0, 0]),
        ([speaker("a", TREND, 1), speaker("b", MOMENTUM, 1), speaker("c", REVERSION, -1)], [0, 0, 0, 0]),
        ([speaker("a", TREND, 1, 0.5), speaker("b", MOMENTUM, 1, 0.5)], [0, 0, 0, 0]),
        ([speaker("a", TREND, 1), speaker("b", MOMENTUM, 1, at=898)], [0, 1, 1, 0]),
    ],
    ids=["agree", "agree to sell", "later", "one group", "one against", "unsure", "a little before"],
)
def test_consensus_needs_groups_that_agree(view: MarketView, voters: list[Strategy], sides: list[int]) -> None:
    consensus = Consensus(tuple(voters))
    arrays = StrategySet((*voters, consensus)).evaluate(view).arrays["consensus"]
    assert arrays.side[899:903].tolist() == sides
    assert np.count_nonzero(arrays.side) <= 2 + 2 * (voters[-1].name == "b" and sides == [0, 0, 0, 0])


def test_consensus_hears_less_of_a_buy_when_everybody_is_greedy(view: MarketView) -> None:
    voters = (speaker("a", TREND, 1), speaker("b", MOMENTUM, 1))
    confidence = []
    for mood in (None, 50.0, 95.0):
        moody = replace(view, sentiment=None if mood is None else np.full(1000, mood))
        confidence.append(Consensus(voters).signals(moody).confidence[900])
    assert confidence[0] == confidence[1] == pytest.approx(confidence[2] + 0.1)


def test_voters_are_asked_once_and_a_failing_one_does_not_vote(view: MarketView) -> None:
    asked: list[str] = []

    def counted(name: str) -> Strategy:
        voter = speaker(name, MOMENTUM, 1)

        def say(view: MarketView) -> SignalArrays:
            asked.append(name)
            return voter.signals(view)

        return Told(name=name, say=say)

    voters = (counted("a"), counted("b"), Told(name="c", say=raising))
    evaluation = StrategySet((*voters, Consensus(voters, quorum=1, entry=0.9))).evaluate(view)
    assert asked == ["a", "b"]
    assert list(evaluation.errors) == ["c"]
    assert evaluation.arrays["consensus"].side[900] == 1
    assert "votes of the last 4 candles: none" in evaluation.explained("consensus").reason


def test_a_composite_is_the_same_alone_and_in_the_set(view: MarketView) -> None:
    strategies = StrategySet(builtin_strategies())
    evaluation, consensus = strategies.evaluate(view), strategies["consensus"]
    assert isinstance(consensus, CompositeStrategy)
    assert consensus.voters == strategies.strategies[:-1]
    alone = consensus.signals(view)
    np.testing.assert_array_equal(alone.side, evaluation.arrays["consensus"].side)
    np.testing.assert_array_equal(alone.confidence, evaluation.arrays["consensus"].confidence)
    assert consensus.explain(view, len(view.candles) - 1) == evaluation.explained("consensus").reason


# A user's own strategy

PLUGIN = """
from dataclasses import dataclass

from autopilot.domain.signal import SignalArrays, StrategyGroup
from autopilot.strategies.base import Strategy, suits


@dataclass(frozen=True)
class Patience(Strategy):
    name = "patience"
    group = StrategyGroup.MARKET_MAKING
    regime_fit = suits(trending_up=0.1, trending_down=0.1, ranging=0.5, volatile=0.1, quiet=0.9)
    years: int = 10

    def signals(self, view):
        return SignalArrays.neutral(len(view.candles))

    def explain(self, view, index):
        return f"waits {self.years} years"


lasting = Patience(years=20)


def make():
    return Patience(years=30)


def fail():
    raise RuntimeError("out of patience")


@dataclass(frozen=True)
class Nameless(Patience):
    name = ""


@dataclass(frozen=True)
class Groupless(Patience):
    group = "waiting"


@dataclass(frozen=True)
class Unfit(Patience):
    regime_fit = suits(trending_up=0.1, trending_down=0.1, ranging=0.5, volatile=0.1, quiet=1.9)


@dataclass(frozen=True)
class Greedy(Patience):
    candles_needed = 1_001


@dataclass(frozen=True)
class Vague(Patience):
    candles_needed = 719.5


number = 7
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Mapping[str, str]], None]]:
    """Installs a distribution with the strategies above, the way a package installer leaves it."""

    def install(points: Mapping[str, str]) -> None:
        (tmp_path / "patience_plugin.py").write_text(PLUGIN)
        info = tmp_path / "patience_plugin-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: patience-plugin\nVersion: 1.0\n")
        lines = [f"[{ENTRY_POINT_GROUP}]", *(f"{name} = {target}" for name, target in points.items())]
        (info / "entry_points.txt").write_text("\n".join(lines))
        monkeypatch.syspath_prepend(tmp_path)

    yield install
    sys.modules.pop("patience_plugin", None)


@pytest.mark.parametrize(("target", "years"), [("Patience", 10), ("lasting", 20), ("make", 30)])
def test_an_installed_strategy_joins_the_built_in_ones(
    installed: Callable[[Mapping[str, str]], None], view: MarketView, target: str, years: int
) -> None:
    installed({"patience": f"patience_plugin:{target}"})
    strategies = load_strategies()
    assert strategies.names == (*sum(GROUPS.values(), ()), "patience")
    assert strategies.evaluate(view).explained("patience").reason == f"waits {years} years"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("patience_plugin:fail", "RuntimeError: out of patience"),
        ("patience_plugin:missing", "missing"),
        ("no_such_module:Patience", "No module named 'no_such_module'"),
        ("patience_plugin:number", "'int' object is not callable"),
        ("patience_plugin:dataclass", "not a Strategy"),
        ("patience_plugin:Nameless", "its name is not a text"),
        ("patience_plugin:Groupless", "its group 'waiting' is not"),
        ("patience_plugin:Unfit", "its regime_fit"),
        ("patience_plugin:Greedy", "its candles_needed is not a whole number from 1 to 1000"),
        ("patience_plugin:Vague", "its candles_needed is not a whole number from 1 to 1000"),
    ],
)
def test_a_broken_entry_point_is_named(installed: Callable[[Mapping[str, str]], None], target: str, words: str) -> None:
    installed({"mine": target})
    with pytest.raises(StrategyError, match=f"entry point mine = {target} gives no strategy") as caught:
        load_strategies()
    assert words in str(caught.value)
    assert "docs/strategies.md" in caught.value.hint


def test_an_installed_strategy_cannot_take_a_built_in_name(installed: Callable[[Mapping[str, str]], None]) -> None:
    installed({"macd": "autopilot.strategies.trend_following.macd:Macd"})
    with pytest.raises(StrategyError, match="two strategies named 'macd'"):
        load_strategies()


def test_nothing_is_installed_by_ourselves() -> None:
    assert discover(entry_points(group=ENTRY_POINT_GROUP)) == ()
    assert discover([EntryPoint("x", "autopilot.strategies.trend_following.macd:Macd", ENTRY_POINT_GROUP)]) == (Macd(),)
