"""A stored model, ready to score one decision: its boosters, and the settings in its card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autopilot.adapters.models.files import RETRAIN_HINT
from autopilot.adapters.models.identity import agrees
from autopilot.domain.candles import FloatArray
from autopilot.domain.conditions import FeatureRow, MarketConditions
from autopilot.domain.errors import ModelError
from autopilot.domain.model_state import ModelEntry, ModelScope, ModelState
from autopilot.domain.selection import Contribution, GroupScore, ModelOpinion
from autopilot.domain.signal import StrategyGroup
from autopilot.performance.outcomes import horizon
from autopilot.performance.strategy_state import volatility_unit
from autopilot.ports.score_model import ModelScores
from autopilot.training.model.calibration import Calibration
from autopilot.training.model.choice import count_votes
from autopilot.training.model.ensemble import Ensemble, RawScores
from autopilot.training.model.novelty import TrainingRange
from autopilot.training.train import MODEL_SCHEMA

CONTRIBUTIONS_SHOWN = 6
"""Contributions that a decision stores."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoringModel:
    """``state`` is the model's stage of proof. Importing this module loads LightGBM: do it only to load a model."""

    model_id: str
    state: ModelState
    scope: ModelScope
    trained_until_ms: int
    features: tuple[str, ...]
    strategies: tuple[str, ...]
    groups: tuple[StrategyGroup, ...]
    group_of: NDArray[np.int64]
    ensemble: Ensemble
    spread: TrainingRange
    calibration: Calibration
    base_rates: FloatArray

    @classmethod
    def read(
        cls, entry: ModelEntry, text: str, card: dict[str, Any], installed: Mapping[str, StrategyGroup]
    ) -> ScoringModel:
        """Parse a stored model. ``installed``: the group of each strategy by name. Raises ModelError when its card does
        not say what it was trained on, when it was trained on other inputs or with other strategies, and when this
        version cannot use its text or its card."""
        model_id, scope = entry.id, entry.scope
        if scope is None:
            raise ModelError(
                f"nothing says what candles model {model_id} was trained on, so it decides about none",
                hint=RETRAIN_HINT,
            )
        if not agrees(card, scope):
            raise ModelError(
                f"the database has model {model_id} for {scope}, and its card says otherwise", hint=RETRAIN_HINT
            )
        if card.get("schema") != MODEL_SCHEMA:
            raise ModelError(
                f"model {model_id} was trained on inputs {card.get('schema')!r}, and this version has {MODEL_SCHEMA!r}",
                hint=RETRAIN_HINT,
            )
        try:
            serving = card["serving"]
            known = {name: StrategyGroup(serving["groups"][name]) for name in serving["strategies"]}
            _check_strategies(model_id, known, installed)
            groups = tuple(StrategyGroup(name) for name in serving["classes"][:-1])
            spread = serving["range"]
            return cls(
                model_id=model_id,
                state=entry.state,
                scope=scope,
                trained_until_ms=int(serving["trained_until_ms"]),
                features=tuple(serving["features"]),
                strategies=tuple(known),
                groups=groups,
                group_of=np.array([groups.index(group) for group in known.values()]),
                ensemble=Ensemble.from_text(text),
                spread=TrainingRange(np.array(spread["lower"]), np.array(spread["upper"]), float(spread["limit"])),
                calibration=Calibration(float(serving["temperature"]), float(serving["base_weight"])),
                base_rates=np.array(serving["base_rates"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the card of model {model_id} is not usable: {error!r}", hint=RETRAIN_HINT) from error

    def score(self, conditions: MarketConditions, state: FeatureRow) -> ModelScores:
        """Score one decision. Raises ModelError when inputs are missing or the output is not finite."""
        row = self._row(conditions, state)
        raw = self.ensemble.predict(row)
        self._check(raw)
        votes = count_votes(raw, self._unit(conditions), self.group_of)
        probabilities = self.calibration.apply(raw.classes, self.base_rates[None, :])[0]
        names = (*(group.value for group in self.groups), "none")
        return ModelScores(
            opinion=ModelOpinion(
                model_id=self.model_id,
                state=self.state,
                trained_on=self.scope,
                probabilities=dict(zip(names, probabilities.tolist(), strict=True)),
                novelty=float(self.spread.novelty(row)[0]),
                novelty_limit=self.spread.limit,
            ),
            groups=tuple(
                GroupScore(
                    group,
                    float(votes.group_shares[0, at]),
                    f"{int((raw.groups[:, 0, at] > 0.0).sum())} of {len(raw.groups)} members expect a gain, best group "
                    f"with probability {probabilities[at]:.2f}",
                    float(votes.edges_bps[0, at]),
                )
                for at, group in enumerate(self.groups)
            ),
            strategy_confidence=dict(zip(self.strategies, votes.strategy_shares[0].tolist(), strict=True)),
        )

    def contributions(
        self, conditions: MarketConditions, state: FeatureRow, group: StrategyGroup
    ) -> tuple[Contribution, ...]:
        """The largest contributions to the edge of ``group``, in bps. Raises ModelError as `score` does."""
        row = self._row(conditions, state)
        effects = self.ensemble.contributions(row, self.groups.index(group)) * self._unit(conditions)[0] * 1e4
        leading = np.argsort(-np.abs(effects), kind="stable")[:CONTRIBUTIONS_SHOWN]
        return tuple(Contribution(self.features[at], float(row[0, at]), float(effects[at])) for at in leading)

    def _row(self, conditions: MarketConditions, state: FeatureRow) -> FloatArray:
        known = dict(
            zip((*conditions.features.names, *state.names), (*conditions.features.values, *state.values), strict=True)
        )
        missing = [name for name in self.features if name not in known]
        if missing:
            raise ModelError(
                f"model {self.model_id} needs the input {missing[0]} and {len(missing) - 1} more that are missing",
                hint="it was trained with other strategies; " + RETRAIN_HINT,
            )
        row = np.array([[known[name] for name in self.features]])
        if not np.isfinite(row).all():
            unknown = self.features[int(np.flatnonzero(~np.isfinite(row[0]))[0])]
            raise ModelError(f"{unknown} is not known yet", hint="the strategies' record of 30 days has to fill first")
        return row

    def _unit(self, conditions: MarketConditions) -> FloatArray:
        """The usual move over the horizon, as in training: float64[1]."""
        row = conditions.features
        return volatility_unit(row.values[[row.names.index("log_volatility_168")]], horizon(conditions.timeframe))

    def _check(self, raw: RawScores) -> None:
        if not all(np.isfinite(part).all() for part in (raw.groups, raw.strategies, raw.classes)):
            raise ModelError(f"model {self.model_id} returned a value that is not a finite number", hint=RETRAIN_HINT)


def _check_strategies(
    model_id: str, known: Mapping[str, StrategyGroup], installed: Mapping[str, StrategyGroup]
) -> None:
    """Raises ModelError unless the model knows exactly the installed strategies, in their groups."""
    if known != installed:
        names = sorted(known.keys() | installed.keys())
        differing = ", ".join(name for name in names if known.get(name) != installed.get(name))
        raise ModelError(
            f"model {model_id} was trained with other strategies than those installed: {differing}", hint=RETRAIN_HINT
        )
