"""How functions become commands: plain help without markup, and completion from the root alone."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any

import typer
from typer.main import get_command

from autopilot.cli.options import AsJson
from autopilot.cli.session import Session
from autopilot.control.errors import SafetyRefused


def command_group(**settings: Any) -> typer.Typer:
    """A command with commands of its own; ``settings`` are those of `typer.Typer`, such as ``help``."""
    return typer.Typer(add_completion=False, rich_markup_mode=None, **settings)


def single_command(name: str, function: Callable[..., object]) -> Any:
    """The command ``name`` that calls ``function``; its parameters are the options, its docstring is the help."""
    group = command_group()
    group.command(name)(function)
    return get_command(group)


def with_session(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """The function of a command, for Typer: its session is made from the context and from the last option, --json.

    ``function`` takes the session first and returns the exit code; None means 0.
    The command raises ConfigError if the session's places cannot be used.
    """

    @wraps(function)
    def command(context: typer.Context, as_json: bool, **options: Any) -> int | None:
        return function(Session.of(context, as_json), **options)

    _, *options = signature(function, eval_str=True).parameters.values()
    parameters = [
        Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context),
        *(option.replace(kind=Parameter.KEYWORD_ONLY) for option in options),
        Parameter("as_json", Parameter.KEYWORD_ONLY, annotation=AsJson, default=False),
    ]
    vars(command)["__signature__"] = Signature(parameters)
    return command


def confirmed(session: Session, question: str, *, refusal: str, hint: str) -> bool:
    """Whether the user says yes. Raises SafetyRefused with ``refusal`` and ``hint`` without a terminal."""
    if not sys.stdin.isatty():
        raise SafetyRefused(f"{refusal}: there is no terminal to ask on", hint=hint)
    if typer.confirm(question, err=True):
        return True
    session.output.remark("nothing was changed")
    return False
