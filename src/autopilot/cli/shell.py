"""How functions become commands: plain help without markup, and completion from the root alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.main import get_command


def command_group(**settings: Any) -> typer.Typer:
    """A command with commands of its own; ``settings`` are those of `typer.Typer`, such as ``help``."""
    return typer.Typer(add_completion=False, rich_markup_mode=None, **settings)


def single_command(name: str, function: Callable[..., object]) -> Any:
    """The command ``name`` that calls ``function``; its parameters are the options, its docstring is the help."""
    group = command_group()
    group.command(name)(function)
    return get_command(group)
