"""One backtest from request to result: the composition root of the command."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from autopilot.adapters.exchange.offline_markets.replay import HISTORY
from autopilot.adapters.store.database import Database, open_database
from autopilot.app.backtest.data import TestedSymbol, tested_symbols
from autopilot.app.backtest.request import BacktestRequest, StoredModel, WalkForward
from autopilot.app.backtest.rules import (
    account_of,
    all_series,
    check_currencies,
    only,
    paper_settings,
    rules_choose,
    traded_symbol,
)
from autopilot.backtest.choices import BacktestChoices
from autopilot.backtest.decided import BacktestSymbol, DecisionRow, decisions_of
from autopilot.backtest.engine import BacktestResult, simulate
from autopilot.backtest.stages import BacktestStage
from autopilot.config.paths import Paths
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.errors import ModelError, NotFound
from autopilot.domain.model_state import ModelScope
from autopilot.domain.progress import Progress, part_of
from autopilot.domain.timeframe import DAY_MS, utc_text
from autopilot.execution.paper_settings import PaperSettings
from autopilot.performance.account_record import AccountRecord
from autopilot.selection.strategy_rules import profiles_of
from autopilot.strategies.registry import StrategySet, load_strategies
from autopilot.training.data.series import SymbolSeries

if TYPE_CHECKING:
    from autopilot.backtest.models import DecidingModel, LoadedModel

# The rule table needs no model: what models need is imported where they are used.


@dataclass(frozen=True, slots=True, eq=False)
class BacktestRun:
    """The inputs and the result of a backtest. ``alone``: the record of each strategy by itself, if requested.
    ``in_sample``: a model decided candles that it had been trained on."""

    request: BacktestRequest
    tested: tuple[TestedSymbol, ...]
    traded: tuple[BacktestSymbol, ...]
    strategies: StrategySet
    models: tuple[DecidingModel, ...]
    paper: PaperSettings
    record: AccountRecord
    outcome: BacktestResult
    alone: Mapping[str, AccountRecord]
    in_sample: bool

    def decisions(self) -> tuple[DecisionRow, ...]:
        """The decision on every signal, in order of time."""
        outcome = self.outcome
        account = account_of(self.request)
        return decisions_of(account, self.traded, self.models, outcome.judged, outcome.unsure, outcome.missing)


def run_backtest(paths: Paths, config: AutopilotConfig, request: BacktestRequest, progress: Progress) -> BacktestRun:
    """Run the backtest. Raises AutopilotError if it is impossible, and whatever ``progress`` raises."""
    strategies = load_strategies()
    if request.strategy is not None:
        strategies = StrategySet((strategies[request.strategy],))
    profiles = profiles_of(strategies)
    with closing(open_database(paths.database)) as database:
        tested = asyncio.run(
            tested_symbols(
                config,
                database,
                request.exchange,
                request.symbols,
                request.timeframe,
                request.period,
                request.detail,
                HISTORY,
                progress,
                request.source,
            )
        )
        check_currencies(tested)
        series = all_series(tested, strategies, progress)
        choices = rules_choose(request, series, [each.first for each in tested], profiles)
        models, chosen = _followed(paths, config, database, request, tested, series, choices, strategies, progress)
    traded = tuple(
        traded_symbol(config, request, one, known, each)
        for one, known, each in zip(tested, series, chosen, strict=True)
    )
    paper = paper_settings(config, request)
    trade = partial(simulate, account_of(request), strategies=strategies, paper=paper, models=models)
    outcome, record = trade(traded, progress=progress)
    alone = {}
    for number, name in enumerate(strategies.names if request.compare else ()):
        wished = [only(each, profiles, name) for each in traded]
        part = part_of(progress, number, len(strategies))
        alone[name] = trade(wished, progress=part, stage=BacktestStage.COMPARISON, detail=name)[1]
    first_ms = min(_first_close(each) for each in tested)
    in_sample = any(model.trained_until_ms > first_ms for model in models if isinstance(request.model, StoredModel))
    return BacktestRun(request, tested, traded, strategies, models, paper, record, outcome, alone, in_sample)


def _followed(
    paths: Paths,
    config: AutopilotConfig,
    database: Database,
    request: BacktestRequest,
    tested: Sequence[TestedSymbol],
    series: Sequence[SymbolSeries],
    choices: Sequence[BacktestChoices],
    strategies: StrategySet,
    progress: Progress,
) -> tuple[tuple[DecidingModel, ...], Sequence[BacktestChoices]]:
    """The models, and the choices of each symbol with theirs."""
    start_ms = min(_first_close(each) for each in tested)
    end_ms = max(each.history.candles.last_at_ms for each in tested) + request.timeframe.ms + 1
    scope, profiles = ModelScope(config.candle_kind(request.exchange), request.timeframe), profiles_of(strategies)
    match request.model:
        case StoredModel() as wanted:
            from autopilot.backtest.models import follow_models

            loaded = _stored(paths, database, wanted, scope, strategies, start_ms, end_ms)
            followed = [
                follow_models(chosen, known, (loaded,), profiles) for chosen, known in zip(choices, series, strict=True)
            ]
            return (loaded.deciding,), followed
        case WalkForward() as walk:
            from autopilot.adapters.models.score_cache import ScoreCache
            from autopilot.app.compute import compute
            from autopilot.backtest.fits import CachedFits
            from autopilot.backtest.walk_forward import Retraining, WalkForwardModels
            from autopilot.training.data.history import learned_names, rows_of
            from autopilot.training.data.training_set import training_set
            from autopilot.training.model.fit import FitSettings

            rows = [rows_of(each, strategies) for each in series]
            data = training_set(rows, learned_names(strategies.names), profiles)
            plan = Retraining(
                scope=scope,
                start_ms=start_ms,
                end_ms=end_ms,
                every_ms=walk.every_days * DAY_MS,
                purge_ms=request.timeframe.ms,
                life_ms=config.model.life_days * DAY_MS,
                is_gated=walk.is_gated,
            )
            fitting = FitSettings(seed=config.training.seed)
            candles = sum(len(each.history.candles) for each in tested)
            with compute(config.compute.scheduler, candles) as executor:
                fits = CachedFits(executor, ScoreCache(paths.scores_dir))
                models = WalkForwardModels(data, plan, fitting, config.acting(), fits)
                return models.follow(choices, series, progress)
        case None:
            return (), choices


def _stored(
    paths: Paths,
    database: Database,
    wanted: StoredModel,
    scope: ModelScope,
    strategies: StrategySet,
    start_ms: int,
    end_ms: int,
) -> LoadedModel:
    model = stored_model(paths, database, wanted.model_id, scope, strategies, start_ms, end_ms)
    trained_until_ms = model.deciding.trained_until_ms
    if trained_until_ms > start_ms and not wanted.is_in_sample:
        raise ModelError(
            f"model {wanted.model_id} was trained on candles up to {utc_text(trained_until_ms)}, but the test begins "
            f"at {utc_text(start_ms)}: it would decide candles that it has seen",
            hint="test later candles (--from), omit --model to train models on the past alone, or add --in-sample",
        )
    return model


def stored_model(
    paths: Paths,
    database: Database,
    model_id: str,
    scope: ModelScope,
    strategies: StrategySet,
    from_ms: int,
    until_ms: int,
) -> LoadedModel:
    """The registered model, deciding the closes of such candles in [from_ms, until_ms). Raises NotFound, ModelError
    also if it was trained on other candles, StoreError."""
    from autopilot.adapters.models.files import ModelFiles
    from autopilot.adapters.models.scoring_model import ScoringModel
    from autopilot.adapters.store.models import SqliteModels
    from autopilot.backtest.models import DecidingModel, LoadedModel

    models = SqliteModels(database)
    entry = next((each for each in models.entries() if each.id == model_id), None)
    if entry is None:
        raise NotFound(f"there is no model {model_id!r}", hint="autopilot models list shows the ids")
    text, card = ModelFiles(paths.models_dir).read(entry.id, models.proven_sha256(entry))
    model = ScoringModel.read(entry, text, card, strategies.groups)
    if model.scope != scope:
        raise ModelError(
            f"model {model_id} was trained on {model.scope}, and these are {scope}: it does not decide about them",
            hint="omit --model to train models on the past alone, or choose another: autopilot models list",
        )
    deciding = DecidingModel(
        id=entry.id,
        state=entry.state,
        trained_on=model.scope,
        verdict=entry.verdict,
        trained_until_ms=model.trained_until_ms,
        from_ms=from_ms,
        until_ms=until_ms,
        novelty_limit=model.spread.limit,
    )
    return LoadedModel(deciding, model.ensemble, model.spread)


def _first_close(tested: TestedSymbol) -> int:
    candles = tested.history.candles
    return int(candles.open_at_ms[tested.first]) + candles.timeframe.ms
