"""autopilot audit: the audit log."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson, Limit
from autopilot.cli.render.audit import audit_screen, verdict_screen
from autopilot.cli.session import Session
from autopilot.cli.shell import command_group
from autopilot.domain.audit import AuditKind

app = command_group(help="Show the audit log, and verify that nobody changed it.")


@app.command()
def show(
    context: typer.Context,
    kind: Annotated[AuditKind | None, typer.Option("--kind", help="Only rows of this kind.")] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> int:
    """List commands, decisions, orders and changes, the latest first. It works with and without a daemon."""
    from autopilot.adapters.store.audit import recent

    session = Session.of(context, as_json)
    document = recent(session.paths.database, limit, kind)
    session.output.show(document, audit_screen(document))
    return ExitCode.DONE


@app.command()
def verify(context: typer.Context, as_json: AsJson = False) -> int:
    """Look for rows that were edited, removed, moved or inserted, and for armings that differ from the log.

    Exit code 1 when there are any.
    """
    from autopilot.adapters.audit_head import read_head
    from autopilot.adapters.store.audit import verify_all

    session = Session.of(context, as_json)
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
        "altered": list(verdict.altered),
    }
    session.output.show(document, verdict_screen(document))
    return ExitCode.DONE if verdict.is_whole else ExitCode.FAILED
