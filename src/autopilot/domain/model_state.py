"""What a learned model's evidence permits it to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from autopilot.domain.market import CandleKind
from autopilot.domain.timeframe import Timeframe


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
class ModelScope:
    """The candles that a model was trained on, and the only ones that it decides about. Each scope has a champion of
    its own, or none."""

    kind: CandleKind
    timeframe: Timeframe

    def __str__(self) -> str:
        return f"{self.kind} {self.timeframe} candles"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One trained model. ``schema``: the set of features it was trained on; ``sha256``: the digest of its files;
    ``verdict``: its card's sentence; ``retired_at_ms``: when it last ceased to be champion, None while it is or if it
    never was; ``note``: why it is in its state; ``kind`` and ``timeframe``: its scope, both None if its card does not
    say it.
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
    kind: CandleKind | None
    timeframe: Timeframe | None

    @property
    def scope(self) -> ModelScope | None:
        return scope_of(self.kind, self.timeframe)


class ModelEvent(StrEnum):
    """An event in the life of a trained model."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    RESET = "reset"
    STATE = "state"
    """Its state changed, not whether it is champion."""
    DISPLACED = "displaced"
    """It is no longer champion of candles that it was not trained on."""


@dataclass(frozen=True, slots=True)
class ModelChange:
    """One line of the history. ``model_id``: the champion from then on, None if rules decide; ``previous_id``: the
    champion until then. For a change of state both are that model, and ``reason`` begins with the new state. ``kind``
    and ``timeframe``: the scope, both None if it is not known or the change is one of all scopes.
    """

    at_ms: int
    event: ModelEvent
    model_id: str | None
    previous_id: str | None
    reason: str
    kind: CandleKind | None
    timeframe: Timeframe | None

    @property
    def scope(self) -> ModelScope | None:
        return scope_of(self.kind, self.timeframe)


@dataclass(frozen=True, slots=True)
class LostPlace:
    """A champion of an earlier version that no longer decides about candles that it was not trained on. ``kind`` and
    ``timeframe``: these candles, both None for all; ``why`` in words; ``at_ms``: the machine's time; ``acknowledged``:
    the user knows that the rule table decides there."""

    model_id: str
    kind: CandleKind | None
    timeframe: Timeframe | None
    why: str
    at_ms: int
    acknowledged: bool

    @property
    def scope(self) -> ModelScope | None:
        return scope_of(self.kind, self.timeframe)

    def __str__(self) -> str:
        about = self.scope or "any candles"
        return f"model {self.model_id} no longer decides about {about}: {self.why}; the rule table decides"


def scope_of(kind: CandleKind | None, timeframe: Timeframe | None) -> ModelScope | None:
    """The scope, None unless both are known."""
    return None if kind is None or timeframe is None else ModelScope(kind, timeframe)
