"""The places that champions of an earlier version lost. Standard library only."""

from __future__ import annotations

from pathlib import Path

from autopilot.adapters.store.database import Database, open_readonly
from autopilot.adapters.store.lost_places import SqliteLostPlaces
from autopilot.domain.model_state import LostPlace


def vacant_places(database: Path) -> tuple[LostPlace, ...]:
    """Those that have no other champion, and that no user has acknowledged. Raises StoreError."""
    with open_readonly(database) as connection:
        return SqliteLostPlaces(Database(database, connection)).vacant()
