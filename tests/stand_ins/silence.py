"""An EventSink to which nobody listens."""

from __future__ import annotations


class Silence:
    def publish(self, kind: str, subject: object, **more: object) -> None: ...
