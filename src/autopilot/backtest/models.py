"""The models of a walk forward: each decides only what came after everything that it was trained on."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.domain.model_state import ModelState


@dataclass(frozen=True, slots=True, eq=False)
class DecidingModel:
    """One model, and the span [from_ms, until_ms) of closes that it decides."""

    id: str
    state: ModelState
    from_ms: int
    until_ms: int
    novelty_limit: float
