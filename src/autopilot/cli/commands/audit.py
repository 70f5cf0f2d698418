"""autopilot audit: the audit log."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.options import Before, Limit, Since, command_group, with_session
from autopilot.cli.render.audit import CANNOT_SHOW, audit_screen, verdict_screen
from autopilot.cli.render.pages import paged
from autopilot.cli.session import Session
from autopilot.domain.audit import AuditKind

app = command_group(help="Show the audit log, and verify that nobody changed it.")


@app.command()
@with_session
def show(
    session: Session,
    kind: Annotated[AuditKind | None, typer.Option("--kind", help="Only rows of this kind.")] = None,
    limit: Limit = 20,
    since: Since = None,
    before: Before = None,
) -> None:
    """List commands, decisions, orders and changes, the latest first. It works with and without a daemon."""
    from autopilot.adapters.store.audit import recent

    given = {"kind": kind, "limit": limit, "since_ms": since, "before": before}
    found = recent(session.paths.database, limit, kind, since, before)
    session.show(found, paged("audit", audit_screen, given, "audit show"))


@app.command()
@with_session
def verify(session: Session) -> int:
    """Look for rows that were edited, removed, moved or inserted, and for armings, trading modes and models that differ
    from the log.

    Exit code 1 when there are any.
    """
    from autopilot.adapters.audit_head import read_head
    from autopilot.adapters.store.audit import verify_all

    anchor = read_head(session.paths.audit_head)
    verdict = verify_all(session.paths.database, anchor)
    document = {
        "whole": verdict.is_whole,
        "rows": verdict.rows,
        "anchor": {"seq": anchor.seq, "hash": anchor.hash} if anchor else None,
        "since_anchor": verdict.since_anchor,
        "since_anchor_ms": verdict.since_anchor_ms,
        "fault": {"seq": verdict.fault.seq, "problem": verdict.fault.problem} if verdict.fault else None,
        "breaks": list(verdict.breaks),
        "altered": list(verdict.armings.altered),
        "altered_modes": list(verdict.modes.altered),
        "altered_models": list(verdict.models.altered),
        "checked": {
            "rows": verdict.rows,
            "armings": verdict.armings.count,
            "modes": verdict.modes.count,
            "models": verdict.models.count,
        },
        "cannot_show": list(CANNOT_SHOW),
    }
    return session.show(document, verdict_screen, is_done=verdict.is_whole)
