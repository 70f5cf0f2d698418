"""Trained models: from the daemon if it runs, else from the data directory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from autopilot.cli.session import Session
from autopilot.control.client import ControlClient
from autopilot.control.errors import DaemonNotRunning
from autopilot.domain.document_types import Document

if TYPE_CHECKING:
    from autopilot.app.models.registry import ModelRegistry


def with_models(
    session: Session, ask: Callable[[ControlClient], Document], do: Callable[[ModelRegistry], Document]
) -> Document:
    """A document about models, by ``ask`` with a daemon, by ``do`` without one. Raises AutopilotError."""
    try:
        return ask(session.client())
    except DaemonNotRunning:
        from autopilot.app.models.registry import open_registry

        with open_registry(session.paths) as registry:
            return do(registry)
