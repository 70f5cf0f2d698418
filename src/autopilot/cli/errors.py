"""Errors that only the command line raises; `domain.errors` draws the tree."""

from __future__ import annotations

from autopilot.domain.errors import AutopilotError, Kind


class UsageProblem(AutopilotError):
    """The command was called in a way that makes no sense."""

    kind = Kind.USAGE


class NothingDecided(AutopilotError):
    """There is no decision to explain yet."""

    kind = Kind.NOT_FOUND


class TrainingFailed(AutopilotError):
    """A training did not come to its end."""
