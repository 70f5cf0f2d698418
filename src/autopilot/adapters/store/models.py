"""Trained models and their history in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from autopilot.adapters.models.files import RETRAIN
from autopilot.adapters.store.audit import AuditedStore
from autopilot.adapters.store.model_proof import ModelProof, RecordedModel, altered_models, recorded_model
from autopilot.adapters.store.rows import from_row, insert, to_row
from autopilot.domain.audit import AuditKind
from autopilot.domain.errors import ModelDamaged, ModelError, NotFound
from autopilot.domain.model_state import ModelChange, ModelEntry, ModelEvent, ModelScope, ModelState
from autopilot.domain.suggestion import did_you_mean

_REGISTER = (
    insert("models", ModelEntry) + " ON CONFLICT (id) DO UPDATE SET state = excluded.state, schema = excluded.schema,"
    " sha256 = excluded.sha256, verdict = excluded.verdict, note = excluded.note, kind = excluded.kind,"
    " timeframe = excluded.timeframe"
)
_OF_SCOPE = "kind = ? AND timeframe = ?"
_CHAMPIONS = "SELECT * FROM models WHERE is_champion = 1"


class SqliteModels(AuditedStore):
    """Trained models, at most one champion for each scope, and their history; the models themselves are files.

    Every method is one transaction, shared by processes, and raises StoreError; those that name a model raise NotFound.
    Each line of the history, the digests of trained models and their states are recorded in ``audit`` too, in the same
    transaction. Without ``audit`` it only reads.
    """

    def register(self, entry: ModelEntry) -> None:
        """Keep a trained model; it does not become champion. The same id again (the same training makes the same model)
        updates everything but its time and its place, and a change of state goes into the history. A champion that
        abstains stays so: results after its training spoke against it."""
        with self._database.transaction(durable=True) as connection:
            before = connection.execute("SELECT * FROM models WHERE id = ?", (entry.id,)).fetchone()
            if before and before["is_champion"] and before["state"] == ModelState.ABSTAINING:
                entry = replace(entry, state=ModelState.ABSTAINING, note=before["note"])
            connection.execute(_REGISTER, {**to_row(entry), "is_champion": 0, "retired_at_ms": None})
            if self._audit:
                proof = {"model_id": entry.id, "sha256": entry.sha256, "state": entry.state.value}
                self._audit.append(connection, AuditKind.MODEL, {"event": ModelProof.TRAINED.value, **proof})
            if before and before["state"] != entry.state:
                self._record_state(connection, entry, "trained again", entry.created_at_ms)

    def proven_sha256(self, entry: ModelEntry) -> str:
        """The digest of the model's files. Raises ModelDamaged if the digest or the state of ``entry`` differs from the
        audit log's."""
        recorded = recorded_model(self._database, entry.id)
        if recorded == RecordedModel(entry.sha256, entry.state):
            return entry.sha256
        of = "its digest" if recorded is None or recorded.sha256 != entry.sha256 else "its state"
        raise ModelDamaged(
            f"model {entry.id} does not match the audit log: {of} in the database is not the recorded one",
            hint=f"autopilot audit show --kind model shows it; {RETRAIN}",
        )

    def entries(self) -> tuple[ModelEntry, ...]:
        """The newest first."""
        return self._all(ModelEntry, "SELECT * FROM models ORDER BY created_at_ms DESC, rowid DESC")

    def champions(self) -> tuple[ModelEntry, ...]:
        """The models that decide, those of real candles first."""
        sql = f"{_CHAMPIONS} ORDER BY kind, timeframe"
        return self._database.settled(sql, lambda: self._all(ModelEntry, sql))

    def champion(self, scope: ModelScope) -> ModelEntry | None:
        """The champion of a scope; None without one: then rules decide."""
        return self._first(ModelEntry, f"{_CHAMPIONS} AND {_OF_SCOPE}", _key(scope))

    def promote(self, model_id: str, now_ms: int, reason: str, event: ModelEvent = ModelEvent.PROMOTED) -> None:
        """Make this model champion of its scope, if it is not already. ``event``: ROLLED_BACK if an earlier champion
        returns. Raises ModelError if its scope is not known."""
        with self._database.transaction(durable=True) as connection:
            entry = _require(connection, model_id)
            if entry.scope is None:
                raise ModelError(
                    f"nothing says what candles model {model_id} was trained on, so it cannot decide about any",
                    hint="train a new one with: autopilot retrain",
                )
            previous_id = _champion_id(connection, entry.scope)
            if previous_id == model_id:
                return
            _retire(connection, now_ms, entry.scope)
            connection.execute("UPDATE models SET is_champion = 1, retired_at_ms = NULL WHERE id = ?", (model_id,))
            change = ModelChange(now_ms, event, model_id, previous_id, reason, entry.kind, entry.timeframe)
            self._record(connection, change)

    def set_state(self, model_id: str, state: ModelState, note: str, now_ms: int) -> None:
        """Whether it is champion stays as it is. A change of state goes into the history. Raises ModelDamaged as
        `proven_sha256` does."""
        with self._database.transaction(durable=True) as connection:
            before = _require(connection, model_id)
            if self._audit:
                self.proven_sha256(before)
            connection.execute("UPDATE models SET state = ?, note = ? WHERE id = ?", (state.value, note, model_id))
            if before.state is not state:
                self._record_state(connection, replace(before, state=state), note, now_ms)

    def demote(self, scope: ModelScope, now_ms: int, reason: str) -> None:
        """Let rules decide about such candles. A lost place is acknowledged by that. If rules decide already, nothing
        goes into the history."""
        with self._database.transaction(durable=True) as connection:
            previous_id = _champion_id(connection, scope)
            connection.execute(
                "UPDATE lost_places SET acknowledged = 1 WHERE kind IS NULL OR (kind = ? AND timeframe = ?)",
                _key(scope),
            )
            if previous_id is not None:
                _retire(connection, now_ms, scope)
                change = ModelChange(
                    now_ms, ModelEvent.ROLLED_BACK, None, previous_id, reason, scope.kind, scope.timeframe
                )
                self._record(connection, change)

    def reset(self, now_ms: int, reason: str) -> None:
        """Let rules decide about all candles. Every lost place is acknowledged by that, and every model that is missing
        from the database. Recorded if a model exists."""
        with self._database.transaction(durable=True) as connection:
            models = connection.execute("SELECT id, is_champion FROM models ORDER BY rowid").fetchall()
            champions = [row["id"] for row in models if row["is_champion"]]
            connection.execute("UPDATE models SET is_champion = 0, retired_at_ms = ? WHERE is_champion = 1", (now_ms,))
            connection.execute("UPDATE lost_places SET acknowledged = 1")
            for previous_id in champions or [None] * bool(models):
                change = ModelChange(now_ms, ModelEvent.RESET, None, previous_id, reason, None, None)
                self._record(connection, change)
            for model_id in set(altered_models(self._database)) - {row["id"] for row in models}:
                self._record_forgotten(connection, model_id)

    def forget(self, model_id: str) -> None:
        """Delete the model. Its history stays."""
        with self._database.transaction(durable=True) as connection:
            _require(connection, model_id)
            connection.execute("DELETE FROM models WHERE id = ?", (model_id,))
            self._record_forgotten(connection, model_id)

    def history(self, limit: int) -> tuple[ModelChange, ...]:
        """The latest first. It is never shortened."""
        return self._all(ModelChange, "SELECT * FROM model_history ORDER BY id DESC LIMIT ?", (limit,))

    def _record_state(self, connection: sqlite3.Connection, entry: ModelEntry, note: str, now_ms: int) -> None:
        reason = f"{entry.state}: {note}" if note else entry.state.value
        change = ModelChange(now_ms, ModelEvent.STATE, entry.id, entry.id, reason, entry.kind, entry.timeframe)
        self._record(connection, change, sha256=entry.sha256, state=entry.state.value)

    def _record_forgotten(self, connection: sqlite3.Connection, model_id: str) -> None:
        if self._audit:
            body = {"event": ModelProof.FORGOTTEN.value, "model_id": model_id}
            self._audit.append(connection, AuditKind.MODEL, body)

    def _record(self, connection: sqlite3.Connection, change: ModelChange, **proof: str) -> None:
        """``proof``: more values for the audit row."""
        row = to_row(change)
        connection.execute(insert("model_history", ModelChange), row)
        if self._audit:
            self._audit.append(connection, AuditKind.MODEL, {**row, **proof})


def _key(scope: ModelScope) -> tuple[str, str]:
    return scope.kind.value, scope.timeframe.value


def _require(connection: sqlite3.Connection, model_id: str) -> ModelEntry:
    row: sqlite3.Row | None = connection.execute("SELECT * FROM models WHERE id = ?", (model_id,)).fetchone()
    if row is None:
        raise no_model(model_id, [each["id"] for each in connection.execute("SELECT id FROM models")])
    return from_row(ModelEntry, row)


def no_model(model_id: str, known: Sequence[str]) -> NotFound:
    hint = f"{did_you_mean(model_id, known)} autopilot models list shows them with their ids".strip()
    return NotFound(f"there is no model {model_id!r}", hint=hint)


def _champion_id(connection: sqlite3.Connection, scope: ModelScope) -> str | None:
    row = connection.execute(f"{_CHAMPIONS} AND {_OF_SCOPE}", _key(scope)).fetchone()
    return None if row is None else str(row["id"])


def _retire(connection: sqlite3.Connection, now_ms: int, scope: ModelScope) -> None:
    connection.execute(
        f"UPDATE models SET is_champion = 0, retired_at_ms = ? WHERE is_champion = 1 AND {_OF_SCOPE}",
        (now_ms, *_key(scope)),
    )
