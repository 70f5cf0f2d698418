"""The places that champions of an earlier version lost, in SQLite. The migration stores them."""

from __future__ import annotations

from autopilot.adapters.store.database import Store
from autopilot.adapters.store.models import SqliteModels
from autopilot.domain.model_state import LostPlace


class SqliteLostPlaces(Store):
    """Methods raise StoreError."""

    def every(self) -> tuple[LostPlace, ...]:
        """Also those that another champion has now."""
        return self._all(LostPlace, "SELECT * FROM lost_places ORDER BY rowid")

    def vacant(self) -> tuple[LostPlace, ...]:
        """Those that have no other champion, and that no user has acknowledged."""
        scopes = {each.scope for each in SqliteModels(self._database).champions()}
        return tuple(
            each
            for each in self.every()
            if not each.acknowledged and (each.scope not in scopes if each.scope else not scopes)
        )
