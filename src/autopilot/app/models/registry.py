"""The user's operations on trained models: list, show, promote, roll back, reset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from autopilot.adapters.clock import WallClock
from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.models.identity import trained_on
from autopilot.adapters.store.database import open_for_queries
from autopilot.adapters.store.lost_places import SqliteLostPlaces
from autopilot.adapters.store.models import SqliteModels, no_model
from autopilot.app.audit_log import audited
from autopilot.app.models.watch import model_drift
from autopilot.config.load import load
from autopilot.config.paths import Paths
from autopilot.control.errors import Conflict, RequestInvalid, SafetyRefused
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document
from autopilot.domain.errors import ModelError, NotFound
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelChange, ModelEntry, ModelEvent, ModelScope, ModelState, scope_of
from autopilot.domain.timeframe import Timeframe
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
_MEANS_SIMULATED = _MEANS | {
    ModelState.LIVE: "it decides about simulated candles only, never about real money",
    ModelState.SHADOW: "it decides about simulated candles only, never about real money",
}


class ModelRegistry:
    """``usual``: the candles that are meant where a command does not name any. ``drift`` evaluates the decisions of a
    model since its training, given its id, scope and card; ``loaded`` returns a `LoadedModelDocument` for each champion
    in this process.

    Every method raises StoreError; those that name a model raise NotFound, and ModelError when its files are damaged.
    """

    def __init__(
        self,
        store: SqliteModels,
        places: SqliteLostPlaces,
        files: ModelFiles,
        clock: Clock,
        usual: ModelScope,
        drift: Callable[[str, ModelScope | None, Document], Drift],
        loaded: Callable[[], Sequence[Document]] = tuple,
    ) -> None:
        self._store = store
        self._places = places
        self._files = files
        self._clock = clock
        self._usual = usual
        self._drift = drift
        self.loaded = loaded

    def info(
        self, model_id: str | None = None, kind: CandleKind | None = None, timeframe: Timeframe | None = None
    ) -> Document:
        """The card of a model with its present state and drift. Without an id: the champion of such candles. If none
        are named: that of the usual ones, else another one, else the newest model.

        Raises NotFound when there is no champion of the named candles, RequestInvalid when there are several.
        """
        return self.with_drift(self.card(model_id, kind, timeframe))

    def with_drift(self, card: Document) -> Document:
        """The card with the drift of its model. Callable in any thread, because it can take a second."""
        if card["id"] is None:
            return card
        scope = scope_of(card["kind"], card["timeframe"])
        return {**card, "drift": document(self._drift(card["id"], scope, card))}

    def card(
        self, model_id: str | None, kind: CandleKind | None = None, timeframe: Timeframe | None = None
    ) -> Document:
        """As `info`, with None as drift."""
        champions = self._store.champions()
        entry = self._entry(model_id) if model_id else self._asked_for(champions, kind, timeframe)
        around: Document = {"drift": None, "loaded": None, "champions": [_brief(each) for each in champions]}
        if entry is None:
            return {"id": None, "state": ModelState.UNTRAINED.value, **around}
        _, card = self._files.read(entry.id, self._store.proven_sha256(entry))
        own = {"state": entry.state.value, "kind": entry.kind, "timeframe": entry.timeframe or card.get("timeframe")}
        return {**document(entry), **card, **own, **around, "loaded": self._loaded_of(entry.scope)}

    def list(self) -> Document:
        """``{"models": [ModelEntry…], "history": [ModelChange…]}``, the newest first.

        Each model has the ``exchange`` of its card; null where the card cannot be read.
        """
        return {
            "models": [{**document(entry), "exchange": self._exchange(entry)} for entry in self._store.entries()],
            "history": [document(change) for change in self._store.history(HISTORY_SHOWN)],
        }

    def promote(self, model_id: str, *, force: bool = False) -> Document:
        """Make the model champion of its candles. Raises SafetyRefused when the gate did not pass it, unless ``force``
        is set."""
        entry = self._identified(self._entry(model_id))
        if entry.state not in _PASSED and not force:
            raise SafetyRefused(
                f"model {entry.id} is {entry.state}, it did not pass its gate: {entry.verdict}",
                hint=f"autopilot model-info {entry.id} shows why; autopilot models promote {entry.id} --force does it",
            )
        before = self._store.champion(entry.scope) if entry.scope else None
        self._store.promote(entry.id, self._clock.now_ms(), "by hand, forced" if force else "by hand")
        return _changed(entry.scope, entry, before.id if before else None)

    def rollback(self, kind: CandleKind | None = None, timeframe: Timeframe | None = None) -> Document:
        """Make the previous champion of such candles champion again; if there is no previous one, let the rules decide.
        Where a champion has lost its place, the rules decide already: it is acknowledged.

        Raises Conflict when no model decides, RequestInvalid when several do that match.
        """
        found = [each.scope for each in self._store.champions() if each.scope and _matches(each.scope, kind, timeframe)]
        if len(found) > 1:
            raise self._several(kind, timeframe, "autopilot models rollback")
        if not found:
            return self._acknowledged(kind, timeframe)
        (scope,) = found
        champion, now_ms, earlier = self._store.champion(scope), self._clock.now_ms(), self._earlier(scope)
        before = champion.id if champion else None
        if earlier is None:
            self._store.demote(scope, now_ms, "by hand")
            return _changed(scope, None, before)
        try:
            self._files.read(earlier.id, self._store.proven_sha256(earlier))
        except ModelError as damaged:
            raise ModelError(
                f"{damaged}; nothing was changed",
                hint="autopilot models promote another, or autopilot reset-model to let the rules decide",
            ) from damaged
        self._store.promote(earlier.id, now_ms, "by hand", ModelEvent.ROLLED_BACK)
        return _changed(scope, earlier, before)

    def reset(self) -> Document:
        """Delete all models. ``backup`` is the directory with copies of their files; None if there were no models."""
        entries = self._store.entries()
        now_ms = self._clock.now_ms()
        backup = self._files.backup(now_ms) if entries else None
        self._store.reset(now_ms, "by hand")
        for entry in entries:
            self._store.forget(entry.id)
            self._files.remove(entry.id)
        return {"models": len(entries), "backup": backup and str(backup), "means": _RULES}

    def _identified(self, entry: ModelEntry) -> ModelEntry:
        """The entry, whose files are whole. If its scope was not known because they were not, their card gives it."""
        _, card = self._files.read(entry.id, self._store.proven_sha256(entry))
        if entry.scope is None and (scope := trained_on(card)):
            entry = replace(entry, kind=scope.kind, timeframe=scope.timeframe)
            self._store.register(entry)
        return entry

    def _exchange(self, entry: ModelEntry) -> Any:
        with suppress(ModelError):
            return self._files.card(entry.id, entry.sha256).get("exchange")
        return None

    def _loaded_of(self, scope: ModelScope | None) -> Document | None:
        """The champion of such candles in this process."""
        wanted = scope and (scope.kind, scope.timeframe)
        return next((each for each in self.loaded() if (each["kind"], each["timeframe"]) == wanted), None)

    def _asked_for(
        self, champions: Sequence[ModelEntry], kind: CandleKind | None, timeframe: Timeframe | None
    ) -> ModelEntry | None:
        if kind is None and timeframe is None:
            usual = next((each for each in champions if each.scope == self._usual), None)
            return usual or next(iter([*champions, *self._store.entries()]), None)
        found = [each for each in champions if each.scope and _matches(each.scope, kind, timeframe)]
        if len(found) > 1:
            raise self._several(kind, timeframe, "autopilot model-info")
        if not found:
            raise NotFound(
                f"no model decides about {_words(kind, timeframe)}", hint="autopilot models list shows which decide"
            )
        return found[0]

    def _several(self, kind: CandleKind | None, timeframe: Timeframe | None, command: str) -> RequestInvalid:
        """The error that asks which of several champions is meant."""
        found = [each for each in self._store.champions() if each.scope and _matches(each.scope, kind, timeframe)]
        choices = ", ".join(f"{each.id} ({each.scope})" for each in found)
        scope = found[0].scope
        assert scope is not None
        return RequestInvalid(
            f"several models decide about {_words(kind, timeframe)}: {choices}",
            hint=f"say which, as in: {command} --kind {scope.kind} --timeframe {scope.timeframe}",
        )

    def _acknowledged(self, kind: CandleKind | None, timeframe: Timeframe | None) -> Document:
        """Acknowledge the lost places that match. Raises Conflict if there are none."""
        lost = [each for each in self._places.vacant() if each.scope is None or _matches(each.scope, kind, timeframe)]
        if not lost:
            about = f" about {_words(kind, timeframe)}" if kind or timeframe else ""
            raise Conflict(
                f"no model decides{about}: the rule table already does",
                hint="autopilot models list",
            )
        for each in lost:
            self._store.demote(each.scope or self._usual, self._clock.now_ms(), "by hand")
        return _changed(lost[0].scope, None, lost[0].model_id)

    def _entry(self, model_id: str) -> ModelEntry:
        entries = self._store.entries()
        entry = next((each for each in entries if each.id == model_id), None)
        if entry is None:
            raise no_model(model_id, [each.id for each in entries])
        return entry

    def _earlier(self, scope: ModelScope) -> ModelEntry | None:
        """The latest champion of such candles before the present one that is still stored and does not abstain."""
        usable = {
            each.id: each
            for each in self._store.entries()
            if each.scope == scope and each.state is not ModelState.ABSTAINING and not each.is_champion
        }
        history = reversed(self._store.history(_ALL))
        line = champions(tuple(change for change in history if change.scope in (scope, None)))
        return next((usable[model_id] for model_id in reversed(line[:-1]) if model_id in usable), None)


def champions(history: Sequence[ModelChange]) -> tuple[str, ...]:
    """The champions in the order of their succession, the present one last. A rollback goes back along this line, so
    that a second one does not undo the first.

    ``history``: that of one scope, the oldest first.
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
            open_for_queries(file) as database,
            audited(database, file.with_name(paths.audit_head.name)) as trail,
        ):
            config = load(paths).config
            drift = partial(model_drift, file, config.acting())
            store, files = SqliteModels(database, trail), ModelFiles(paths.models_dir)
            yield ModelRegistry(store, SqliteLostPlaces(database), files, WallClock(), config.scope(), drift)


def _matches(scope: ModelScope, kind: CandleKind | None, timeframe: Timeframe | None) -> bool:
    return kind in (None, scope.kind) and timeframe in (None, scope.timeframe)


def _words(kind: CandleKind | None, timeframe: Timeframe | None) -> str:
    """``real 1h candles``, as far as it is said."""
    return " ".join(word for word in (kind, timeframe, "candles") if word)


def _brief(champion: ModelEntry) -> Document:
    names = ("id", "state", "kind", "timeframe")
    return {name: value for name, value in document(champion).items() if name in names}


def _changed(scope: ModelScope | None, champion: ModelEntry | None, previous: str | None) -> Document:
    means = _MEANS_SIMULATED if scope and scope.kind is CandleKind.SIMULATED else _MEANS
    return {
        "champion": champion and champion.id,
        "state": champion and champion.state.value,
        "previous": previous,
        "means": means[champion.state] if champion else _RULES,
        "kind": scope and scope.kind.value,
        "timeframe": scope and scope.timeframe.value,
    }
