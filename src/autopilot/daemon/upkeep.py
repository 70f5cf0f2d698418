"""The upkeep of the database: the ballast, its size, old decisions, and rows of an earlier version."""

from __future__ import annotations

import asyncio
import logging
import threading

from autopilot.adapters.store.compaction import compact_rows
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.retention import prune_decisions
from autopilot.adapters.store.sizes import SqliteSizes
from autopilot.adapters.store.views.storage import plain_rows
from autopilot.daemon.scheduler import JobScheduler
from autopilot.domain.errors import StoreError
from autopilot.ports.clock import Clock

LOOK_EVERY_S = 30.0
PRUNE_EVERY_S = 3600.0
PAUSE_S = 0.1
"""Between two steps of a pruning or compaction, each of which takes a fraction of it."""

log = logging.getLogger(__name__)


class Upkeep:
    """``clock``: the machine's time. ``keep_days``: the age from which decisions are deleted; 0: never."""

    def __init__(self, database: Database, clock: Clock, keep_days: int) -> None:
        self._database = database
        self._sizes = SqliteSizes(database)
        self._clock = clock
        self._keep_days = keep_days
        self._closing = threading.Event()

    def schedule(self, scheduler: JobScheduler) -> None:
        """Add the jobs."""
        scheduler.add("upkeep", self.look, LOOK_EVERY_S)
        if self._keep_days:
            scheduler.add("pruning", self.prune, PRUNE_EVERY_S)
        scheduler.add("compaction", self.compact, PRUNE_EVERY_S)

    async def look(self) -> None:
        """Make the ballast again when there is room, and note the size. Errors are logged. A lock shows in the status
        from here on, even if nothing else is written for hours."""
        if not self._database.ballast.is_kept:
            await asyncio.to_thread(self._database.ballast.keep)
        if self._database.is_locked():
            return
        try:
            self._sizes.record(self._clock.now_ms())
        except StoreError as error:
            log.warning("the size of the database was not noted: %s", error)

    async def prune(self) -> None:
        """Delete old decisions in a thread, over a connection of its own. Errors are logged; the next run goes on."""
        try:
            deleted = await asyncio.to_thread(prune_decisions, self._database.path, self._keep_days, self._pause)
        except StoreError as error:
            log.warning("old decisions were not deleted: %s", error)
        else:
            if deleted:
                log.info("%d decisions older than %d days were deleted", deleted, self._keep_days)

    async def compact(self) -> None:
        """Make the rows of an earlier version compact in a thread, over a connection of its own. Errors are logged; the
        next run goes on."""
        try:
            waiting = sum(plain_rows(self._database.connection).values())
            if not waiting:
                return
            log.info("%d decisions and samples of an earlier version are made compact", waiting)
            done, left = await asyncio.to_thread(compact_rows, self._database.path, self._pause)
        except StoreError as error:
            log.warning("the decisions of an earlier version were not made compact: %s", error)
        else:
            log.info("%d decisions and samples were made compact, %d are left", done, left)

    async def close(self) -> None:
        """End a pruning or compaction under way after its present step."""
        self._closing.set()

    def _pause(self) -> bool:
        return not self._closing.wait(PAUSE_S)
