"""The audit log as a process of the product writes it, for stores that tests open by themselves."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from autopilot.adapters.audit_head import HEAD_NAME, Anchor
from autopilot.adapters.clock import WallClock
from autopilot.adapters.store.audit import AuditTrail, advanced


def trail_of(database: Path) -> AuditTrail:
    """The log of this database. Its anchor follows after a second, as that of a killed process does not."""
    return AuditTrail(Anchor(database.with_name(HEAD_NAME), partial(advanced, database)), "a test", WallClock().now_ms)
