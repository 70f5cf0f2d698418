"""What a learned model's evidence permits it to do."""

from __future__ import annotations

from dataclasses import dataclass
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
    """What came since speaks against it; it decides nothing."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One trained model. ``schema``: the set of features it was trained on; ``sha256``: the digest of its files;
    ``verdict``: its card's sentence; ``retired_at_ms``: when it last ceased to be champion, None while it is or if it
    never was; ``note``: why it is in its state.
    """

    id: str
    created_at_ms: int
    state: ModelState
    schema: str
    sha256: str
    verdict: str
    is_champion: bool
    retired_at_ms: int | None
    note: str


class ModelEvent(StrEnum):
    """An event in the life of a trained model."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    RESET = "reset"
    STATE = "state"
    """Its state changed, not whether it is champion."""


@dataclass(frozen=True, slots=True)
class ModelChange:
    """One line of the history. ``model_id``: the champion from then on, None if rules decide; ``previous_id``: the
    champion until then. For a change of state both are that model, and ``reason`` begins with the new state.
    """

    at_ms: int
    event: ModelEvent
    model_id: str | None
    previous_id: str | None
    reason: str
