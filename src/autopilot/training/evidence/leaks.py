"""Proofs that no row knows the future, run inside every training: cut the future off, and nothing may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class LeakTest:
    """One proof's outcome, with its numbers; a failed one blocks promotion."""

    name: str
    passed: bool
    detail: str
