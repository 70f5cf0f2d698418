"""Trained models and their history in SQLite."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from autopilot.adapters.store.audit import AuditedStore
from autopilot.adapters.store.rows import insert, to_row
from autopilot.domain.audit import AuditKind
from autopilot.domain.errors import NotFound
from autopilot.domain.model_state import ModelChange, ModelEntry, ModelEvent, ModelState

_REGISTER = (
    insert("models", ModelEntry) + " ON CONFLICT (id) DO UPDATE SET state = excluded.state, schema = excluded.schema,"
    " sha256 = excluded.sha256, verdict = excluded.verdict, note = excluded.note"
)


class SqliteModels(AuditedStore):
    """Trained models, at most one of them champion, and their history; the models themselves are files.

    Every method is one transaction, shared by processes, and raises StoreError; those that name a model raise NotFound.
    With ``audit``, each line of the history is recorded there too, in the same transaction.
    """

    def register(self, entry: ModelEntry) -> None:
        """Keep a trained model; it does not become champion. The same id again (the same training makes the same model)
        updates state, schema, sha256, verdict and note, and a change of state goes into the history. A champion that
        abstains stays so: results after its training spoke against it."""
        with self._database.transaction(durable=True) as connection:
            before = connection.execute("SELECT * FROM models WHERE id = ?", (entry.id,)).fetchone()
            if before and before["is_champion"] and before["state"] == ModelState.ABSTAINING:
                entry = replace(entry, state=ModelState.ABSTAINING, note=before["note"])
            connection.execute(_REGISTER, {**to_row(entry), "is_champion": 0, "retired_at_ms": None})
            if before and before["state"] != entry.state:
                self._record_state(connection, entry.id, entry.state, "trained again", entry.created_at_ms)

    def entries(self) -> tuple[ModelEntry, ...]:
        """The newest first."""
        return self._all(ModelEntry, "SELECT * FROM models ORDER BY created_at_ms DESC, rowid DESC")

    def champion(self) -> ModelEntry | None:
        """The model that decides; None if rules do."""
        return self._first(ModelEntry, "SELECT * FROM models WHERE is_champion = 1")

    def promote(self, model_id: str, now_ms: int, reason: str, event: ModelEvent = ModelEvent.PROMOTED) -> None:
        """Make this model champion, if it is not already. ``event``: ROLLED_BACK if an earlier champion returns."""
        with self._database.transaction(durable=True) as connection:
            _require(connection, model_id)
            previous_id = _champion_id(connection)
            if previous_id == model_id:
                return
            _retire(connection, now_ms)
            connection.execute("UPDATE models SET is_champion = 1, retired_at_ms = NULL WHERE id = ?", (model_id,))
            self._record(connection, ModelChange(now_ms, event, model_id, previous_id, reason))

    def set_state(self, model_id: str, state: ModelState, note: str, now_ms: int) -> None:
        """Whether it is champion stays as it is. A change of state goes into the history."""
        with self._database.transaction(durable=True) as connection:
            before = _require(connection, model_id)
            connection.execute("UPDATE models SET state = ?, note = ? WHERE id = ?", (state.value, note, model_id))
            if before["state"] != state.value:
                self._record_state(connection, model_id, state, note, now_ms)

    def demote_champion(self, now_ms: int, reason: str, event: ModelEvent = ModelEvent.ROLLED_BACK) -> None:
        """Let rules decide. If they do already, only a RESET goes into the history."""
        with self._database.transaction(durable=True) as connection:
            previous_id = _champion_id(connection)
            if previous_id is None and event is not ModelEvent.RESET:
                return
            _retire(connection, now_ms)
            self._record(connection, ModelChange(now_ms, event, None, previous_id, reason))

    def forget(self, model_id: str) -> None:
        """Delete the model. Its history stays."""
        with self._database.transaction(durable=True) as connection:
            _require(connection, model_id)
            connection.execute("DELETE FROM models WHERE id = ?", (model_id,))

    def history(self, limit: int) -> tuple[ModelChange, ...]:
        """The latest first. It is never shortened."""
        return self._all(ModelChange, "SELECT * FROM model_history ORDER BY id DESC LIMIT ?", (limit,))

    def trials(self) -> int:
        """How many trainings were ever begun, resets included: the deflated Sharpe ratio pays for them."""
        row = self._database.row("SELECT trials FROM training_trials")
        return 0 if row is None else int(row[0])

    def count_trial(self) -> int:
        """Count one more training; returns how many there are now."""
        with self._database.transaction(durable=True) as connection:
            connection.execute(
                "INSERT INTO training_trials VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET trials = trials + 1"
            )
            return int(connection.execute("SELECT trials FROM training_trials").fetchone()[0])

    def _record_state(
        self, connection: sqlite3.Connection, model_id: str, state: ModelState, note: str, now_ms: int
    ) -> None:
        reason = f"{state}: {note}" if note else state.value
        self._record(connection, ModelChange(now_ms, ModelEvent.STATE, model_id, model_id, reason))

    def _record(self, connection: sqlite3.Connection, change: ModelChange) -> None:
        row = to_row(change)
        connection.execute(insert("model_history", ModelChange), row)
        if self._audit:
            self._audit.append(connection, AuditKind.MODEL, row)


def _require(connection: sqlite3.Connection, model_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute("SELECT * FROM models WHERE id = ?", (model_id,)).fetchone()
    if row is None:
        raise NotFound(f"there is no model {model_id!r}", hint="autopilot models list shows them with their ids")
    return row


def _champion_id(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("SELECT id FROM models WHERE is_champion = 1").fetchone()
    return None if row is None else str(row["id"])


def _retire(connection: sqlite3.Connection, now_ms: int) -> None:
    connection.execute("UPDATE models SET is_champion = 0, retired_at_ms = ? WHERE is_champion = 1", (now_ms,))
