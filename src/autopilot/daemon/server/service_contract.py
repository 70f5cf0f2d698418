"""What the daemon can be asked, as the server sees it. Every method raises AutopilotError and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from autopilot.control.peer import Peer
from autopilot.control.requests import (
    BootstrapRequest,
    ListQuery,
    ModeRequest,
    PanicRequest,
    PromoteRequest,
    ResumeRequest,
    RetrainRequest,
    StartRequest,
    StopRequest,
)
from autopilot.domain.document_types import Document
from autopilot.engine.events import Event


class ControlService(Protocol):
    """Answers are JSON documents; lists come newest first."""

    def health(self) -> Document:
        """At once and without the database."""
        ...

    def commanded(self, caller: Peer, command: str, asked: Document, result: str) -> None:
        """Told after each command, ``POST /api/autopilot/stop`` for one, whatever came of it: ``done``, or the code of
        the error. ``asked`` is the request as it was understood, empty where it was not."""
        ...

    async def start(self, request: StartRequest) -> Document: ...

    async def stop(self, request: StopRequest) -> Document: ...

    async def pause(self, request: ModeRequest, caller: Peer) -> Document: ...

    async def resume_trading(self, request: ResumeRequest, caller: Peer) -> Document:
        """Raises Conflict when one exchange is to resume while all are held back."""
        ...

    async def panic(self, request: PanicRequest, caller: Peer) -> Document: ...

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

    async def model_info(self, model_id: str | None) -> Document:
        """The card of that model, else of the one that decides. Raises NotFound."""
        ...

    async def models(self) -> Document: ...

    async def promote_model(self, model_id: str, request: PromoteRequest) -> Document:
        """Raises NotFound, SafetyRefused when its gate did not pass it."""
        ...

    async def rollback_model(self) -> Document: ...

    async def reset_models(self) -> Document: ...

    async def retrain(self, request: RetrainRequest) -> Document:
        """Begin a training. Raises Conflict when one is under way."""
        ...

    async def tasks(self) -> Document: ...

    async def task(self, task_id: str) -> Document:
        """Raises NotFound."""
        ...

    async def cancel_task(self, task_id: str) -> Document:
        """Raises NotFound."""
        ...

    async def bootstrap_config(self) -> Document: ...

    async def configure_bootstrap(self, request: BootstrapRequest) -> Document: ...

    def subscribe(self, after: int | None) -> AsyncIterator[Event]:
        """Events after number ``after`` (None: from now on), without end."""
        ...
