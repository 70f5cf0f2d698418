"""Every restriction of an account, from all sources."""

from __future__ import annotations

from autopilot.domain.trading_mode import Restriction
from autopilot.ports.restrictions import RestrictionSource


class Restrictions(RestrictionSource):
    """Joins other sources; without any it never restricts."""

    def __init__(self, *sources: RestrictionSource) -> None:
        self._sources = sources

    def restrictions(self, account: str) -> tuple[Restriction, ...]:
        """The strictest first."""
        found = [each for source in self._sources for each in source.restrictions(account)]
        return tuple(sorted(found, key=lambda each: -each.mode.strictness))
