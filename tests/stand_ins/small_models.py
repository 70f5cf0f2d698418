"""Real models, small enough to be made in a moment, kept as a training keeps them or as an early version did."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from autopilot.adapters.audit_head import HEAD_NAME
from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.models.first_reading import FIRST_READER
from autopilot.adapters.models.readings import FirstReadings
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.models import SqliteModels
from autopilot.app.audit_log import audited
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelEntry, ModelScope, ModelState
from autopilot.domain.signal import STRATEGY_GROUPS
from autopilot.domain.timeframe import DAY_MS
from autopilot.selection.strategy_rules import profiles_of
from autopilot.strategies.registry import StrategySet, builtin_strategies
from autopilot.training.data.training_set import TrainingSet
from autopilot.training.model.fit import FitSettings, fit
from autopilot.training.train import MODEL_SCHEMA

STRATEGIES = StrategySet(builtin_strategies())
FEATURES = ("log_volatility_168", "feature_1")
TRAINED_UNTIL_MS = 1_714_521_600_000
SAMPLES = 200


@cache
def small_text() -> str:
    """The text of an ensemble with two inputs that has learned nothing in particular."""
    random, count = np.random.default_rng(1), len(STRATEGIES)
    at_ms = np.arange(SAMPLES) * DAY_MS
    data = TrainingSet(
        names=FEATURES,
        strategies=profiles_of(STRATEGIES),
        symbols=("BTC/USD",),
        features=random.normal(size=(SAMPLES, len(FEATURES))),
        returns=random.normal(0.0, 0.02, size=(SAMPLES, count)),
        picks=np.tile(np.arange(5), (SAMPLES, 1)),
        best_past=np.zeros(SAMPLES, dtype=np.int64),
        latest=np.zeros((SAMPLES, count)),
        at_ms=at_ms,
        matured_ms=at_ms + DAY_MS,
        symbol=np.zeros(SAMPLES, dtype=np.int64),
        unit=np.full(SAMPLES, 0.02),
        hold=np.zeros(SAMPLES),
        regime=np.zeros(SAMPLES, dtype=np.int8),
        rule_group=np.zeros(SAMPLES, dtype=np.int64),
    )
    return fit(data, np.arange(SAMPLES), FitSettings(members=2, rounds=2)).to_text()


def small_card(model_id: str, **more: Any) -> dict[str, Any]:
    """A card as an early version wrote it, with the part that serving needs; ``more`` goes over it."""
    serving = {
        "features": list(FEATURES),
        "strategies": list(STRATEGIES.names),
        "groups": {name: group.value for name, group in STRATEGIES.groups.items()},
        "classes": [*(group.value for group in STRATEGY_GROUPS), "none"],
        "members": 2,
        "base_rates": [1 / 6] * 6,
        "temperature": 1.0,
        "base_weight": 0.0,
        "range": {"lower": [-9.0] * 2, "upper": [9.0] * 2, "limit": 0.05},
        "trained_until_ms": TRAINED_UNTIL_MS,
    }
    known = {"id": model_id, "schema": MODEL_SCHEMA, "exchange": "coinbase", "timeframe": "1h", "symbols": ["BTC/USD"]}
    return {**known, "days": 730, "serving": serving, **more}


def keep_model(
    database: Database,
    files: ModelFiles,
    model_id: str,
    scope: ModelScope,
    state: ModelState = ModelState.LIVE,
    trained_until_ms: int = TRAINED_UNTIL_MS,
    *,
    was_read: bool = True,
) -> None:
    """Keep a model as a training of this version does, and make it champion. Without ``was_read`` the log does not say
    that a process has read it, as after an upgrade."""
    exchange = "simulated" if scope.kind is CandleKind.SIMULATED else "coinbase"
    card = small_card(model_id, exchange=exchange, kind=scope.kind.value, timeframe=scope.timeframe.value)
    card["serving"]["trained_until_ms"] = trained_until_ms
    sha256 = files.write(model_id, small_text(), card)
    entry = ModelEntry(model_id, 1, state, MODEL_SCHEMA, sha256, "", False, None, "", scope.kind, scope.timeframe)
    with audited(database, database.path.with_name(HEAD_NAME)) as trail:
        store = SqliteModels(database, trail)
        store.register(entry)
        if was_read:
            FirstReadings(database, trail, FIRST_READER).record(entry)
        store.promote(model_id, 2, "by hand")


def keep_early_champion(database: Database, files: ModelFiles, model_id: str, state: str = "live", **card: Any) -> None:
    """Make a model champion as version 7 of the database had one: the only one, whatever it was trained on."""
    sha256 = files.write(model_id, small_text(), small_card(model_id, **card))
    with database.transaction(durable=True) as connection:
        connection.execute(
            "INSERT INTO models VALUES (?, 1, ?, ?, ?, 'good', 1, NULL, '')", (model_id, state, MODEL_SCHEMA, sha256)
        )
        connection.execute(
            "INSERT INTO model_history (at_ms, event, model_id, reason) VALUES (2, 'promoted', ?, '')",
            (model_id,),
        )
