"""One parameter search from request to result: the composition root of `autopilot sweep`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from pydantic import ValidationError

from autopilot.adapters.exchange.offline_markets.replay import HISTORY
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
from autopilot.app.sweep.search import Search, searches_of
from autopilot.backtest.engine import simulate
from autopilot.backtest.stages import BacktestStage
from autopilot.backtest.sweep import Parameter, SweepFold, Try, Values, best_of, folds_of
from autopilot.config.paths import Paths
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.errors import ConfigError, StrategyError
from autopilot.domain.progress import Progress, unwatched
from autopilot.performance.metrics import daily_returns
from autopilot.selection.strategy_rules import profiles_of
from autopilot.strategies.registry import StrategySet, load_strategies, varied


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """``backtest`` has no model. At most ``tries`` are made in each fold, and as many more over the whole period."""

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
                HISTORY,
                progress,
                backtest.source,
            )
        )
    check_currencies(tested)
    inputs = SweepInputs(config, backtest, request.parameters, tested)
    first_ms = min(int(each.history.candles.open_at_ms[each.first]) for each in tested)
    end_ms = max(each.history.candles.last_at_ms for each in tested) + backtest.timeframe.ms
    folds = folds_of(first_ms, end_ms, request.folds)
    ends_ms = [*(each.search_until_ms for each in folds), end_ms]
    *searches, whole = searches_of(
        request.parameters,
        defaults,
        partial(makes_sense, inputs, load_strategies()),
        request.tries,
        request.seed,
        ends_ms,
    )
    with compute(config.compute.scheduler, sum(len(each.history.candles) for each in tested)) as executor:
        _make_tries(executor, inputs, (*searches, whole), progress)
        later = _try_later(executor, inputs, folds, searches, defaults)
        now = executor.submit(attempt, inputs, defaults, None, end_ms)
        results, unchanged = _results(folds, searches, later, progress), now.result()
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


def _make_tries(executor: Executor, inputs: SweepInputs, searches: Sequence[Search], progress: Progress) -> None:
    """Searches run side by side, the tries within each in sequence, so the result does not depend on timing. Raises
    ConfigError if a search finds nothing to try."""
    total, going = sum(each.limit for each in searches), list(searches)
    progress(BacktestStage.TRIES, 0, total)
    while going:
        proposed = [(each, each.ask()) for each in going]
        waiting = [
            (search, executor.submit(attempt, inputs, values, None, search.until_ms))
            for search, values in proposed
            if values is not None
        ]
        for search, future in waiting:
            search.answer(future.result())
            progress(BacktestStage.TRIES, sum(len(each.tries) for each in searches), total)
        going = [search for search, _ in waiting]
    if not all(each.tries for each in searches):
        raise ConfigError(
            "hardly any values in these ranges make sense together", hint="autopilot sweep --help; give wider ranges"
        )


def _try_later(
    executor: Executor, inputs: SweepInputs, folds: Sequence[SweepFold], searches: Sequence[Search], defaults: Values
) -> list[tuple[Future[Try], Future[Try]]]:
    """For each fold its best values and the current ones, tried in the time that followed the search."""
    chosen = [best_of(each.tries) for each in searches]
    return [
        (
            executor.submit(
                attempt, inputs, best.values if best else defaults, fold.search_until_ms, fold.test_until_ms
            ),
            executor.submit(attempt, inputs, defaults, fold.search_until_ms, fold.test_until_ms),
        )
        for fold, best in zip(folds, chosen, strict=True)
    ]


def _results(
    folds: Sequence[SweepFold],
    searches: Sequence[Search],
    later: Sequence[tuple[Future[Try], Future[Try]]],
    progress: Progress,
) -> tuple[FoldResult, ...]:
    found = []
    for number, (fold, search, (after, unchanged)) in enumerate(zip(folds, searches, later, strict=True)):
        progress(BacktestStage.FOLLOWING, number, len(folds))
        found.append(FoldResult(fold, tuple(search.tries), best_of(search.tries), after.result(), unchanged.result()))
    return tuple(found)


def attempt(inputs: SweepInputs, values: Values, from_ms: int | None, until_ms: int) -> Try:
    """A backtest of the candles that open in [from_ms, until_ms) with these values; ``from_ms`` None: from the start of
    the test. The values must make sense."""
    config, strategies = _changed(inputs, load_strategies(), values)
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
    return Try(values, daily_returns(record, from_ms, until_ms), len(record.trades))


def makes_sense(inputs: SweepInputs, strategies: StrategySet, values: Values) -> bool:
    """Whether the strategy and the configuration allow these values together."""
    try:
        _changed(inputs, strategies, values)
    except (StrategyError, ValidationError):
        return False
    return True


def _changed(inputs: SweepInputs, strategies: StrategySet, values: Values) -> tuple[AutopilotConfig, StrategySet]:
    """The configuration and the strategies with these values. Raises StrategyError, ValidationError."""
    document = inputs.config.model_dump(mode="json")
    keys = {each.name for each in inputs.parameters if each.is_key}
    for key in keys:
        place, last = _place(document, key)
        place[last] = values[key]
    if inputs.request.strategy is not None:
        own = {name: value for name, value in values.items() if name not in keys}
        strategies = StrategySet((varied(strategies[inputs.request.strategy], own),))
    return AutopilotConfig.of(document), strategies


def _within(tested: TestedSymbol, from_ms: int | None, until_ms: int) -> TestedSymbol | None:
    """The symbol cut to [from_ms, until_ms); None without any candle to decide."""
    candles = tested.history.candles
    kept = candles.until(until_ms - 1)
    first = tested.first if from_ms is None else max(tested.first, len(candles) - len(candles.since(from_ms)))
    if first >= len(kept):
        return None
    return replace(tested, history=replace(tested.history, candles=kept), first=first)
