"""One backtest from request to result: the composition root of the command."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import numpy as np

from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.models import SqliteModels
from autopilot.backtest.choices import GROUPS, Choices, group_choices, rule_choices, strategy_choices
from autopilot.backtest.engine import Backtest, Outcome, Traded
from autopilot.backtest.record import account_record
from autopilot.config.paths import Paths
from autopilot.config.schema import AutopilotConfig
from autopilot.daemon.backtest_data import Period, TestedSymbol, tested_symbols
from autopilot.daemon.compute import compute
from autopilot.domain.errors import ConfigError, ModelError, NotFound
from autopilot.domain.signal import StrategyGroup
from autopilot.domain.timeframe import DAY_MS, Timeframe, iso_utc
from autopilot.execution.paper import PaperSettings
from autopilot.performance.account_record import AccountRecord
from autopilot.performance.outcomes import ASSUMED_COST
from autopilot.selection.strategy_rules import StrategyProfile
from autopilot.strategies.registry import StrategySet, load_strategies
from autopilot.training.history import learned_names, rows_of
from autopilot.training.series import SymbolSeries, symbol_series
from autopilot.training.training_set import training_set

if TYPE_CHECKING:
    from autopilot.backtest.models import DecidingModel

# LightGBM takes a while to import, and the rule table does without: what needs it is imported where it is used.


class Stage(StrEnum):
    """The stages of a backtest, in their order."""

    CANDLES = "candles"
    SERIES = "indicators and signals"
    MODELS = "models"
    TRADING = "trading"
    COMPARISON = "comparison"


class Report(Protocol):
    """It may raise to end the backtest."""

    def __call__(self, stage: Stage, done: int, total: int, detail: str = "") -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkForward:
    """A model is trained before the first decision and every ``every_days`` from then on. ``is_gated``: one decides
    only if its gate lets it, as live; else each does."""

    every_days: int = 30
    is_gated: bool = True


@dataclass(frozen=True, slots=True)
class StoredModel:
    """``is_in_sample``: even if it was trained on what is tested."""

    model_id: str
    is_in_sample: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestRequest:
    """``model`` None: the rule table decides; with a ``group`` or a ``strategy`` neither does, but always that one.
    ``fee_pct``, ``slippage_bps`` and ``balance`` None: as configured. ``detail``: finer candles tell what came first within
    one. ``compare``: every strategy is run by itself too.
    """

    exchange: str
    symbols: tuple[str, ...]
    timeframe: Timeframe
    period: Period
    model: WalkForward | StoredModel | None
    group: StrategyGroup | None = None
    strategy: str | None = None
    fee_pct: float | None = None
    slippage_bps: float | None = None
    balance: Decimal | None = None
    detail: Timeframe | None = None
    compare: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class BacktestRun:
    """What was tested, with which models, and what came of it; ``alone``: of every strategy by itself, where that was
    asked. ``in_sample``: a model decided what it had been trained on."""

    request: BacktestRequest
    tested: tuple[TestedSymbol, ...]
    traded: tuple[Traded, ...]
    models: tuple[DecidingModel, ...]
    paper: PaperSettings
    record: AccountRecord
    outcome: Outcome
    alone: Mapping[str, AccountRecord]
    in_sample: bool


def run_backtest(paths: Paths, config: AutopilotConfig, request: BacktestRequest, report: Report) -> BacktestRun:
    """Raises AutopilotError when it cannot be made, and whatever ``report`` raises."""
    strategies = load_strategies()
    if request.strategy is not None:
        strategies = StrategySet((strategies[request.strategy],))
    profiles = tuple(StrategyProfile(each.name, each.group, dict(each.regime_fit)) for each in strategies)
    with closing(open_database(paths.database)) as database:
        report(Stage.CANDLES, 0, 1)
        tested = asyncio.run(
            tested_symbols(
                config, database, request.exchange, request.symbols, request.timeframe, request.period, request.detail
            )
        )
        _check_currencies(tested)
        series = _series(tested, strategies, report)
        choices = _choices(request, series, [each.first for each in tested], profiles)
        models = _models(paths, config, database, request, tested, series, strategies, profiles, report)
    traded = tuple(
        _traded(config, request, one, known, _followed(chosen, known, models, profiles))
        for one, known, chosen in zip(tested, series, choices, strict=True)
    )
    paper = paper_settings(config, request)

    def trade(each: Sequence[Traded], stage: Stage, detail: str = "") -> tuple[Outcome, AccountRecord]:
        engine = Backtest(account_of(request), each, strategies, paper, models)
        outcome = asyncio.run(engine.run(lambda done, total: report(stage, done, total, detail)))
        return outcome, account_record(each, outcome, paper.balance)

    outcome, record = trade(traded, Stage.TRADING)
    alone = {}
    for name in strategies.names if request.compare else ():
        wished = [_only(each, profiles, name) for each in traded]
        alone[name] = trade(wished, Stage.COMPARISON, name)[1]
    first_ms = min(_first_close(each) for each in tested)
    in_sample = any(model.trained_until_ms > first_ms for model in models if isinstance(request.model, StoredModel))
    return BacktestRun(request, tested, traded, models, paper, record, outcome, alone, in_sample)


def account_of(request: BacktestRequest) -> str:
    """Its name, which ids are made of."""
    return f"backtest:{request.exchange}"


def paper_settings(config: AutopilotConfig, request: BacktestRequest) -> PaperSettings:
    """As configured, but for what was asked."""
    settings = config.paper.settings()
    if request.fee_pct is not None:
        settings = replace(settings, maker_fee_pct=request.fee_pct, taker_fee_pct=request.fee_pct)
    if request.slippage_bps is not None:
        settings = replace(settings, slippage_bps=request.slippage_bps)
    return settings if request.balance is None else replace(settings, balance=request.balance)


def _check_currencies(tested: Sequence[TestedSymbol]) -> None:
    quotes = sorted({each.market.quote for each in tested})
    if len(quotes) > 1:
        raise ConfigError(
            f"the symbols are paid for in {' and '.join(quotes)}; one account has one currency here",
            hint="test those of each currency by themselves",
        )


def _series(tested: Sequence[TestedSymbol], strategies: StrategySet, report: Report) -> list[SymbolSeries]:
    report(Stage.SERIES, 0, len(tested))
    found = []
    for number, each in enumerate(tested, start=1):
        found.append(symbol_series(each.history, strategies, ASSUMED_COST, each.first))
        report(Stage.SERIES, number, len(tested), each.history.symbol)
    return found


def _traded(
    config: AutopilotConfig, request: BacktestRequest, tested: TestedSymbol, series: SymbolSeries, choices: Choices
) -> Traded:
    settings = config.trading(
        tested.history.symbol,
        exchange=request.exchange,
        timeframe=request.timeframe,
        interval_s=config.interval,
        auto_execute=True,
    )
    traded = Traded(tested.market, settings, series, choices, tested.detail)
    return traded if request.group is None and request.strategy is None else _sure(traded)


def _only(traded: Traded, profiles: Sequence[StrategyProfile], name: str) -> Traded:
    """One strategy by itself."""
    length = len(traded.series.view.candles)
    return _sure(replace(traded, choices=strategy_choices(length, traded.choices.first, profiles, name)))


def _sure(traded: Traded) -> Traded:
    """Whoever names the strategy is sure of it."""
    evaluation = replace(traded.settings.evaluation, min_confidence_threshold=0.0)
    return replace(traded, settings=replace(traded.settings, evaluation=evaluation))


def _choices(
    request: BacktestRequest,
    series: Sequence[SymbolSeries],
    firsts: Sequence[int],
    profiles: Sequence[StrategyProfile],
) -> list[Choices]:
    """Before any model has its say."""
    if request.strategy is not None:
        lengths = [len(each.view.candles) for each in series]
        return [
            strategy_choices(length, first, profiles, request.strategy)
            for length, first in zip(lengths, firsts, strict=True)
        ]
    choices = rule_choices(series, firsts, profiles)
    return choices if request.group is None else [group_choices(each, request.group) for each in choices]


def _models(
    paths: Paths,
    config: AutopilotConfig,
    database: Database,
    request: BacktestRequest,
    tested: Sequence[TestedSymbol],
    series: Sequence[SymbolSeries],
    strategies: StrategySet,
    profiles: Sequence[StrategyProfile],
    report: Report,
) -> tuple[DecidingModel, ...]:
    start_ms = min(_first_close(each) for each in tested)
    end_ms = max(each.history.candles.last_at_ms for each in tested) + request.timeframe.ms + 1
    match request.model:
        case StoredModel() as wanted:
            return (_stored(paths, database, wanted, start_ms, end_ms),)
        case WalkForward() as walk:
            from autopilot.backtest.models import Retraining, walk_models
            from autopilot.training.fit import FitSettings

            rows = [rows_of(each, strategies) for each in series]
            data = training_set(rows, learned_names(strategies.names), profiles)
            plan = Retraining(
                start_ms=start_ms,
                end_ms=end_ms,
                every_ms=walk.every_days * DAY_MS,
                purge_ms=request.timeframe.ms,
                life_ms=config.model.life_days * DAY_MS,
                is_gated=walk.is_gated,
            )
            candles = sum(len(each.history.candles) for each in tested)
            with compute(config.compute.scheduler, candles) as executor:
                return walk_models(
                    data,
                    plan,
                    FitSettings(seed=config.training.seed),
                    config.acting(),
                    executor,
                    lambda done, total, what: report(Stage.MODELS, done, total, what),
                )
        case None:
            return ()


def _followed(
    choices: Choices, series: SymbolSeries, models: Sequence[DecidingModel], profiles: Sequence[StrategyProfile]
) -> Choices:
    if not models:
        return choices
    from autopilot.backtest.models import follow_models

    return follow_models(choices, series, models, np.array([GROUPS.index(each.group) for each in profiles]))


def _stored(paths: Paths, database: Database, wanted: StoredModel, start_ms: int, end_ms: int) -> DecidingModel:
    model = stored_model(paths, database, wanted.model_id, start_ms, end_ms)
    if model.trained_until_ms > start_ms and not wanted.is_in_sample:
        raise ModelError(
            f"model {model.id} was trained on candles up to {iso_utc(model.trained_until_ms)}, and the test begins at "
            f"{iso_utc(start_ms)}: it would be asked what it was told",
            hint="test later candles (--from), leave --model out for models of the past alone, or say --in-sample",
        )
    return model


def stored_model(paths: Paths, database: Database, model_id: str, from_ms: int, until_ms: int) -> DecidingModel:
    """A trained model, to decide the closes in [from_ms, until_ms). Raises NotFound, ModelError, StoreError."""
    from autopilot.adapters.models.scoring_model import ScoringModel
    from autopilot.backtest.models import DecidingModel

    entry = next((each for each in SqliteModels(database).entries() if each.id == model_id), None)
    if entry is None:
        raise NotFound(f"there is no model {model_id!r}", hint="autopilot models list shows them with their ids")
    text, card = ModelFiles(paths.models_dir).read(entry.id, entry.sha256)
    model = ScoringModel.read(entry.id, entry.state.value, text, card)
    return DecidingModel(
        id=entry.id,
        state=entry.state,
        verdict=entry.verdict,
        trained_until_ms=model.trained_until_ms,
        from_ms=from_ms,
        until_ms=until_ms,
        ensemble=model.ensemble,
        spread=model.spread,
    )


def _first_close(tested: TestedSymbol) -> int:
    candles = tested.history.candles
    return int(candles.open_at_ms[tested.first]) + candles.timeframe.ms
