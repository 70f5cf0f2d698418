"""A search over stored candles: it never sees what comes after, and says the same each time."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.app.backtest.check import check_strategies
from autopilot.app.backtest.data import Period
from autopilot.app.backtest.request import BacktestRequest, WalkForward
from autopilot.app.backtest.run import run_backtest
from autopilot.app.sweep.figures import Conclusion, sweep_document
from autopilot.app.sweep.run import Sweep, SweepRequest, run_sweep
from autopilot.backtest.sweep import Parameter, Try
from autopilot.cli.forecast import backtest_forecast, check_forecast, sweep_forecast, training_forecast
from autopilot.cli.render.backtest import sweep_screen
from autopilot.cli.render.layout import plain
from autopilot.config.paths import Paths, find_paths
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.candles import Candles
from autopilot.domain.errors import ConfigError
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.training.request import Stage

HISTORY, DAYS = 1000, 90


def quiet(*_: Any) -> None:
    """Nobody watches."""


async def made_up() -> Candles:
    market = SimulatedExchange()
    market.subscribe(("BTC/USD",), Timeframe.H1, None)
    until_ms = market.clock.now_ms() + DAYS * DAY_MS
    market.subscribe(("BTC/USD",), Timeframe.H1, until_ms)
    return await market.history("BTC/USD", Timeframe.H1, until_ms, HISTORY + DAYS * 24)


@pytest.fixture(scope="module")
def candles() -> Candles:
    return asyncio.run(made_up())


def stored(directory: Path, candles: Candles) -> Paths:
    paths = find_paths(None, directory, {})
    paths.database.parent.mkdir(parents=True, exist_ok=True)
    database = open_database(paths.database)
    SqliteCandles(database).save_candles("bitstamp", "BTC/USD", candles)
    database.close()
    return paths


def asked(*parameters: Parameter, strategy: str | None = "moving_average", tries: int = 4) -> SweepRequest:
    backtest = BacktestRequest(
        exchange="bitstamp",
        symbols=("BTC/USD",),
        timeframe=Timeframe.H1,
        period=Period(),
        model=None,
        strategy=strategy,
    )
    return SweepRequest(backtest=backtest, parameters=parameters, tries=tries, folds=2)


FAST = Parameter("fast", 5, 40, is_whole=True)
BAND = Parameter("band", 0.0, 0.5, is_whole=False)
Run = Callable[..., Sweep]


@pytest.fixture
def run(tmp_path: Path, candles: Candles) -> Run:
    def sweep(*parameters: Parameter, changed: Candles = candles, **more: Any) -> Sweep:
        paths = stored(tmp_path / str(id(changed)), changed)
        return run_sweep(paths, AutopilotConfig(exchange="bitstamp"), asked(*parameters, **more), quiet)

    return sweep


def same(ours: tuple[Try, ...], theirs: tuple[Try, ...]) -> bool:
    return all(
        (one.values, one.trades) == (other.values, other.trades) and np.array_equal(one.daily, other.daily)
        for one, other in zip(ours, theirs, strict=True)
    )


def test_what_comes_after_a_search_does_not_change_it(run: Run, candles: Candles) -> None:
    sweep = run(FAST, BAND)
    later = candles.open_at_ms >= sweep.folds[0].fold.search_until_ms
    factor = np.where(later, 1.5 + 0.4 * np.sin(np.arange(len(candles)) / 7), 1.0)
    prices = {name: getattr(candles, name) * factor for name in ("open", "high", "low", "close")}
    other = run(FAST, BAND, changed=replace(candles, **prices))
    assert same(sweep.folds[0].tries, other.folds[0].tries)
    assert not same(sweep.folds[1].tries, other.folds[1].tries)
    assert not same(sweep.tries, other.tries)


def test_what_was_found_is_tested_on_the_days_that_follow(run: Run) -> None:
    sweep = run(FAST, strategy="macd")
    for number, each in enumerate(sweep.folds, start=1):
        assert each.chosen
        assert each.after.values == each.chosen.values
        assert abs(len(each.tries[0].daily) - number * DAYS / 3) <= 1
        assert abs(len(each.after.daily) - DAYS / 3) <= 1
        assert len(each.after.daily) == len(each.unchanged.daily)


def test_the_first_try_is_what_there_is_now_and_the_ends_hold(run: Run) -> None:
    sweep = run(FAST, BAND, tries=6)
    assert sweep.tries[0].values == sweep.unchanged.values == {"fast": 20, "band": 0.25}
    for each in sweep.tries:
        assert 5 <= each.values["fast"] <= 40
        assert isinstance(each.values["fast"], int)
        assert 0.0 <= each.values["band"] <= 0.5


def test_the_same_seed_finds_the_same(run: Run) -> None:
    assert sweep_document(run(FAST, BAND)) == sweep_document(run(FAST, BAND))


def test_configuration_keys_are_searched_too(run: Run) -> None:
    threshold = Parameter("min_confidence_threshold", 0.0, 1.0, is_whole=False, is_key=True)
    sweep = run(threshold, strategy=None, tries=6)
    strict = [each.trades for each in sweep.tries if each.values["min_confidence_threshold"] > 0.9]
    loose = [each.trades for each in sweep.tries if each.values["min_confidence_threshold"] < 0.4]
    assert sweep.unchanged.values == {"min_confidence_threshold": 0.75}
    assert max(strict, default=0) < max(loose, default=1)


def test_values_that_do_not_go_together_are_not_tried(run: Run) -> None:
    position = Parameter("risk.max_position_pct", 20.0, 90.0, is_whole=False, is_key=True)
    sweep = run(position, tries=12)
    assert len(sweep.tries) == 12
    assert all(each.values["risk.max_position_pct"] <= AutopilotConfig().risk.max_exposure_pct for each in sweep.tries)


def test_ranges_without_any_sense_are_refused(run: Run) -> None:
    with pytest.raises(ConfigError, match="make sense"):
        run(Parameter("risk.max_position_pct", 61.0, 90.0, is_whole=False, is_key=True))


def test_only_a_fast_average_below_the_slow_one_is_tried_each_pair_once(run: Run) -> None:
    sweep = run(Parameter("fast", 10, 60, True), Parameter("slow", 12, 62, True), strategy="macd", tries=10)
    searches = [sweep.tries, *(each.tries for each in sweep.folds)]
    for tries in searches:
        pairs = [(each.values["fast"], each.values["slow"]) for each in tries]
        assert all(fast < slow for fast, slow in pairs)
        assert len(set(pairs)) == len(pairs) == 10


def test_of_a_small_range_every_value_is_tried_once_and_the_count_says_so(run: Run) -> None:
    sweep = run(Parameter("fast", 24, 28, is_whole=True), strategy="macd", tries=20)
    assert [each.values["fast"] for each in sweep.tries] == [24, 25]
    document = sweep_document(sweep)
    assert (document["tries"], document["tries_wanted"]) == (2, 20)
    assert [each["tries"] for each in document["folds"]] == [2, 2]
    assert document["luck"] is None or document["luck"]["tries"] == 2
    screen = "\n".join(plain(sweep_screen(document)))
    assert "2 tries in each of 2 folds and over the whole period: no other values" in screen


def test_a_search_in_which_nothing_trades_says_so(run: Run) -> None:
    needed = Parameter("orders.limit_life_candles", 1, 2, is_whole=True, is_key=True)
    document = sweep_document(run(needed, strategy="sentiment"))
    assert (document["conclusion"], document["best"]) == (Conclusion.NOTHING, None)
    assert all(each["chosen"] is None for each in document["folds"])


def test_without_optuna_it_says_how_to_get_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match="optuna") as raised:
        run(FAST)
    assert "autopilot-trader[sweep]" in (raised.value.hint or "")


def test_every_stage_is_in_the_forecast_in_its_order(tmp_path: Path, candles: Candles) -> None:
    paths, config, stages = stored(tmp_path, candles), AutopilotConfig(exchange="bitstamp"), []
    seen: dict[str, list[tuple[int, int]]] = {}

    def watch(stage: str, done: int, total: int, detail: str = "") -> None:
        stages.append(str(stage))
        seen.setdefault(str(stage), []).append((done, total))

    request = asked(FAST, tries=2)
    run_sweep(paths, config, request, watch)
    assert list(dict.fromkeys(stages)) == list(sweep_forecast(request).costs)
    test = replace(request.backtest, strategy=None, model=WalkForward(is_gated=False), compare=True)
    stages.clear()
    run_backtest(paths, config, test, watch)
    assert list(dict.fromkeys(stages)) == list(backtest_forecast(test, 14).costs)
    stages.clear()
    check_strategies(paths, config, "bitstamp", ("BTC/USD",), Timeframe.H1, 2, watch)
    assert list(dict.fromkeys(stages)) == list(check_forecast(1).costs)
    for reports in seen.values():
        totals = {total for _, total in reports}
        assert all(0 <= done <= total for done, total in reports)
        assert max(totals) > 0
    compared = [done for done, _ in seen["comparison"]]
    assert compared == sorted(compared), "one strategy after the other"


def test_the_stages_of_a_training_are_in_the_forecast() -> None:
    assert training_forecast(1, 365).costs.keys() <= {stage.value for stage in Stage}
