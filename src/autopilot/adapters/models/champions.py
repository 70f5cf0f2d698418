"""The models that decide: of each kind of candles the newest champion, never an abstaining, damaged or expired one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autopilot.adapters.models.files import RETRAIN_HINT, ModelFiles
from autopilot.adapters.models.readings import FirstReadings
from autopilot.adapters.store.models import SqliteModels
from autopilot.domain.conditions import FeatureRow, MarketConditions
from autopilot.domain.document_types import Document
from autopilot.domain.errors import ModelDamaged, ModelError, ModelUnread, NoModel, StoreError
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelEntry, ModelScope, ModelState
from autopilot.domain.selection import Contribution
from autopilot.domain.signal import StrategyGroup
from autopilot.domain.timeframe import utc_text
from autopilot.ports.score_model import ModelScores, ScoreModel

if TYPE_CHECKING:
    from autopilot.adapters.models.scoring_model import ScoringModel

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A champion's entry, with the model if it is usable, or with the reason why it is not."""

    entry: ModelEntry
    model: ScoringModel | None
    error: ModelError | None


class Champions:
    """They are looked up before every decision, so that a new champion decides from the next one on.

    ``strategies``: the group of each installed strategy; ``life_ms``: the time after its last training sample during
    which a model is used, in market time.
    """

    def __init__(
        self,
        store: SqliteModels,
        files: ModelFiles,
        strategies: Mapping[str, StrategyGroup],
        life_ms: int,
        readings: FirstReadings,
    ) -> None:
        self._store = store
        self._files = files
        self._strategies = strategies
        self._life_ms = life_ms
        self._readings = readings
        self._refreshing = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None
        self._known: tuple[ModelEntry, ...] = ()
        self._loaded: dict[str, _Loaded] = {}

    def on(self, kind: CandleKind) -> ScoreModel:
        """The model of each timeframe of such candles."""
        return _ChampionsOn(self, kind)

    async def refresh(self) -> None:
        """Load new champions now, in a thread, because parsing them can take a second. Files that this library has
        never read are first read by a process of its own."""
        async with self._refreshing:
            for entry in self._champions():
                if not self._is_current(entry):
                    try:
                        self._keep(await self._first_loaded(entry))
                    except StoreError as error:
                        log.warning("model %s was not loaded: %s", entry.id, error)

    async def close(self) -> None:
        """End a first reading that is under way."""
        if self._reading:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    def status(self) -> tuple[Document, ...]:
        """A `LoadedModelDocument` for each champion."""
        return tuple(_document(self._of(entry)) for entry in self._champions())

    def damage(self, scope: ModelScope) -> ModelDamaged | ModelUnread | None:
        """Why the champion of ``scope`` cannot be trusted; None if it can, or if there is none."""
        entry = next((each for each in self._champions() if each.scope == scope), None)
        error = entry and self._of(entry).error
        return error if isinstance(error, ModelDamaged | ModelUnread) else None

    def usable(self, scope: ModelScope, closed_at_ms: int | None = None) -> ScoringModel:
        """The model of ``scope``. ``closed_at_ms``: the close of the decided candle; without it the model's age is not
        checked.

        Raises NoModel without a champion of this scope. Raises ModelError when it is not usable, has expired,
        or was trained on later candles.
        """
        champions = self._champions()
        entry = next((each for each in champions if each.scope == scope), None)
        if entry is None:
            raise NoModel(_lacking(scope, champions), hint=RETRAIN_HINT)
        loaded = self._of(entry)
        if loaded.model is None:
            raise loaded.error or ModelError(f"model {entry.id} was not loaded", hint=RETRAIN_HINT)
        if closed_at_ms is not None:
            self._check_age(loaded.model, closed_at_ms)
        return loaded.model

    def _check_age(self, model: ScoringModel, closed_at_ms: int) -> None:
        if closed_at_ms < model.trained_until_ms:
            raise ModelError(
                f"model {model.model_id} was trained until {utc_text(model.trained_until_ms)}, later than this candle",
                hint="use an older model: autopilot models rollback; or retrain on earlier candles",
            )
        if closed_at_ms > model.trained_until_ms + self._life_ms:
            raise ModelError(
                f"model {model.model_id} has expired: it was trained on candles up to "
                f"{utc_text(model.trained_until_ms)}",
                hint=RETRAIN_HINT,
            )

    def _champions(self) -> tuple[ModelEntry, ...]:
        """If the store cannot be read, those that were known last."""
        try:
            self._known = self._store.champions()
        except StoreError:
            return self._known
        for model_id in self._loaded.keys() - {each.id for each in self._known}:
            del self._loaded[model_id]
        return self._known

    def _is_current(self, entry: ModelEntry) -> bool:
        return entry.id in self._loaded and self._loaded[entry.id].entry == entry

    def _of(self, entry: ModelEntry) -> _Loaded:
        if self._is_current(entry):
            return self._loaded[entry.id]
        try:
            if entry.state is ModelState.ABSTAINING or self._readings.has(entry):
                return self._keep(self._load(entry))
        except StoreError as error:
            return _Loaded(entry, None, ModelError(f"model {entry.id} cannot be looked up: {error}", hint=error.hint))
        self._read_soon()
        words = f"model {entry.id} is being read by a process of its own, as this installation has never read it"
        return _Loaded(entry, None, ModelUnread(words, hint="nothing: the model decides in a moment"))

    def _read_soon(self) -> None:
        """Read new champions in the background; without an event loop, `refresh` is called beforehand."""
        with suppress(RuntimeError):
            if self._reading is None or self._reading.done():
                self._reading = asyncio.get_running_loop().create_task(self.refresh())

    def _keep(self, loaded: _Loaded) -> _Loaded:
        self._loaded[loaded.entry.id] = loaded
        return loaded

    async def _first_loaded(self, entry: ModelEntry) -> _Loaded:
        """As `_load`, after another process has read the files if none did before. Raises StoreError."""
        if entry.state is ModelState.ABSTAINING:
            return self._load(entry)
        try:
            text, card = self._content(entry)
            await self._readings.read(entry, text, card)
        except ModelError as error:
            log.error("%s", error)  # noqa: TRY400 - it says all there is
            return _Loaded(entry, None, error)
        return await asyncio.to_thread(self._parsed, entry, text, card)

    def _load(self, entry: ModelEntry) -> _Loaded:
        """Raises StoreError."""
        if entry.state is ModelState.ABSTAINING:
            return _Loaded(entry, None, ModelError(f"model {entry.id} abstains: {entry.note}", hint=RETRAIN_HINT))
        try:
            return self._parsed(entry, *self._content(entry))
        except ModelError as error:
            return _Loaded(entry, None, error)

    def _content(self, entry: ModelEntry) -> tuple[str, Document]:
        """Text and card. Raises ModelDamaged, StoreError."""
        return self._files.read(entry.id, self._store.proven_sha256(entry))

    def _parsed(self, entry: ModelEntry, text: str, card: Document) -> _Loaded:
        try:
            from autopilot.adapters.models.scoring_model import ScoringModel

            return _Loaded(entry, ScoringModel.read(entry, text, card, self._strategies), None)
        except ModelError as error:
            return _Loaded(entry, None, error)
        except Exception as error:
            log.exception("model %s cannot be loaded", entry.id)
            return _Loaded(entry, None, ModelError(f"model {entry.id} cannot be loaded: {error!r}", hint=RETRAIN_HINT))


class _ChampionsOn(ScoreModel):
    """The champions of candles of one kind, by the timeframe of what is decided."""

    def __init__(self, champions: Champions, kind: CandleKind) -> None:
        self._champions = champions
        self._kind = kind

    def score(self, conditions: MarketConditions, state: Callable[[], FeatureRow]) -> ModelScores:
        return self._deciding(conditions).score(conditions, state())

    def contributions(
        self, conditions: MarketConditions, state: Callable[[], FeatureRow], group: StrategyGroup
    ) -> tuple[Contribution, ...]:
        return self._deciding(conditions).contributions(conditions, state(), group)

    def _deciding(self, conditions: MarketConditions) -> ScoringModel:
        closed_at_ms = conditions.candle_at_ms + conditions.timeframe.ms
        return self._champions.usable(ModelScope(self._kind, conditions.timeframe), closed_at_ms)


def _lacking(scope: ModelScope, champions: Sequence[ModelEntry]) -> str:
    """The reason in words: no model of this scope, and the scopes of the other champions."""
    others = ", ".join(f"the {each.state} model {each.id} was trained on {each.scope}" for each in champions)
    return f"no learned model for {scope}: {others}" if others else "no learned model"


def _document(loaded: _Loaded) -> Document:
    entry, error = loaded.entry, loaded.error
    return {
        "id": entry.id,
        "state": entry.state.value,
        "kind": entry.kind,
        "timeframe": entry.timeframe,
        "usable": error is None,
        "message": str(error) if error else None,
        "hint": error.hint if error else None,
    }
