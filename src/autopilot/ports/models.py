"""Which models were trained, which of them decides, and how that came about. The models themselves are files."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from autopilot.domain.model_state import ModelState


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One trained model. ``schema``: the set of features it was trained on; ``sha256``: what its files must have;
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
    """What can happen to a model after it was trained."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    RESET = "reset"
    STATE = "state"
    """Its state changed, not whether it is champion."""


@dataclass(frozen=True, slots=True)
class ModelChange:
    """One line of the history. ``model_id``: the champion from then on, None when rules decide; ``previous_id``: the
    champion until then. For a change of state both are that model, and ``reason`` begins with the new state.
    """

    at_ms: int
    event: ModelEvent
    model_id: str | None
    previous_id: str | None
    reason: str


class ModelStore(Protocol):
    """At most one model is champion. Every method is one transaction, shared by processes, and raises StoreError; what
    names a model raises NotFound when there is none."""

    def register(self, entry: ModelEntry) -> None:
        """Keep a trained model; it does not become champion by this. The same id again (the same training makes the
        same model) renews state, schema, sha256, verdict and note, and leaves the rest; the history tells of another
        state. A champion that abstains goes on abstaining: it was what came after its training that spoke against it.
        """
        ...

    def entries(self) -> tuple[ModelEntry, ...]:
        """The newest first."""
        ...

    def champion(self) -> ModelEntry | None:
        """The model that decides, if one does."""
        ...

    def promote(self, model_id: str, now_ms: int, reason: str, event: ModelEvent = ModelEvent.PROMOTED) -> None:
        """This one and no other is champion. Nothing happens when it is champion already. ``event``: ROLLED_BACK when
        an earlier champion returns."""
        ...

    def set_state(self, model_id: str, state: ModelState, note: str, now_ms: int) -> None:
        """Whether it is champion is left as it is. The history tells of it when the state is another one."""
        ...

    def demote_champion(self, now_ms: int, reason: str, event: ModelEvent = ModelEvent.ROLLED_BACK) -> None:
        """Rules decide. Nothing happens when they do already, but that the history tells of a RESET."""
        ...

    def forget(self, model_id: str) -> None:
        """No such model any more; what the history tells of it stays."""
        ...

    def history(self, limit: int) -> tuple[ModelChange, ...]:
        """The latest first. Never shortened."""
        ...

    def trials(self) -> int:
        """How many trainings were ever begun, a reset notwithstanding: the deflated Sharpe ratio pays for them."""
        ...

    def count_trial(self) -> int:
        """One more; how many there are now."""
        ...
