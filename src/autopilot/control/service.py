"""What the daemon can be asked, as the server sees it. Every method raises AutopilotError and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from autopilot.control.requests import ListQuery, StartRequest, StopRequest
from autopilot.domain.documents import Document
from autopilot.engine.events import Event


class ControlService(Protocol):
    """Answers are JSON documents; lists come newest first."""

    def health(self) -> Document:
        """At once and without the database."""
        ...

    async def start(self, request: StartRequest) -> Document: ...

    async def stop(self, request: StopRequest) -> Document: ...

    async def status(self, symbol: str | None) -> Document:
        """Raises NotFound when that symbol was never started."""
        ...

    async def decisions(self, query: ListQuery) -> Document: ...

    async def decision(self, ref: str) -> Document:
        """``ref``: a decision's id, or a symbol for its latest. Raises NotFound."""
        ...

    async def signals(self, query: ListQuery) -> Document: ...

    async def orders(self, query: ListQuery) -> Document: ...

    async def positions(self) -> Document: ...

    async def trades(self, query: ListQuery) -> Document: ...

    async def performance(self, query: ListQuery) -> Document: ...

    async def summary(self) -> Document: ...

    def subscribe(self, after: int | None) -> AsyncIterator[Event]:
        """Events after number ``after`` (None: from now on), without end."""
        ...
