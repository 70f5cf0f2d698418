"""The restriction of a full disk."""

from __future__ import annotations

from autopilot.adapters.store.ballast import BALLAST_BYTES, MARGIN_BYTES, Ballast
from autopilot.domain.trading_mode import DISK_FULL, Restriction, TradingMode
from autopilot.ports.restrictions import RestrictionSource


class FullDisk(RestrictionSource):
    """Nothing is bought unless the ballast is kept: the space that is left is for exits."""

    def __init__(self, ballast: Ballast) -> None:
        self._ballast = ballast

    def restrictions(self, account: str) -> tuple[Restriction, ...]:  # noqa: ARG002 - one disk
        if self._ballast.is_kept:
            return ()
        since_ms = self._ballast.released_at_ms
        detail = (
            f"the disk has no room for the {BALLAST_BYTES / 1e6:.0f} MB that are kept for exits"
            if since_ms is None
            else "the disk is full; exits are stored in the space that was kept for them"
        )
        needed = f"{(BALLAST_BYTES + MARGIN_BYTES) / 1e6:.0f} MB"
        hint = f"make room on the disk: entries go on within a minute after {needed} are free"
        return (Restriction(DISK_FULL, TradingMode.REDUCING, detail, since_ms or 0, hint),)
