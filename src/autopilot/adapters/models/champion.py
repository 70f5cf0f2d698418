"""The model that decides: always the newest champion, and never an abstaining, damaged or expired model."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autopilot.adapters.models.files import RETRAIN_HINT, ModelFiles
from autopilot.adapters.store.models import SqliteModels
from autopilot.domain.conditions import FeatureRow, MarketConditions
from autopilot.domain.document_types import Document
from autopilot.domain.errors import ModelError, StoreError
from autopilot.domain.model_state import ModelEntry, ModelState
from autopilot.domain.selection import Contribution
from autopilot.domain.signal import StrategyGroup
from autopilot.domain.timeframe import iso_utc
from autopilot.ports.score_model import ModelScores, ScoreModel

if TYPE_CHECKING:
    from autopilot.adapters.models.scoring_model import ScoringModel


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The champion's entry, with the model if it is usable, or with the reason why it is not."""

    entry: ModelEntry
    model: ScoringModel | None
    error: ModelError | None


class Champion(ScoreModel):
    """It reads the store before every decision, so that a new champion decides from the next one on.

    ``life_ms``: the time after its last training sample during which a model is used, in market time.
    """

    def __init__(self, store: SqliteModels, files: ModelFiles, life_ms: int) -> None:
        self._store = store
        self._files = files
        self._life_ms = life_ms
        self._loaded: _Loaded | None = None

    @property
    def is_present(self) -> bool:
        """Whether there is a champion. Loads a new one first; if the store cannot be read, the present one stays."""
        self._load_new(self._entry())
        return self._loaded is not None

    async def refresh(self) -> None:
        """Load a new champion now, in a thread, because reading its files can take a second."""
        entry = self._entry()
        if not self._is_current(entry) and entry is not None:
            self._loaded = await asyncio.to_thread(self._load, entry)

    def status(self) -> Document | None:
        """For `status` and `model-info`: the champion, and why it is not usable if so; None without a champion."""
        if not self.is_present or self._loaded is None:
            return None
        entry, error = self._loaded.entry, self._loaded.error
        return {
            "id": entry.id,
            "state": entry.state.value,
            "usable": error is None,
            "message": str(error) if error else None,
            "hint": error.hint if error else None,
        }

    def score(self, conditions: MarketConditions, state: FeatureRow) -> ModelScores:
        """Raises ModelError when there is no usable model, when it has expired, or was trained on later candles."""
        model = self._usable()
        closed_at_ms = conditions.candle_at_ms + conditions.timeframe.ms
        if closed_at_ms < model.trained_until_ms:
            raise ModelError(
                f"model {model.model_id} was trained until {iso_utc(model.trained_until_ms)}, later than this candle",
                hint="use an older model: autopilot models rollback; or retrain on earlier candles",
            )
        if closed_at_ms > model.trained_until_ms + self._life_ms:
            raise ModelError(
                f"model {model.model_id} has expired: it was trained on candles up to "
                f"{iso_utc(model.trained_until_ms)}",
                hint=RETRAIN_HINT,
            )
        return model.score(conditions, state)

    def contributions(
        self, conditions: MarketConditions, state: FeatureRow, group: StrategyGroup
    ) -> tuple[Contribution, ...]:
        return self._usable().contributions(conditions, state, group)

    def _usable(self) -> ScoringModel:
        if self._loaded is None:
            raise ModelError("there is no learned model", hint="train one with: autopilot retrain")
        if self._loaded.model is None:
            raise self._loaded.error or ModelError("the learned model was not loaded", hint=RETRAIN_HINT)
        return self._loaded.model

    def _entry(self) -> ModelEntry | None:
        try:
            return self._store.champion()
        except StoreError:
            return self._loaded.entry if self._loaded else None

    def _is_current(self, entry: ModelEntry | None) -> bool:
        return (self._loaded.entry if self._loaded else None) == entry

    def _load_new(self, entry: ModelEntry | None) -> None:
        if not self._is_current(entry):
            self._loaded = None if entry is None else self._load(entry)

    def _load(self, entry: ModelEntry) -> _Loaded:
        from autopilot.adapters.models.scoring_model import ScoringModel

        if entry.state is ModelState.ABSTAINING:
            return _Loaded(entry, None, ModelError(f"model {entry.id} abstains: {entry.note}", hint=RETRAIN_HINT))
        try:
            text, card = self._files.read(entry.id, entry.sha256)
            return _Loaded(entry, ScoringModel.read(entry.id, entry.state.value, text, card), None)
        except ModelError as error:
            return _Loaded(entry, None, error)
