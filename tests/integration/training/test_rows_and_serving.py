"""What training learns from is what a live cycle sees, candle by candle, and what is served is what was trained."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bases import WHOLE

from autopilot.adapters.exchange.offline_markets.settings import SimulatedSettings
from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange
from autopilot.adapters.models.scoring_model import ScoringModel
from autopilot.adapters.sentiment.offline import SimulatedSentiment
from autopilot.analysis.features import feature_row
from autopilot.analysis.market_analyzer import WINDOW, MarketAnalyzer
from autopilot.analysis.regime import REGIMES, WARM_UP
from autopilot.analysis.view import MarketView, market_view
from autopilot.app.compute import InProcess
from autopilot.domain.candles import Candles
from autopilot.domain.conditions import FeatureRow
from autopilot.domain.errors import ModelError
from autopilot.domain.market import CandleKind, reference_of
from autopilot.domain.model_state import ModelEntry, ModelScope, ModelState
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.performance.outcomes import TradingCost
from autopilot.performance.performance_tracker import PerformanceTracker
from autopilot.selection.strategy_rules import StrategyProfile
from autopilot.selection.strategy_selector import StrategySelector
from autopilot.strategies.registry import StrategySet, builtin_strategies
from autopilot.training.data.history import SymbolRows, candles_before, learned_names, symbol_rows
from autopilot.training.data.series import SymbolData
from autopilot.training.data.training_set import training_set
from autopilot.training.model.fit import FitSettings
from autopilot.training.request import Acting, Stage, TrainingRequest
from autopilot.training.train import Trained, TrainingSettings, train

COST = TradingCost(0.0015)
DAYS = 40
SYMBOLS = ("BTC/USD", "ETH/USD")
STRATEGIES = StrategySet(builtin_strategies())
SCOPE = ModelScope(CandleKind.SIMULATED, Timeframe.H1)
SETTINGS = TrainingSettings(Acting(0.75, 0.0), COST, 1, SCOPE, FitSettings(members=3, rounds=6))
REQUEST = TrainingRequest("simulated", SYMBOLS, Timeframe.H1, DAYS, 10)


async def _market() -> tuple[dict[str, Candles], SentimentSeries]:
    exchange = SimulatedExchange(SimulatedSettings(seed=3))
    exchange.subscribe(SYMBOLS, Timeframe.H1, None)
    length, now_ms = DAYS * 24 + candles_before(Timeframe.H1), exchange.clock.now_ms()
    candles = {symbol: await exchange.history(symbol, Timeframe.H1, now_ms, length) for symbol in SYMBOLS}
    first_ms = int(candles["BTC/USD"].open_at_ms[0])
    return candles, await SimulatedSentiment(exchange).series("", first_ms - 10 * DAY_MS, now_ms)


@pytest.fixture(scope="module")
def histories() -> tuple[SymbolData, ...]:
    candles, mood = asyncio.run(_market())
    return tuple(
        SymbolData(
            symbol,
            candles[symbol],
            candles[reference_of(symbol)],
            mood,
            (),
            candles[symbol].last_at_ms - DAYS * DAY_MS,
        )
        for symbol in SYMBOLS
    )


@pytest.fixture(scope="module")
def rows(histories: Sequence[SymbolData]) -> tuple[SymbolRows, ...]:
    return tuple(symbol_rows(history, STRATEGIES, COST) for history in histories)


@pytest.fixture(scope="module")
def trained(histories: Sequence[SymbolData]) -> Trained:
    return train(histories, STRATEGIES, REQUEST, SETTINGS, InProcess(), lambda *_: None)


class Samples:
    """A SampleStore in memory."""

    def __init__(self) -> None:
        self.kept: list[PerformanceSample] = []

    def save_samples(self, samples: Sequence[PerformanceSample]) -> None:
        self.kept += samples

    def load_samples(self, exchange: str, timeframe: Timeframe, since_ms: int) -> tuple[PerformanceSample, ...]:
        return ()

    def samples_of(
        self, exchange: str, symbol: str, timeframe: Timeframe, since_ms: int, limit: int
    ) -> tuple[PerformanceSample, ...]:
        return ()

    def sampled_symbols(self, exchange: str, timeframe: Timeframe) -> tuple[str, ...]:
        return ()


class Live:
    """The part of a cycle that feeds the model, candle after candle, as the daemon does it."""

    def __init__(self, history: SymbolData) -> None:
        self.history = history
        self.store = Samples()
        self.tracker = PerformanceTracker("simulated", Timeframe.H1, STRATEGIES.names, self.store, COST)

    def view(self, at: int, length: int = WINDOW) -> MarketView:
        window = self.history.candles[max(0, at + 1 - length) : at + 1]
        assert self.history.reference
        reference = self.history.reference.until(window.last_at_ms)
        return market_view(self.history.symbol, window, reference, self.history.sentiment)

    def see(self, at: int) -> tuple[MarketView, FeatureRow]:
        view = self.view(at)
        due = self.tracker.candles_due(self.history.symbol, view.candles.last_at_ms)
        if due:
            past = self.view(at, max(due, WINDOW))
            arrays = STRATEGIES.evaluate(past).arrays
            self.tracker.observe(self.history.symbol, past, arrays, STRATEGIES.lacking(past), len(past.candles) - 1)
        arrays = STRATEGIES.evaluate(view).arrays
        return view, self.tracker.strategy_state(self.history.symbol, view, arrays, len(view.candles) - 1)


def test_a_training_row_is_what_a_live_cycle_would_have_seen(
    histories: Sequence[SymbolData], rows: Sequence[SymbolRows]
) -> None:
    history, learned = histories[1], rows[1]
    live, compared = Live(history), 0
    at_ms = history.candles.open_at_ms + Timeframe.H1.ms
    first = int(np.searchsorted(at_ms, learned.at_ms[0]))
    for at in range(first, first + 200):
        view, state = live.see(at)
        found = np.flatnonzero(learned.at_ms == at_ms[at])
        if len(found):
            served = np.concatenate([feature_row(view, view.regimes).values, state.values])
            np.testing.assert_allclose(served, learned.features[found[0]], atol=1e-9)
            compared += 1
    assert compared >= 4


def test_labels_are_what_the_tracker_would_record(histories: Sequence[SymbolData], rows: Sequence[SymbolRows]) -> None:
    history, learned = histories[0], rows[0]
    live = Live(history)
    for at in range(len(history.candles) - 40, len(history.candles)):
        live.see(at)
    recorded = {sample.candle_at_ms + Timeframe.H1.ms: sample for sample in live.store.kept}
    both = [column for column, at in enumerate(learned.at_ms.tolist()) if at in recorded]
    assert len(both) >= 10
    for column in both:
        sample = recorded[int(learned.at_ms[column])]
        expected = [sample.returns.get(name, np.nan) for name in STRATEGIES.names]
        np.testing.assert_allclose(learned.returns[:, column], expected, atol=1e-9)
        assert sample.matured_at_ms == learned.matured_ms[column]
        assert sample.regime is REGIMES[learned.regime[column]]


def test_what_the_daemon_recorded_takes_the_place_of_the_bootstrap(histories: Sequence[SymbolData]) -> None:
    history = histories[0]
    plain = symbol_rows(history, STRATEGIES, COST)
    at = int(plain.at_ms[3]) - Timeframe.H1.ms
    told = PerformanceSample("simulated", "BTC/USD", Timeframe.H1, at, at + 1, REGIMES[0], {"macd": 0.5})
    foreign = replace(told, candle_at_ms=17)
    changed = symbol_rows(replace(history, recorded=(told, foreign)), STRATEGIES, COST)
    column = STRATEGIES.names.index("macd")
    assert changed.returns[column, 3] == 0.5
    assert np.isnan(np.delete(changed.returns[:, 3], column)).all()
    np.testing.assert_array_equal(np.delete(changed.returns, 3, axis=1), np.delete(plain.returns, 3, axis=1))
    assert (plain.recorded, changed.recorded) == (0, 1)


def test_a_strategy_without_its_data_has_no_label_and_no_stand_in(histories: Sequence[SymbolData]) -> None:
    alone = symbol_rows(replace(histories[0], reference=None, sentiment=None), STRATEGIES, COST)
    lacking = [STRATEGIES.names.index(one.name) for one in STRATEGIES if one.needs_reference or one.needs_sentiment]
    assert lacking
    assert np.isnan(alone.returns[lacking]).all()
    assert np.isfinite(np.delete(alone.returns, lacking, axis=0)).all()
    assert np.isfinite(alone.features).all()


def test_no_row_changes_when_the_future_is_cut_off(histories: Sequence[SymbolData], rows: Any) -> None:
    history, whole = histories[0], rows[0]
    shorter = symbol_rows(replace(history, candles=history.candles[:-200]), STRATEGIES, COST)
    count = len(shorter.at_ms)
    assert 0 < count < len(whole.at_ms)
    np.testing.assert_array_equal(shorter.at_ms, whole.at_ms[:count])
    np.testing.assert_allclose(shorter.features, whole.features[:count], atol=1e-12)
    np.testing.assert_allclose(shorter.returns, whole.returns[:, :count], atol=1e-12)


def test_no_row_changes_with_the_scale_of_prices(histories: Sequence[SymbolData]) -> None:
    """By a power of two, which floats take exactly: otherwise two equal moves of the ADX could become unequal."""
    history = histories[0]
    scaled = Candles(
        Timeframe.H1,
        history.candles.open_at_ms,
        *(getattr(history.candles, name) * 1024.0 for name in ("open", "high", "low", "close")),
        history.candles.volume,
    )
    plain, larger = (symbol_rows(each, STRATEGIES, COST) for each in (history, replace(history, candles=scaled)))
    np.testing.assert_allclose(larger.features, plain.features, atol=1e-6)
    np.testing.assert_allclose(larger.returns, plain.returns, atol=1e-9)


def test_a_history_that_is_too_short_gives_no_rows(histories: Sequence[SymbolData]) -> None:
    for length in (1, WARM_UP, WINDOW, candles_before(Timeframe.H1)):
        short = replace(histories[0], candles=histories[0].candles[:length])
        assert len(symbol_rows(short, STRATEGIES, COST).at_ms) == 0


def test_the_rules_pick_what_a_live_selection_would_pick(
    histories: Sequence[SymbolData], rows: Sequence[SymbolRows]
) -> None:
    """With one symbol, "all symbols" is that symbol, live and in training."""
    profiles = [StrategyProfile(each.name, each.group, each.regime_fit) for each in STRATEGIES]
    data = training_set(rows[:1], learned_names(STRATEGIES.names), profiles)
    live, selector = Live(histories[0]), StrategySelector(profiles, None)
    at_ms = histories[0].candles.open_at_ms + Timeframe.H1.ms
    rows_at = {int(np.searchsorted(at_ms, data.at_ms[row])): row for row in range(3, 12)}
    for at in range(min(rows_at), max(rows_at) + 1):
        view, _ = live.see(at)
        if at not in rows_at:
            continue
        row = rows_at[at]
        conditions, evaluation = MarketAnalyzer().analyze(view), STRATEGIES.evaluate(view)
        chosen = selector.select(conditions, evaluation.signals, live.tracker.recent_bps("BTC/USD"), _none, WHOLE)
        picked = STRATEGIES.names[data.picks[row, data.rule_group[row]]]
        assert picked == chosen.strategy


def _none() -> FeatureRow:
    raise AssertionError("there is no model to ask for it")


def test_a_training_is_the_same_whatever_computes_it(histories: Sequence[SymbolData], trained: Trained) -> None:
    with ProcessPoolExecutor(2) as pool:
        elsewhere = train(histories, STRATEGIES, REQUEST, SETTINGS, pool, lambda *_: None)
    assert elsewhere == trained


def test_the_order_of_the_symbols_does_not_matter(histories: Sequence[SymbolData], trained: Trained) -> None:
    turned = train(histories[::-1], STRATEGIES, REQUEST, SETTINGS, InProcess(), lambda *_: None)
    assert (turned.text, turned.model_id) == (trained.text, trained.model_id)


def test_every_stage_is_reported_to_its_end(histories: Sequence[SymbolData]) -> None:
    told: dict[Stage, tuple[int, int]] = {}

    def report(stage: Stage, done: int, total: int, detail: str = "") -> None:
        assert 0 <= done <= total
        assert done >= told.get(stage, (0, 0))[0]
        told[stage] = (done, total)

    train(histories, STRATEGIES, REQUEST, SETTINGS, InProcess(), report)
    assert list(told) == [Stage.SAMPLING, Stage.LABELS, Stage.FOLDS, Stage.CHECKS, Stage.FIT]
    assert all(done == total for done, total in told.values())


def test_a_report_that_raises_ends_the_training(histories: Sequence[SymbolData]) -> None:
    class Enough(BaseException):
        pass

    def report(stage: Stage, done: int, total: int, detail: str = "") -> None:
        if stage is Stage.FOLDS:
            raise Enough

    with pytest.raises(Enough):
        train(histories, STRATEGIES, REQUEST, SETTINGS, InProcess(), report)


def test_too_little_to_train_on_is_said_with_its_numbers(histories: Sequence[SymbolData]) -> None:
    short = [replace(each, candles=each.candles[:1600]) for each in histories]
    with pytest.raises(ModelError, match="no strategy has 10 matured outcomes") as caught:
        train(short, STRATEGIES, REQUEST, SETTINGS, InProcess(), lambda *_: None)
    assert "more days" in caught.value.hint


@pytest.fixture(scope="module")
def served(trained: Trained) -> ScoringModel:
    return read(trained, trained.card)


def read(trained: Trained, card: dict[str, Any], scope: ModelScope | None = SCOPE) -> ScoringModel:
    """As an entry of the store names it."""
    kind, timeframe = (scope.kind, scope.timeframe) if scope else (None, None)
    state, strategies = ModelState.SHADOW, StrategySet(builtin_strategies())
    entry = ModelEntry(trained.model_id, 0, state, "", "", "", False, None, "", kind, timeframe)
    return ScoringModel.read(entry, trained.text, card, strategies.groups)


def test_a_served_score_is_the_trained_ensemble_s(histories: Sequence[SymbolData], served: ScoringModel) -> None:
    history = histories[0]
    view, state = Live(history).see(len(history.candles) - 1)
    conditions = MarketAnalyzer().analyze(view)
    scores = served.score(conditions, state)
    row = np.concatenate([conditions.features.values, state.values])[None]
    raw = served.ensemble.predict(row)
    unit = np.exp(row[0, list(conditions.features.names).index("log_volatility_168")]) * np.sqrt(24)
    for at, group in enumerate(scores.groups):
        assert group.expected_edge_bps == pytest.approx(raw.groups[:, 0, at].mean() * unit * 1e4)
        assert group.confidence == pytest.approx(((raw.groups[:, 0, at] > 0).sum() + 0.5) / 4)
    assert sum(scores.opinion.probabilities.values()) == pytest.approx(1.0)
    assert set(scores.strategy_confidence) == set(STRATEGIES.names)
    told = served.contributions(conditions, state, scores.groups[0].group)
    sizes = [abs(each.effect_bps) for each in told]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": "features-0"}, "features-0"),
        ({"serving": {}}, "not usable"),
        ({"serving": None}, "not usable"),
    ],
)
def test_a_card_of_another_kind_is_refused(trained: Trained, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        read(trained, trained.card | change)
    assert "autopilot retrain" in caught.value.hint


def test_an_input_that_is_not_whole_is_refused(histories: Sequence[SymbolData], served: ScoringModel) -> None:
    view, state = Live(histories[0]).see(len(histories[0].candles) - 1)
    conditions = MarketAnalyzer().analyze(view)
    with pytest.raises(ModelError, match="that are missing"):
        served.score(conditions, FeatureRow((), np.empty(0)))
    unknown = replace(state, values=np.full(len(state.values), np.nan))
    with pytest.raises(ModelError, match="not known yet"):
        served.score(conditions, unknown)
