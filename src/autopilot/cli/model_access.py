"""Trained models, asked of the daemon where one runs, else looked up here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from autopilot.cli.session import Document, Session
from autopilot.control.client import ControlClient
from autopilot.control.errors import DaemonNotRunning

if TYPE_CHECKING:
    from autopilot.daemon.model_registry import ModelRegistry


def answered(
    session: Session, ask: Callable[[ControlClient], Document], do: Callable[[ModelRegistry], Document]
) -> Document:
    """A model's card is as true without a daemon as with one. Raises AutopilotError."""
    try:
        return ask(session.client())
    except DaemonNotRunning:
        from autopilot.daemon.model_registry import open_registry

        with open_registry(session.paths) as registry:
            return do(registry)
