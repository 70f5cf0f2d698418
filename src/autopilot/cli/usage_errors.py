"""The words for a command line that cannot be understood: ours, never those of a library."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup

from autopilot.cli.errors import UsageProblem
from autopilot.domain.suggestion import did_you_mean

_REQUIRED = {
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "bool_parsing": "true or false",
    "greater_than_equal": "at least {ge:g}",
    "greater_than": "above {gt:g}",
    "less_than_equal": "at most {le:g}",
    "less_than": "below {lt:g}",
}
"""What a value must be, by the kind of problem that pydantic, which Typer asks, finds with it."""


_NO_CONTEXT: Any = None
"""Commands are looked up without one."""


class CommandGroup(TyperGroup):
    """A group of commands that names the nearest one for a word that is none of them."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Raises UsageProblem."""
        word = args[0]
        if not word.startswith("-") and not ctx.resilient_parsing and self.get_command(ctx, word) is None:
            raise UsageProblem(
                f'there is no command "{word:.40}"', hint=_hint(did_you_mean(word, self.commands), ctx.command_path)
            )
        return super().resolve_command(ctx, args)


def usage_problem(error: Any, group: CommandGroup, arguments: Sequence[str]) -> UsageProblem:
    """Typer's error in our words; the hint is the help of the command that was typed."""
    command = error.ctx.command_path if error.ctx else _command_path(group, arguments)
    if type(error).__name__ == "NoSuchOption" and (first := _before_commands(error.option_name, group)):
        words = command.partition(" ")[2]
        return UsageProblem(f"{error.option_name} goes before the command", hint=f"autopilot {first} {words}".rstrip())
    return UsageProblem(_message(error), hint=_hint(_meant(error), command))


def _command_path(group: CommandGroup, arguments: Sequence[str]) -> str:
    """The words of the command in ``arguments``, for an error that does not say where it came from."""
    words, inside = ["autopilot"], group
    for argument in arguments:
        if argument in inside.commands:
            words.append(argument)
            found: Any = inside.get_command(_NO_CONTEXT, argument)
            if not isinstance(found, CommandGroup):
                break
            inside = found
    return " ".join(words)


def _before_commands(name: str, group: CommandGroup) -> str:
    """``--data-dir PATH``: an option of the whole program with its value; empty for any other."""
    found: Any = next((param for param in group.params if name in param.opts), None)
    return f"{name} {found.metavar or ''}".rstrip() if found else ""


def _hint(meant: str, command: str) -> str:
    return f"{meant} {command} --help".strip()


def _meant(error: Any) -> str:
    kind = type(error).__name__
    if kind == "NoSuchOption" and error.ctx:
        return did_you_mean(error.option_name, [name for param in error.ctx.command.params for name in param.opts])
    if kind == "BadParameter" and " is not one of " in error.message:
        typed, *choices = re.findall(r"'([^']*)'", error.message)
        return did_you_mean(typed, choices)
    return ""


def _message(error: Any) -> str:
    match type(error).__name__:
        case "NoSuchOption":
            return f"there is no option {error.option_name:.40}"
        case "MissingParameter":
            return f"{_name(error.param)} is missing"
        case "BadOptionUsage":
            takes_none = "does not take a value" in error.message
            return f"{error.option_name} {'takes no' if takes_none else 'needs a'} value"
        case "BadParameter" if error.param:
            return f"{_name(error.param)}{_about_value(error)}".rstrip(".")
    extra = str(error.message).partition("extra argument(s) (")[2].removesuffix(")")
    if extra:
        return f"unexpected argument: {extra:.60}"
    is_group = str(error.message).startswith("Missing command")
    return "say which of its commands to run" if is_group else str(error.format_message())


def _name(param: Any) -> str:
    """``--limit``, or the argument's ``KEY``."""
    return str(param.opts[0] if param.param_type_name == "option" else param.metavar or param.name.upper()).strip("[]")


def _about_value(error: Any) -> str:
    from pydantic import ValidationError

    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return f": {error.message}"
    problem = cause.errors(include_url=False)[0]
    if problem["type"] in _REQUIRED:
        required = _REQUIRED[problem["type"]].format_map(problem.get("ctx", {}))
        return f" must be {required}, not {problem['input']!s:.60}"
    if problem["type"] == "value_error":
        return f": {problem['ctx']['error']}"
    return f": {problem['input']!s:.60} cannot be used here"
