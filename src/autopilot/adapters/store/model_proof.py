"""Compares the rows of ``models`` with the audit log: whoever replaces a model's file and its digest in the table has
not edited the log. Standard library only: a query must answer at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from autopilot.adapters.json_text import json_object
from autopilot.adapters.store.database import Database
from autopilot.domain.audit import canonical
from autopilot.domain.document_types import Document


class ModelProof(StrEnum):
    """The event of an audit row of kind ``model`` that is not a line of the model history."""

    TRAINED = "trained"
    """A training stored the model."""
    ADOPTED = "adopted"
    """An upgrade found the model in a database of a version that did not record digests."""
    READ = "read"
    """A process of its own has read the model, with the library that ``reader`` names."""
    FORGOTTEN = "forgotten"
    """The model was deleted."""


@dataclass(frozen=True, slots=True)
class RecordedModel:
    """The latest entry of the log on a model: the digest of its files, and its state."""

    sha256: str
    state: str


# Canonical JSON has these texts in it where, and only where, a row is about this model and has these values.
_ABOUT = "SELECT body FROM audit WHERE kind = 'model' AND instr(body, ?)"
_LAST = f'{_ABOUT} AND (instr(body, \'"state":\') OR instr(body, \'"event":"forgotten"\')) ORDER BY seq DESC LIMIT 1'
_ADDED = """
    SELECT body FROM audit
    WHERE kind = 'model' AND (instr(body, '"event":"trained"') OR instr(body, '"event":"adopted"')) ORDER BY seq
"""
_READ = f'{_ABOUT} AND instr(body, \'"event":"read"\') AND instr(body, ?) AND instr(body, ?) LIMIT 1'


def recorded_model(database: Database, model_id: str) -> RecordedModel | None:
    """None if no training, upgrade or change of state recorded the model, or it was deleted. Raises StoreError."""
    row = database.row(_LAST, (_text(model_id=model_id),))
    body = json_object(row["body"]) if row else {}
    sha256, state = body.get("sha256"), body.get("state")
    return RecordedModel(sha256, state) if isinstance(sha256, str) and isinstance(state, str) else None


def was_read(database: Database, model_id: str, sha256: str, reader: str) -> bool:
    """Whether a process of its own has read these files with the library ``reader``. Raises StoreError."""
    return database.row(_READ, (_text(model_id=model_id), _text(sha256=sha256), _text(reader=reader))) is not None


def read_body(model_id: str, sha256: str, reader: str) -> Document:
    """The body of the row that `was_read` looks for."""
    return {"event": ModelProof.READ.value, "model_id": model_id, "sha256": sha256, "reader": reader}


def altered_models(database: Database) -> tuple[str, ...]:
    """The ids of the models whose digest or state differs from the audit log's, and of those that are missing although
    nothing in the log deleted them. Raises StoreError."""
    stored = {
        row["id"]: RecordedModel(row["sha256"], row["state"])
        for row in database.rows("SELECT id, sha256, state FROM models ORDER BY rowid")
    }
    ids = (json_object(row["body"]).get("model_id") for row in database.rows(_ADDED))
    known = dict.fromkeys([*stored, *(each for each in ids if isinstance(each, str))])
    return tuple(each for each in known if recorded_model(database, each) != stored.get(each))


def _text(**item: str) -> str:
    return canonical(item)[1:-1]
