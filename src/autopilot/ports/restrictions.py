"""Sources of restrictions: the user, an exchange that does not answer, books that differ."""

from __future__ import annotations

from typing import Protocol

from autopilot.domain.trading_mode import Restriction


class RestrictionSource(Protocol):
    """Consulted before every order, so it must answer at once and from the current state."""

    def restrictions(self, account: str) -> tuple[Restriction, ...]:
        """The restrictions in force for this account (for example ``live:kraken``), if any. Raises StoreError."""
