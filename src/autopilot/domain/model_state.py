"""What a learned model's evidence permits it to do."""

from __future__ import annotations

from enum import StrEnum


class ModelState(StrEnum):
    """The gate's verdict on a model, or what came after it."""

    UNTRAINED = "untrained"
    """There is no model; rules decide."""
    INSUFFICIENT = "insufficient"
    """Too few outcomes to judge it."""
    SHADOW = "shadow"
    """May decide on paper, not about real money."""
    LIVE = "live"
    """May decide about real money."""
    ABSTAINING = "abstaining"
    """What came since speaks against it; it decides nothing."""
