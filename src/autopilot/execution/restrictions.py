"""All that holds an account back, from wherever it comes."""

from __future__ import annotations

from autopilot.domain.trading_mode import Restriction
from autopilot.ports.restrictions import RestrictionSource


class Restrictions:
    """A RestrictionSource made of others; of none it never restricts."""

    def __init__(self, *sources: RestrictionSource) -> None:
        self._sources = sources

    def restrictions(self, account: str) -> tuple[Restriction, ...]:
        """The strictest first."""
        found = [each for source in self._sources for each in source.restrictions(account)]
        return tuple(sorted(found, key=lambda each: -each.mode.strictness))
