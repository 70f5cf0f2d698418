"""One training from request to registered model: the composition root of the training process."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import closing
from dataclasses import dataclass, field

from autopilot.adapters.clock import WallClock
from autopilot.adapters.models.champions import Champions
from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.models.first_reading import FIRST_READER, try_model
from autopilot.adapters.models.identity import inputs_of
from autopilot.adapters.models.readings import FirstReadings
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.models import SqliteModels
from autopilot.adapters.store.trials import SqliteTrials
from autopilot.app.audit_log import audited
from autopilot.app.compute import compute
from autopilot.app.training.data import TrainingData
from autopilot.config.paths import Paths
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.document_types import Document
from autopilot.domain.errors import ModelError, NoModel
from autopilot.domain.model_state import ModelEntry, ModelScope
from autopilot.domain.progress import Progress
from autopilot.domain.timeframe import DAY_MS
from autopilot.performance.outcomes import ASSUMED_COST
from autopilot.strategies.registry import load_strategies
from autopilot.training.data.surrogate import surrogate
from autopilot.training.evidence.incumbent import Incumbent
from autopilot.training.request import Stage, TrainingRequest
from autopilot.training.train import MODEL_SCHEMA, Trained, TrainingSettings, train

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Stopwatch:
    """A Progress that passes on to another, and keeps the wall time of each stage in seconds."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.monotonic)

    def __call__(self, stage: str, done: int, total: int, detail: str = "") -> None:
        now = time.monotonic()
        self.seconds[str(stage)] = round(self.seconds.get(str(stage), 0.0) + now - self._since, 3)
        self._since = now
        self.progress(stage, done, total, detail)


def run_training(paths: Paths, config: AutopilotConfig, request: TrainingRequest, progress: Progress) -> Document:
    """Fetch, train, judge, register, and promote if the gate permits. Returns the result as JSON.

    Raises AutopilotError if the training is impossible, and whatever ``progress`` raises.
    """
    watch = _Stopwatch(progress)
    with closing(open_database(paths.database)) as database, audited(database, paths.audit_head) as trail:
        trials, strategies = SqliteTrials(database), load_strategies()
        scope = ModelScope(config.candle_kind(request.exchange), request.timeframe)
        models, files = SqliteModels(database, trail), ModelFiles(paths.models_dir)
        readings = FirstReadings(database, trail, FIRST_READER)
        champions = Champions(models, files, strategies.groups, config.model.life_days * DAY_MS, readings)
        asyncio.run(champions.refresh())
        histories = asyncio.run(TrainingData(config, database, WallClock().now_ms).histories(request, watch))
        if request.surrogate:
            histories = tuple(surrogate(each, request.seed) for each in histories)
        settings = TrainingSettings(
            scope=scope,
            acting=config.acting(),
            cost=ASSUMED_COST,
            trials=trials.count(scope.kind) if request.surrogate else trials.add(scope.kind),
            incumbent=_incumbent(champions, scope),
        )
        with compute(config.compute.scheduler, sum(len(each.candles) for each in histories)) as executor:
            trained = train(histories, strategies, request, settings, executor, watch)
        watch(Stage.PROMOTION, 0, 1)
        is_promoted = not request.surrogate and _keep(trained, scope, models, files, readings)
        watch(Stage.PROMOTION, 1, 1, trained.state.value)
        last_ms = max((each.candles.last_at_ms for each in histories if len(each.candles)), default=None)
        deciding, decides = _deciding(champions, scope, None if last_ms is None else last_ms + request.timeframe.ms)
    card = trained.card
    return {
        "model_id": trained.model_id,
        "state": trained.state.value,
        "verdict": card["verdict"],
        "promoted": is_promoted,
        "kind": scope.kind.value,
        "timeframe": scope.timeframe.value,
        "champion": deciding,
        "decides": decides,
        "surrogate": request.surrogate,
        "samples": card["data"]["samples"],
        "symbols": card["symbols"],
        "seconds": watch.seconds,
        "metrics": card["metrics"],
        "gate": card["gate"],
    }


def _keep(
    trained: Trained, scope: ModelScope, models: SqliteModels, files: ModelFiles, readings: FirstReadings
) -> bool:
    """Write the files and read them again, then register the model: an end in between leaves only unused files.

    Returns whether the model was promoted. Raises ModelError if this process cannot read it.
    """
    now_ms = WallClock().now_ms()
    sha256 = files.write(trained.model_id, trained.text, trained.card)
    try_model(files.read(trained.model_id, sha256)[0], inputs_of(trained.card))
    verdict = str(trained.card["verdict"])
    entry = ModelEntry(
        id=trained.model_id,
        created_at_ms=now_ms,
        state=trained.state,
        schema=MODEL_SCHEMA,
        sha256=sha256,
        verdict=verdict,
        is_champion=False,
        retired_at_ms=None,
        note="",
        kind=scope.kind,
        timeframe=scope.timeframe,
    )
    models.register(entry)
    readings.record(entry)
    if trained.replaces:
        models.promote(trained.model_id, now_ms, verdict)
    champion = models.champion(scope)
    return trained.replaces and champion is not None and champion.state is trained.state


def _incumbent(champions: Champions, scope: ModelScope) -> Incumbent | None:
    """The champion of this scope, for the comparison; None without a usable one."""
    try:
        model = champions.usable(scope)
    except NoModel:
        return None
    except ModelError as error:
        log.warning("the new model is not compared with the champion: %s", error)
        return None
    return Incumbent(model.trained_until_ms, model.features, model.strategies, model.ensemble, model.spread)


def _deciding(champions: Champions, scope: ModelScope, closed_at_ms: int | None) -> tuple[str | None, str]:
    """The model that decides about the latest of these candles, None for the rule table; and that in words."""
    try:
        model = champions.usable(scope, closed_at_ms)
    except NoModel:
        return None, f"the rule table decides about {scope}"
    except ModelError as error:
        return None, f"the rule table decides about {scope}: {error}"
    return model.model_id, f"model {model.model_id} ({model.state}) decides about {scope}"
