"""autopilot models: all trained models, and which of them decides."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.model_access import with_models
from autopilot.cli.options import AsJson
from autopilot.cli.render.models.diff import model_diff_screen
from autopilot.cli.render.models.info import model_info_screen
from autopilot.cli.render.models.listing import changed_screen, models_screen
from autopilot.cli.session import Session, address
from autopilot.domain.document_types import Document

app = typer.Typer(help="All trained models, and which of them decides.", add_completion=False, rich_markup_mode=None)
ModelId = Annotated[str, typer.Argument(metavar="ID", help="As models list shows it.")]


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> int:
    """Every model that is kept, the newest first, and how the champion changed."""
    session = Session.of(context, as_json)
    document = with_models(session, lambda daemon: daemon.get(address("models")), lambda registry: registry.list())
    session.output.show(document, models_screen(document))
    return ExitCode.DONE


@app.command()
def show(context: typer.Context, model_id: ModelId, as_json: AsJson = False) -> int:
    """One model's card, as model-info shows it."""
    session = Session.of(context, as_json)
    document = _card(session, model_id)
    session.output.show(document, model_info_screen(document))
    return ExitCode.DONE


@app.command()
def diff(
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help="One model's id.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another's.")],
    as_json: AsJson = False,
) -> int:
    """Two cards side by side: data, figures, gate, and the features that gained or lost."""
    session = Session.of(context, as_json)
    one, other = _card(session, a), _card(session, b)
    session.output.show({"a": one, "b": other}, model_diff_screen(one, other))
    return ExitCode.DONE


@app.command()
def promote(
    context: typer.Context,
    model_id: ModelId,
    force: Annotated[
        bool, typer.Option("--force", help="Even if the gate did not pass it. Real money stays out of its reach.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Let this model decide from now on. Exit code 5 when its gate forbids it."""
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
    """Back to the champion before this one or, when there was none, to the rules."""
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
