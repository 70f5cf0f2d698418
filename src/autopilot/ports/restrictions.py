"""Who may hold an account back: the user, an exchange that does not answer, books that do not agree."""

from __future__ import annotations

from typing import Protocol

from autopilot.domain.trading_mode import Restriction


class RestrictionSource(Protocol):
    """Asked before every order, so it must answer at once and from what is true now."""

    def restrictions(self, account: str) -> tuple[Restriction, ...]:
        """Those in force for this account, ``live:kraken`` for one; none where it may do everything. Raises
        StoreError."""
        ...
