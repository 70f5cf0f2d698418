"""autopilot model-info: a model's card."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.completion import complete_model
from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.model_access import with_models
from autopilot.cli.options import AsJson, Full
from autopilot.cli.render.models.info import model_info_screen
from autopilot.cli.session import Session, address


def model_info(
    context: typer.Context,
    model_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID", autocompletion=complete_model, help="A model's id. Default: the champion, else the newest."
        ),
    ] = None,
    full: Full = False,
    as_json: AsJson = False,
) -> int:
    """Show a model: its state, its evidence and its training data."""
    session = Session.of(context, as_json)
    path = address("model-info", id=model_id)
    document = with_models(session, lambda daemon: daemon.get(path), lambda registry: registry.info(model_id))
    session.output.show(document, model_info_screen(document, full=full))
    return ExitCode.DONE
