"""The restriction of a full disk."""

from __future__ import annotations

from autopilot.adapters.store.ballast import Ballast
from autopilot.domain.trading_mode import DISK_FULL, Restriction, TradingMode
from autopilot.ports.restrictions import RestrictionSource


class FullDisk(RestrictionSource):
    """Nothing is bought while the ballast is released: the space that is left is for exits."""

    def __init__(self, ballast: Ballast) -> None:
        self._ballast = ballast

    def restrictions(self, account: str) -> tuple[Restriction, ...]:  # noqa: ARG002 - one disk
        since_ms = self._ballast.released_at_ms
        if since_ms is None:
            return ()
        detail = "the disk is full; exits are stored in the space that was kept for them"
        hint = "make room on the disk: entries go on within a minute"
        return (Restriction(DISK_FULL, TradingMode.REDUCING, detail, since_ms, hint),)
