"""autopilot reset-model: forget all models, and begin with the rules again."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.model_access import with_models
from autopilot.cli.options import AsJson
from autopilot.cli.render.models.listing import reset_screen
from autopilot.cli.session import Session, address
from autopilot.control.errors import SafetyRefused

QUESTION = "Take all trained models out of use? A backup is kept, and the rule table decides from then on."


def reset_model(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> int:
    """Take all models out of use; the rule table decides again. Asks first, and keeps a backup."""
    session = Session.of(context, as_json)
    if not yes:
        if not sys.stdin.isatty():
            raise SafetyRefused("nothing was reset: there is no terminal to ask on", hint="autopilot reset-model --yes")
        if not typer.confirm(QUESTION, err=True):
            session.output.remark("nothing was changed")
            return ExitCode.FAILED
    document = with_models(session, lambda daemon: daemon.post(address("reset")), lambda registry: registry.reset())
    session.output.show(document, reset_screen(document))
    return ExitCode.DONE
