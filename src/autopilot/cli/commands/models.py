"""autopilot models: all trained models, and which of them decides."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.completion import complete_model
from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.model_access import with_models
from autopilot.cli.options import AsJson, Full
from autopilot.cli.render.models.diff import model_diff_screen
from autopilot.cli.render.models.info import model_info_screen
from autopilot.cli.render.models.listing import changed_screen, models_screen
from autopilot.cli.session import Session, address
from autopilot.cli.shell import command_group
from autopilot.domain.document_types import Document

app = command_group(help="List, compare, promote and roll back models.")
ModelId = Annotated[
    str, typer.Argument(metavar="ID", autocompletion=complete_model, help="A model's id, from models list.")
]


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> int:
    """List all models, the newest first, and the changes of the champion."""
    session = Session.of(context, as_json)
    document = with_models(session, lambda daemon: daemon.get(address("models")), lambda registry: registry.list())
    session.output.show(document, models_screen(document))
    return ExitCode.DONE


@app.command()
def show(context: typer.Context, model_id: ModelId, full: Full = False, as_json: AsJson = False) -> int:
    """Show a model's card, as model-info does."""
    session = Session.of(context, as_json)
    document = _card(session, model_id)
    session.output.show(document, model_info_screen(document, full=full))
    return ExitCode.DONE


@app.command()
def diff(
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", autocompletion=complete_model, help="One model's id.")],
    b: Annotated[str, typer.Argument(metavar="B", autocompletion=complete_model, help="Another model's id.")],
    as_json: AsJson = False,
) -> int:
    """Compare two models: data, figures, gate and features."""
    session = Session.of(context, as_json)
    one, other = _card(session, a), _card(session, b)
    session.output.show({"a": one, "b": other}, model_diff_screen(one, other))
    return ExitCode.DONE


@app.command()
def promote(
    context: typer.Context,
    model_id: ModelId,
    force: Annotated[
        bool, typer.Option("--force", help="Even if it failed the gate. It still cannot decide about real money.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Let this model decide from now on. Exit code 5 when it failed the gate."""
    session = Session.of(context, as_json)
    document = with_models(
        session,
        lambda daemon: daemon.post(address("models", model_id, "promote"), {"force": force}),
        lambda registry: registry.promote(model_id, force=force),
    )
    session.output.show(document, changed_screen(document))
    return ExitCode.DONE


@app.command()
def rollback(context: typer.Context, as_json: AsJson = False) -> int:
    """Go back to the previous champion or, if there was none, to the rule table."""
    session = Session.of(context, as_json)
    document = with_models(
        session, lambda daemon: daemon.post(address("models", "rollback")), lambda registry: registry.rollback()
    )
    session.output.show(document, changed_screen(document))
    return ExitCode.DONE


def _card(session: Session, model_id: str) -> Document:
    return with_models(
        session, lambda daemon: daemon.get(address("models", model_id)), lambda registry: registry.info(model_id)
    )
