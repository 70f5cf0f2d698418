"""One parameter search from request to result: the composition root of `autopilot sweep`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import ValidationError

from autopilot.adapters.store.database import open_database
from autopilot.app.backtest.data import TestedSymbol, tested_symbols
from autopilot.app.backtest.request import BacktestRequest
from autopilot.app.backtest.rules import (
    account_of,
    all_series,
    check_currencies,
    paper_settings,
    rules_choose,
    traded_symbol,
)
from autopilot.app.compute import compute
from autopilot.backtest.engine import simulate
from autopilot.backtest.stages import BacktestStage
from autopilot.backtest.sweep import Parameter, SweepFold, Try, Values, best_of, folds_of
from autopilot.config.paths import Paths
from autopilot.config.schema import AutopilotConfig
from autopilot.distribution import install_hint
from autopilot.domain.errors import ConfigError
from autopilot.domain.progress import Progress, unwatched
from autopilot.performance.metrics import daily_returns
from autopilot.selection.strategy_rules import profiles_of
from autopilot.strategies.registry import StrategySet, load_strategies


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """``backtest`` has no model. ``tries`` are made in each fold, and as many more over the whole period."""

    backtest: BacktestRequest
    parameters: tuple[Parameter, ...]
    tries: int = 50
    folds: int = 4
    seed: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class FoldResult:
    """``chosen``: the best try before ``fold.search_until_ms``; None if no try traded enough.

    ``after`` and ``unchanged``: the results of its values, and of the current values, in the time that followed."""

    fold: SweepFold
    tries: tuple[Try, ...]
    chosen: Try | None
    after: Try
    unchanged: Try


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """``unchanged``: the result of the current values; ``tries``: of all tried values. Both over the whole period."""

    request: SweepRequest
    tested: tuple[TestedSymbol, ...]
    folds: tuple[FoldResult, ...]
    unchanged: Try
    tries: tuple[Try, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SweepInputs:
    """The inputs of every try. They are sent to other processes."""

    config: AutopilotConfig
    request: BacktestRequest
    parameters: tuple[Parameter, ...]
    tested: tuple[TestedSymbol, ...]


def run_sweep(paths: Paths, config: AutopilotConfig, request: SweepRequest, progress: Progress) -> Sweep:
    """Run the search. Raises ConfigError and ExchangeError as `run_backtest` does, ConfigError without optuna, and
    whatever ``progress`` raises."""
    backtest = request.backtest
    defaults = current_values(config, request)
    with closing(open_database(paths.database)) as database:
        tested = asyncio.run(
            tested_symbols(
                config,
                database,
                backtest.exchange,
                backtest.symbols,
                backtest.timeframe,
                backtest.period,
                backtest.detail,
            )
        )
    check_currencies(tested)
    inputs = SweepInputs(config, backtest, request.parameters, tested)
    first_ms = min(int(each.history.candles.open_at_ms[each.first]) for each in tested)
    end_ms = max(each.history.candles.last_at_ms for each in tested) + backtest.timeframe.ms
    folds = folds_of(first_ms, end_ms, request.folds)
    searches = [_Search(request, number, each.search_until_ms, defaults) for number, each in enumerate(folds)]
    whole = _Search(request, len(folds), end_ms, defaults)
    with compute(config.compute.scheduler, sum(len(each.history.candles) for each in tested)) as executor:
        _make_tries(executor, inputs, (*searches, whole), request.tries, progress)
        results = _tried_after(executor, inputs, folds, searches, defaults)
        unchanged = executor.submit(attempt, inputs, defaults, None, end_ms).result()
    return Sweep(request, tested, results, unchanged, tuple(whole.tries))


def current_values(config: AutopilotConfig, request: SweepRequest) -> Values:
    """The parameters' values before any search."""
    strategy, document = request.backtest.strategy, config.model_dump()
    found = {}
    for each in request.parameters:
        if each.is_key:
            place, last = _place(document, each.name)
            found[each.name] = place[last]
        else:
            assert strategy is not None, "a strategy's parameters are searched with a strategy"
            found[each.name] = getattr(load_strategies()[strategy], each.name)
    return found


def _place(document: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    """The table of a dotted key, and its last part."""
    *sections, last = key.split(".")
    for section in sections:
        document = document[section]
    return document, last


class _Search:
    """Proposes the values of the next try from the results of earlier tries: an optuna study that sees no candle after
    ``until_ms``."""

    def __init__(self, request: SweepRequest, number: int, until_ms: int, defaults: Values) -> None:
        try:
            import optuna
        except ImportError:
            raise ConfigError("a sweep needs optuna, which is not installed", hint=install_hint("sweep")) from None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = optuna.samplers.TPESampler(seed=request.seed + number)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        if all(each.low <= defaults[each.name] <= each.high for each in request.parameters):
            self._study.enqueue_trial(dict(defaults))
        self._failed = optuna.trial.TrialState.FAIL
        self._parameters = request.parameters
        self._trial: Any = None
        self.until_ms = until_ms
        self.tries: list[Try] = []

    def ask(self) -> Values:
        """The values of the next try. Call `answer` before calling this again."""
        self._trial = trial = self._study.ask()
        return {
            each.name: trial.suggest_int(each.name, int(each.low), int(each.high))
            if each.is_whole
            else trial.suggest_float(each.name, each.low, each.high)
            for each in self._parameters
        }

    def answer(self, made: Try) -> None:
        self.tries.append(made)
        if made.score is None:
            self._study.tell(self._trial, state=self._failed)
        else:
            self._study.tell(self._trial, made.score)


def _make_tries(
    executor: Executor, inputs: SweepInputs, searches: Sequence[_Search], rounds: int, progress: Progress
) -> None:
    """Searches run side by side, the tries within each in sequence, so the result does not depend on timing."""
    total = rounds * len(searches)
    progress(BacktestStage.TRIES, 0, total)
    for number in range(rounds):
        waiting = [executor.submit(attempt, inputs, each.ask(), None, each.until_ms) for each in searches]
        for search, future in zip(searches, waiting, strict=True):
            search.answer(future.result())
        progress(BacktestStage.TRIES, (number + 1) * len(searches), total)


def _tried_after(
    executor: Executor, inputs: SweepInputs, folds: Sequence[SweepFold], searches: Sequence[_Search], defaults: Values
) -> tuple[FoldResult, ...]:
    chosen = [best_of(each.tries) for each in searches]
    waiting = [
        tuple(
            executor.submit(attempt, inputs, values, fold.search_until_ms, fold.test_until_ms)
            for values in (best.values if best else defaults, defaults)
        )
        for fold, best in zip(folds, chosen, strict=True)
    ]
    return tuple(
        FoldResult(fold, tuple(search.tries), best, after.result(), unchanged.result())
        for fold, search, best, (after, unchanged) in zip(folds, searches, chosen, waiting, strict=True)
    )


def attempt(inputs: SweepInputs, values: Values, from_ms: int | None, until_ms: int) -> Try:
    """A backtest of the candles that open in [from_ms, until_ms) with these values; ``from_ms`` None: from the start of
    the test. A combination of values that the configuration forbids makes no trade."""
    try:
        config, strategies = _changed(inputs, values)
    except ValidationError:
        return Try(values, np.empty(0), 0)
    tested = [one for each in inputs.tested if (one := _within(each, from_ms, until_ms))]
    if not tested:
        return Try(values, np.empty(0), 0)
    request, profiles = inputs.request, profiles_of(strategies)
    series = all_series(tested, strategies, unwatched)
    choices = rules_choose(request, series, [each.first for each in tested], profiles)
    traded = [
        traded_symbol(config, request, one, known, chosen)
        for one, known, chosen in zip(tested, series, choices, strict=True)
    ]
    _, record = simulate(account_of(request), traded, strategies, paper_settings(config, request), unwatched)
    return Try(values, daily_returns(record), len(record.trades))


def _changed(inputs: SweepInputs, values: Values) -> tuple[AutopilotConfig, StrategySet]:
    """The configuration and the strategies with these values. Raises ValidationError."""
    strategies, document = load_strategies(), inputs.config.model_dump(mode="json")
    keys = {each.name for each in inputs.parameters if each.is_key}
    for key in keys:
        place, last = _place(document, key)
        place[last] = values[key]
    if inputs.request.strategy is not None:
        own = {name: value for name, value in values.items() if name not in keys}
        strategies = StrategySet((replace(strategies[inputs.request.strategy], **own),))
    return AutopilotConfig.of(document), strategies


def _within(tested: TestedSymbol, from_ms: int | None, until_ms: int) -> TestedSymbol | None:
    """The symbol cut to [from_ms, until_ms); None without any candle to decide."""
    candles = tested.history.candles
    kept = candles.until(until_ms - 1)
    first = tested.first if from_ms is None else max(tested.first, len(candles) - len(candles.since(from_ms)))
    if first >= len(kept):
        return None
    return replace(tested, history=replace(tested.history, candles=kept), first=first)
