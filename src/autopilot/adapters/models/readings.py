"""Which models this installation has read, as the audit log records it, and the first reading of the others."""

from __future__ import annotations

from collections.abc import Sequence

from autopilot.adapters.models.first_reading import library, read_elsewhere
from autopilot.adapters.models.identity import inputs_of
from autopilot.adapters.store.audit import AuditedStore, AuditTrail
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.model_proof import read_body, was_read
from autopilot.domain.audit import AuditKind
from autopilot.domain.document_types import Document
from autopilot.domain.model_state import ModelEntry


class FirstReadings(AuditedStore):
    """``reader``: the program that reads a model before this process does. A reading counts for one digest and one
    version of the library. Without ``audit`` it is forgotten. Methods raise StoreError."""

    def __init__(self, database: Database, audit: AuditTrail | None, reader: Sequence[str]) -> None:
        super().__init__(database, audit)
        self._reader = reader
        self._library = library()

    def has(self, entry: ModelEntry) -> bool:
        """Whether the files of ``entry`` were read."""
        return was_read(self._database, entry.id, entry.sha256, self._library)

    async def read(self, entry: ModelEntry, text: str, card: Document) -> None:
        """Let another process read the model, unless one has; ``text`` and ``card`` are its files. Raises ModelError
        if the model cannot be read."""
        if not self.has(entry):
            await read_elsewhere(entry.id, text, inputs_of(card), self._reader)
            self.record(entry)

    def record(self, entry: ModelEntry) -> None:
        """A process that may end by it has read the files of ``entry``."""
        if self._audit:
            with self._database.transaction(durable=True) as connection:
                self._audit.append(connection, AuditKind.MODEL, read_body(entry.id, entry.sha256, self._library))
