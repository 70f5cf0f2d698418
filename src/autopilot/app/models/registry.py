"""The user's operations on trained models: list, show, promote, roll back, reset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from autopilot.adapters.clock import WallClock
from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.models import SqliteModels
from autopilot.app.audit_log import audited
from autopilot.app.models.watch import model_drift
from autopilot.config.load import load
from autopilot.config.paths import Paths
from autopilot.control.errors import Conflict, SafetyRefused
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document
from autopilot.domain.errors import ModelError, NotFound
from autopilot.domain.model_state import ModelChange, ModelEntry, ModelEvent, ModelState
from autopilot.ports.clock import Clock

if TYPE_CHECKING:
    from autopilot.training.evidence.drift import Drift

HISTORY_SHOWN = 20
_ALL = 1_000_000
_PASSED = (ModelState.SHADOW, ModelState.LIVE)
_RULES = "the rule table decides from now on"
_MEANS = {
    ModelState.LIVE: "it decides on paper, and may decide about real money",
    ModelState.SHADOW: "it decides on paper; about real money it may not",
    ModelState.INSUFFICIENT: "it decides on paper, though too little was seen to judge it; about real money it may not",
    ModelState.ABSTAINING: "it abstains: while it is the champion the rule table decides, and says why",
}


class ModelRegistry:
    """``loaded`` returns the model that decides in this process, and whether it is usable; ``drift`` evaluates the
    decisions of a model since its training, given its id and card.

    Every method raises StoreError; those that name a model raise NotFound, and ModelError when its files are damaged.
    """

    def __init__(
        self,
        store: SqliteModels,
        files: ModelFiles,
        clock: Clock,
        drift: Callable[[str, Document], Drift],
        loaded: Callable[[], Document | None] = lambda: None,
    ) -> None:
        self._store = store
        self._files = files
        self._clock = clock
        self._drift = drift
        self.loaded = loaded

    def info(self, model_id: str | None = None) -> Document:
        """The card of a model with its present state and drift. Without an id: the champion, else the newest model."""
        return self.with_drift(self.card(model_id))

    def with_drift(self, card: Document) -> Document:
        """The card with the drift of its model. Callable in any thread, because it can take a second."""
        return card if card["id"] is None else {**card, "drift": document(self._drift(card["id"], card))}

    def card(self, model_id: str | None) -> Document:
        """As `info`, with None as drift."""
        around: Document = {"drift": None, "loaded": self.loaded()}
        entry = self._entry(model_id) if model_id else self._present()
        if entry is None:
            return {"id": None, "state": ModelState.UNTRAINED.value, **around}
        _, card = self._files.read(entry.id, entry.sha256)
        return {**document(entry), **card, "state": entry.state.value, **around}

    def list(self) -> Document:
        """``{"models": [ModelEntry…], "history": [ModelChange…]}``, the newest first.

        Each model has the ``exchange`` and ``timeframe`` of its card; null where the card cannot be read.
        """
        return {
            "models": [{**document(entry), **self._trained_on(entry)} for entry in self._store.entries()],
            "history": [document(change) for change in self._store.history(HISTORY_SHOWN)],
        }

    def promote(self, model_id: str, *, force: bool = False) -> Document:
        """Make the model champion. Raises SafetyRefused when the gate did not pass it, unless ``force`` is set."""
        entry = self._entry(model_id)
        self._files.read(entry.id, entry.sha256)
        if entry.state not in _PASSED and not force:
            raise SafetyRefused(
                f"model {entry.id} is {entry.state}, it did not pass its gate: {entry.verdict}",
                hint=f"autopilot model-info {entry.id} shows why; autopilot models promote {entry.id} --force does it",
            )
        before = self._store.champion()
        self._store.promote(entry.id, self._clock.now_ms(), "by hand, forced" if force else "by hand")
        return _changed(entry, before)

    def rollback(self) -> Document:
        """Make the previous champion champion again; if there is no previous one, let the rules decide.

        Raises Conflict when no model decides.
        """
        champion = self._store.champion()
        if champion is None:
            raise Conflict("no model decides: the rule table already does", hint="autopilot models list")
        now_ms, earlier = self._clock.now_ms(), self._earlier()
        if earlier is None:
            self._store.demote_champion(now_ms, "by hand", ModelEvent.ROLLED_BACK)
            return _changed(None, champion)
        try:
            self._files.read(earlier.id, earlier.sha256)
        except ModelError as damaged:
            raise ModelError(
                f"{damaged}; nothing was changed",
                hint="autopilot models promote another, or autopilot reset-model to let the rules decide",
            ) from damaged
        self._store.promote(earlier.id, now_ms, "by hand", ModelEvent.ROLLED_BACK)
        return _changed(earlier, champion)

    def reset(self) -> Document:
        """Delete all models. ``backup`` is the directory with copies of their files; None if there were no models."""
        entries = self._store.entries()
        now_ms = self._clock.now_ms()
        backup = self._files.backup(now_ms) if entries else None
        self._store.demote_champion(now_ms, "by hand", ModelEvent.RESET)
        for entry in entries:
            self._store.forget(entry.id)
            self._files.remove(entry.id)
        return {"models": len(entries), "backup": backup and str(backup), "means": _RULES}

    def _trained_on(self, entry: ModelEntry) -> Document:
        card: Document = {}
        with suppress(ModelError):
            card = self._files.card(entry.id, entry.sha256)
        return {name: card.get(name) for name in ("exchange", "timeframe")}

    def _present(self) -> ModelEntry | None:
        return self._store.champion() or next(iter(self._store.entries()), None)

    def _entry(self, model_id: str) -> ModelEntry:
        entry = next((each for each in self._store.entries() if each.id == model_id), None)
        if entry is None:
            raise NotFound(f"there is no model {model_id!r}", hint="autopilot models list shows them with their ids")
        return entry

    def _earlier(self) -> ModelEntry | None:
        """The latest champion before the present one that is still stored and does not abstain."""
        usable = {
            each.id: each
            for each in self._store.entries()
            if each.state is not ModelState.ABSTAINING and not each.is_champion
        }
        line = champions(tuple(reversed(self._store.history(_ALL))))
        return next((usable[model_id] for model_id in reversed(line[:-1]) if model_id in usable), None)


def champions(history: Sequence[ModelChange]) -> tuple[str, ...]:
    """The champions in the order of their succession, the present one last. A rollback goes back along this line, so
    that a second one does not undo the first.

    ``history``: the oldest first.
    """
    line: list[str] = []
    for change in history:
        match change.event:
            case ModelEvent.STATE:
                continue
            case ModelEvent.PROMOTED if change.model_id and change.previous_id:
                line.append(change.model_id)
            case ModelEvent.ROLLED_BACK if change.model_id in line[:-1]:
                line.pop()
                while line[-1] != change.model_id:
                    line.pop()
            case _:
                line = [change.model_id] if change.model_id else []
    return tuple(line)


@contextmanager
def open_registry(paths: Paths) -> Iterator[ModelRegistry]:
    """The registry without a daemon. Without a database, a temporary empty one is used, so that nothing is created.

    Raises StoreError.
    """
    with TemporaryDirectory(prefix="autopilot-") as nowhere:
        file = paths.database if paths.database.exists() else Path(nowhere) / paths.database.name
        with (
            closing(open_database(file)) as database,
            audited(database, file.with_name(paths.audit_head.name)) as trail,
        ):
            drift = partial(model_drift, file, load(paths).config.acting())
            yield ModelRegistry(SqliteModels(database, trail), ModelFiles(paths.models_dir), WallClock(), drift)


def _changed(champion: ModelEntry | None, before: ModelEntry | None) -> Document:
    return {
        "champion": champion and champion.id,
        "state": champion and champion.state.value,
        "previous": before and before.id,
        "means": _MEANS[champion.state] if champion else _RULES,
    }
