"""The published events, kept for a test to look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autopilot.domain.documents import document
from autopilot.ports.observer import EventSink


@dataclass
class FakeEventSink(EventSink):
    _events: list[tuple[str, object, dict[str, object]]] = field(default_factory=list)

    def publish(self, kind: str, subject: object, **more: object) -> None:
        self._events.append((kind, subject, more))

    @property
    def published(self) -> list[tuple[str, dict[str, Any]]]:
        """(kind, body) of each event."""
        return [(kind, document(subject) | document(more)) for kind, subject, more in self._events]

    def count(self, kind: str) -> int:
        return sum(1 for published, _ in self.published if published == kind)

    def modes(self) -> list[tuple[str, str, str]]:
        """(code, previous, mode) of each published change of a trading mode."""
        changes = [body for kind, body in self.published if kind == "mode"]
        return [(body["code"], body["previous"], body["mode"]) for body in changes]
