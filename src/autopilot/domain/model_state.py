"""The states of a learned model: how far its evidence lets it decide."""

from __future__ import annotations

from enum import StrEnum


class ModelState(StrEnum):
    """The gate's verdict on a model, or a later change."""

    UNTRAINED = "untrained"
    """There is no model; rules decide."""
    INSUFFICIENT = "insufficient"
    """Too few outcomes to evaluate it."""
    SHADOW = "shadow"
    """May decide on paper, not about real money."""
    LIVE = "live"
    """May decide about real money."""
    ABSTAINING = "abstaining"
    """Later outcomes speak against it; it decides nothing."""
