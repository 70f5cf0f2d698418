"""What only the command line can get wrong.

AutopilotError
├── UsageProblem      options or arguments that make no sense
└── NothingDecided    there is no decision to explain yet
"""

from __future__ import annotations

from autopilot.domain.errors import AutopilotError


class UsageProblem(AutopilotError):
    """The command was called in a way that makes no sense."""


class NothingDecided(AutopilotError):
    """There is no decision to explain yet."""


class TrainingFailed(AutopilotError):
    """A training did not come to its end."""
