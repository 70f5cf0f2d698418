"""Each built-in strategy in a market where it must buy, in the same market upside down, where it must sell, and in one
that lacks a single condition, where it must keep silent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from autopilot.analysis.view import MarketView, market_view
from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import DAY_MS
from autopilot.strategies.base import Strategy
from autopilot.strategies.market_making.dca import Dca
from autopilot.strategies.market_making.market_making import MarketMaking
from autopilot.strategies.mean_reversion.bollinger_mean_reversion import BollingerMeanReversion
from autopilot.strategies.mean_reversion.divergence import Divergence
from autopilot.strategies.mean_reversion.grid import Grid
from autopilot.strategies.mean_reversion.rsi import Rsi
from autopilot.strategies.momentum.momentum import Momentum
from autopilot.strategies.momentum.volatility_breakout import VolatilityBreakout
from autopilot.strategies.registry import StrategySet, builtin_strategies
from autopilot.strategies.sentiment_based.pairs_trading import PairsTrading
from autopilot.strategies.sentiment_based.sentiment import Sentiment
from autopilot.strategies.trend_following.confirmed import Confirmed
from autopilot.strategies.trend_following.macd import Macd
from autopilot.strategies.trend_following.moving_average import MovingAverage

View = Callable[..., MarketView]


def idle(length: int, size: float = 0.003) -> np.ndarray:
    """A market that goes nowhere: returns that cancel out, of typical ``size``."""
    noise = np.random.default_rng(length).normal(size=length) * size
    return noise - np.diff(np.cumsum(noise) * 0.5, prepend=0.0) - 0.5 * np.roll(noise, 1)


def steady(length: int, step: float) -> np.ndarray:
    return np.full(length, step)


@dataclass(frozen=True)
class Market:
    """``before`` and what happens ``then``: only there is the strategy watched, and the volume ``loud`` times usual."""

    before: np.ndarray
    then: np.ndarray
    loud: float = 1.0
    reference: np.ndarray | None = None
    mood: float | None = None

    def view(self, view_of: View, upside_down: bool = False) -> MarketView:
        sign = -1.0 if upside_down else 1.0
        volume = np.concatenate([np.full(len(self.before), 100.0), np.full(len(self.then), 100.0 * self.loud)])
        return view_of(
            sign * np.concatenate([self.before, self.then]),
            volume=volume,
            reference=None if self.reference is None else sign * self.reference,
            mood=100.0 - self.mood if self.mood is not None and upside_down else self.mood,
        )


@dataclass(frozen=True)
class Rule:
    strategy: Strategy
    buys: Market
    silent: dict[str, Market] = field(default_factory=dict)


def common(length: int) -> np.ndarray:
    return np.random.default_rng(5).normal(size=length) * 0.004


V_TURN = Market(steady(250, -0.002), steady(40, 0.004))
DOUBLE_BOTTOM = np.concatenate(
    [steady(12, -0.012), steady(10, 0.008), np.tile([-0.009, 0.0], 9), steady(1, -0.002), steady(6, 0.004)]
)
HIGHER_BOTTOM = np.concatenate([steady(12, -0.012), steady(10, 0.008), np.tile([-0.006, 0.0], 9), steady(7, 0.004)])

RULES = [
    Rule(
        MovingAverage(),
        Market(idle(250), steady(40, 0.004)),
        {
            "the averages stay apart": Market(np.concatenate([idle(250), steady(60, 0.004)]), steady(40, 0.004)),
            "the slow average still falls": V_TURN,
        },
    ),
    Rule(Macd(), V_TURN, {"the decline keeps its pace": Market(steady(250, -0.002), steady(80, -0.002))}),
    Rule(
        Confirmed(),
        Market(idle(300), steady(40, 0.004)),
        {"no trend": Market(idle(300), idle(41)), "only one candle moves": Market(idle(300), np.array([0.01]))},
    ),
    Rule(
        Rsi(),
        Market(np.concatenate([idle(300), steady(8, -0.012)]), steady(5, 0.01)),
        {
            "it stays oversold": Market(np.concatenate([idle(300), steady(8, -0.012)]), steady(5, -0.01)),
            "it never was oversold": Market(idle(300), steady(5, 0.002)),
        },
    ),
    Rule(
        BollingerMeanReversion(),
        Market(np.concatenate([idle(300), steady(3, -0.004)]), np.array([0.004, 0.002])),
        {
            "it stays outside": Market(np.concatenate([idle(300), steady(3, -0.004)]), steady(2, -0.006)),
            "it never was outside": Market(np.concatenate([idle(300), [-0.001]]), np.array([0.001])),
            "the bands burst": Market(np.concatenate([idle(300), [-0.1]]), np.array([0.06, 0.0])),
        },
    ),
    Rule(
        Grid(),
        Market(idle(350), steady(6, -0.006)),
        {
            "it moves between two lines": Market(idle(350, 0.006), np.array([0.0005, -0.0005])),
            "the price leaves the band": Market(np.concatenate([idle(350), [-0.35]]), steady(6, -0.006)),
            "the lines are too near": Market(idle(350, 0.0002), steady(6, -0.0004)),
        },
    ),
    Rule(
        Divergence(),
        Market(idle(200, 0.001), DOUBLE_BOTTOM),
        {
            "the second low is higher": Market(idle(200, 0.001), HIGHER_BOTTOM),
            "the second low is not over yet": Market(idle(200, 0.001), DOUBLE_BOTTOM[:-4]),
        },
    ),
    Rule(
        Momentum(),
        Market(np.concatenate([idle(400), steady(20, 0.001)]), steady(24, 0.003), loud=2.0),
        {
            "nobody trades": Market(np.concatenate([idle(400), steady(20, 0.001)]), steady(24, 0.003), loud=0.3),
            "against the long trend": Market(
                np.concatenate([idle(300), steady(120, -0.003), steady(16, 0.003)]), steady(8, 0.003), loud=4.0
            ),
        },
    ),
    Rule(
        VolatilityBreakout(),
        Market(idle(300), np.array([0.03]), loud=4.0),
        {
            "usual volume": Market(idle(300), np.array([0.03])),
            "inside the channel": Market(np.concatenate([idle(300), [-0.06]]), np.array([0.03]), loud=4.0),
            "it broke out before": Market(np.concatenate([idle(300), [0.03]]), np.array([0.01]), loud=4.0),
        },
    ),
    Rule(
        MarketMaking(),
        Market(np.concatenate([idle(200, 0.006), idle(100, 0.002)]), np.array([-0.006])),
        {
            "it is not quiet": Market(np.concatenate([idle(200, 0.002), idle(100, 0.006)]), np.array([-0.02])),
            "within the spread": Market(np.concatenate([idle(200, 0.006), idle(100, 0.002)]), np.array([-0.001])),
        },
    ),
    Rule(
        Sentiment(),
        replace(V_TURN, mood=12.0),
        {
            "nobody is afraid": replace(V_TURN, mood=50.0),
            "no index": V_TURN,
            "no turn": Market(steady(250, -0.002), steady(80, -0.002), mood=12.0),
        },
    ),
    Rule(
        PairsTrading(),
        Market(common(403)[:400], steady(3, -0.02), reference=common(403)),
        {
            "both fall": Market(
                common(403)[:400], steady(3, -0.02), reference=np.concatenate([common(403)[:400], steady(3, -0.02)])
            ),
            "no reference": Market(common(403)[:400], steady(3, -0.02)),
            "the reference is something else": Market(
                common(403)[:400], steady(3, -0.02), reference=np.random.default_rng(9).normal(size=403) * 0.004
            ),
            "the reference is itself": Market(
                common(403)[:400], steady(3, -0.02), reference=np.concatenate([common(403)[:400], steady(3, -0.02)])
            ),
        },
    ),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.strategy.name)
def test_buys(rule: Rule, view_of: View) -> None:
    sides = rule.strategy.signals(rule.buys.view(view_of)).side[-len(rule.buys.then) :]
    assert 1 in sides
    assert -1 not in sides


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.strategy.name)
def test_sells_in_the_same_market_upside_down(rule: Rule, view_of: View) -> None:
    sides = rule.strategy.signals(rule.buys.view(view_of, upside_down=True)).side[-len(rule.buys.then) :]
    assert -1 in sides
    assert 1 not in sides


@pytest.mark.parametrize(
    ("strategy", "market"),
    [
        pytest.param(rule.strategy, market, id=f"{rule.strategy.name}: {why}")
        for rule in RULES
        for why, market in rule.silent.items()
    ],
)
def test_keeps_silent(strategy: Strategy, market: Market, view_of: View) -> None:
    for upside_down in (False, True):
        sides = strategy.signals(market.view(view_of, upside_down)).side[-len(market.then) :]
        assert not sides.any(), upside_down


def test_dca_buys_once_a_utc_day_while_the_price_is_fair(view_of: View) -> None:
    view = view_of(idle(500))
    sides = Dca().signals(view).side[200:]
    days = view.candles.open_at_ms[200:] // DAY_MS
    bought = days[sides == 1]
    assert len(bought) == len(set(bought)) > 8
    assert (view.candles.open_at_ms[200:][sides == 1] % DAY_MS == 0).all()


def test_dca_buys_late_when_the_due_candle_is_absent(view_of: View) -> None:
    candles = view_of(idle(500)).candles
    kept = candles.open_at_ms % DAY_MS != 0
    view = view_of(idle(500))
    sparse = Candles(
        candles.timeframe,
        *(getattr(candles, name)[kept] for name in ("open_at_ms", "open", "high", "low", "close", "volume")),
    )
    sides = Dca().signals(market_view(view.symbol, sparse, None, None)).side
    bought = sparse.open_at_ms[200:][sides[200:] == 1]
    assert len(bought) > 8
    assert (bought % DAY_MS == DAY_MS // 24).all()


@pytest.mark.parametrize(
    ("then", "side"),
    [(steady(48, 0.0), 1), (steady(48, -0.03), 0), (steady(48, 0.02), -1)],
    ids=["fair", "crash", "far above"],
)
def test_dca_prefers_dips_stays_out_of_a_crash_and_sells_into_excess(
    view_of: View, then: np.ndarray, side: int
) -> None:
    sides = Dca(burst=9.0).signals(view_of(np.concatenate([idle(360), then]))).side[-24:]
    assert set(sides.tolist()) == {0, side}


def test_dca_is_surer_the_cheaper_it_gets(view_of: View) -> None:
    confidence = []
    for step in (0.0, -0.0007, -0.0014):
        arrays = Dca().signals(view_of(np.concatenate([idle(360), steady(25, step)])))
        confidence.append(float(arrays.confidence[360:][arrays.side[360:] == 1].max()))
    assert confidence == sorted(confidence)
    assert confidence[-1] > confidence[0] + 0.05


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.strategy.name)
def test_explains_with_its_numbers(rule: Rule, view_of: View) -> None:
    view = rule.buys.view(view_of)
    words = rule.strategy.explain(view, len(view.candles) - 1)
    assert sum(character.isdigit() for character in words) >= 4
    assert "nan" not in words


def test_a_deeper_extreme_is_stronger_and_surer(view_of: View) -> None:
    mild, deep = (
        Rsi().signals(view_of(np.concatenate([idle(300), steady(6, step), steady(4, 0.004)])))
        for step in (-0.003, -0.006)
    )
    assert deep.strength[-4:].max() > mild.strength[-4:].max() > 0
    assert deep.confidence[-4:].max() > mild.confidence[-4:].max() > 0


def test_stops_are_wider_where_the_market_moves_more(view_of: View) -> None:
    calm, wild = (MovingAverage().signals(view_of(idle(300, size), wick=size)) for size in (0.002, 0.01))
    assert (wild.stop_distance[100:] > calm.stop_distance[100:]).all()
    assert (wild.target_distance[100:] > wild.stop_distance[100:]).all()


def test_a_market_that_stands_still_after_a_move_gives_no_signal(view_of: View) -> None:
    still = np.concatenate([idle(300), steady(20, -0.01), np.zeros(400)])
    volume = np.concatenate([np.full(320, 100.0), np.zeros(400)])
    view = view_of(still, volume=volume, mood=5.0, reference=idle(720), wick=0.0)
    evaluation = StrategySet(builtin_strategies()).evaluate(view)
    assert not evaluation.errors
    for name, arrays in evaluation.arrays.items():
        assert not arrays.side[-200:].any(), name
