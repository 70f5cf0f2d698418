"""autopilot models, model-info and reset-model: the trained models, and which of them decides."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from autopilot.cli.errors import ExitCode
from autopilot.cli.options import (
    Full,
    Kind,
    OfTimeframe,
    Yes,
    command_group,
    complete_model,
    confirmed,
    with_session,
)
from autopilot.cli.render.models.screens import (
    changed_screen,
    model_diff_screen,
    model_info_screen,
    models_screen,
    reset_screen,
)
from autopilot.cli.session import Session, address
from autopilot.control.client import ControlClient
from autopilot.control.errors import DaemonNotRunning
from autopilot.domain.document_types import Document
from autopilot.domain.timeframe import Timeframe

if TYPE_CHECKING:
    from autopilot.app.models.registry import ModelRegistry

app = command_group(help="List, compare, promote and roll back models.")
QUESTION = "Take all trained models out of use? A backup is kept, and the rule table decides from then on."
ModelId = Annotated[
    str, typer.Argument(metavar="ID", autocompletion=complete_model, help="A model's id, from models list.")
]


@app.command("list")
@with_session
def list_(session: Session) -> None:
    """List all models, the newest first, and the changes of the champion."""
    document = _with_models(session, lambda daemon: daemon.get(address("models")), lambda registry: registry.list())
    session.show(document, models_screen)


@app.command()
@with_session
def show(session: Session, model_id: ModelId, full: Full = False) -> None:
    """Show a model's card, as model-info does."""
    session.show(_card(session, model_id), partial(model_info_screen, full=full))


@app.command()
@with_session
def diff(
    session: Session,
    a: Annotated[str, typer.Argument(metavar="A", autocompletion=complete_model, help="One model's id.")],
    b: Annotated[str, typer.Argument(metavar="B", autocompletion=complete_model, help="Another model's id.")],
) -> None:
    """Compare two models: data, figures, gate and features."""
    cards = {"a": _card(session, a), "b": _card(session, b)}
    session.show(cards, lambda both: model_diff_screen(both["a"], both["b"]))


@app.command()
@with_session
def promote(
    session: Session,
    model_id: ModelId,
    force: Annotated[
        bool, typer.Option("--force", help="Even if it failed the gate. It still cannot decide about real money.")
    ] = False,
) -> None:
    """Let this model decide about the candles that it was trained on. Exit code 5 when it failed the gate."""
    document = _changed(
        session,
        ("models promote", {"model": model_id, "force": force}),
        lambda daemon: daemon.post(address("models", model_id, "promote"), {"force": force}),
        lambda registry: registry.promote(model_id, force=force),
    )
    session.show(document, changed_screen)


@app.command()
@with_session
def rollback(session: Session, kind: Kind = None, timeframe: OfTimeframe = None) -> None:
    """Go back to the previous champion or, if there was none, to the rule table.

    Where there are several champions, say which one: real or simulated candles, and their timeframe.
    """
    wanted = Timeframe.parse(timeframe) if timeframe else None
    body = {name: value.value for name, value in (("kind", kind), ("timeframe", wanted)) if value is not None}
    document = _changed(
        session,
        ("models rollback", body),
        lambda daemon: daemon.post(address("models", "rollback"), body),
        lambda registry: registry.rollback(kind, wanted),
    )
    session.show(document, changed_screen)


@with_session
def model_info(
    session: Session,
    model_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID", autocompletion=complete_model, help="A model's id. Default: the champion, else the newest."
        ),
    ] = None,
    kind: Kind = None,
    timeframe: OfTimeframe = None,
    full: Full = False,
) -> None:
    """Show a model: its state, its evidence and its training data.

    By default it shows the champion for the configured exchange and timeframe, else another champion.
    """
    wanted = Timeframe.parse(timeframe) if timeframe else None
    path = address("model-info", model_id=model_id, kind=kind, timeframe=wanted)
    document = _with_models(
        session, lambda daemon: daemon.get(path), lambda registry: registry.info(model_id, kind, wanted)
    )
    session.show(document, partial(model_info_screen, full=full))


@with_session
def reset_model(session: Session, yes: Yes = False) -> int:
    """Take all models out of use; the rule table decides again. Asks first, and keeps a backup."""
    if not (yes or confirmed(session, QUESTION, refusal="nothing was reset", hint="autopilot reset-model --yes")):
        return ExitCode.FAILED
    document = _changed(
        session,
        ("reset-model", {}),
        lambda daemon: daemon.post(address("reset")),
        lambda registry: registry.reset(),
    )
    return session.show(document, reset_screen)


def _card(session: Session, model_id: str) -> Document:
    return _with_models(
        session, lambda daemon: daemon.get(address("models", model_id)), lambda registry: registry.info(model_id)
    )


def _changed(
    session: Session,
    command: tuple[str, Document],
    ask: Callable[[ControlClient], Document],
    do: Callable[[ModelRegistry], Document],
) -> Document:
    """As `_with_models`, for a change. ``command``: its name and its request, for the audit log."""

    def recorded(registry: ModelRegistry) -> Document:
        with session.recorded_change(*command):
            return do(registry)

    return _with_models(session, ask, recorded)


def _with_models(
    session: Session, ask: Callable[[ControlClient], Document], do: Callable[[ModelRegistry], Document]
) -> Document:
    """A document about models, by ``ask`` with a daemon, by ``do`` without one. Raises AutopilotError."""
    try:
        return ask(session.client())
    except DaemonNotRunning:
        from autopilot.app.models.registry import open_registry

        with open_registry(session.paths) as registry:
            return do(registry)
