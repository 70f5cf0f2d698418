"""The words for a command line that cannot be understood."""

from __future__ import annotations

from typing import Any

_REQUIRED = {
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "greater_than_equal": "at least {ge:g}",
    "greater_than": "above {gt:g}",
    "less_than_equal": "at most {le:g}",
    "less_than": "below {lt:g}",
}
"""What a value must be, by the kind of problem that pydantic, which Typer asks, finds with it."""


def usage_message(error: Any) -> str:
    """The message of Typer's error, with our own words where Typer passes pydantic's on."""
    from pydantic import ValidationError

    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return str(error.format_message())
    problem = cause.errors(include_url=False)[0]
    option = error.param.opts[0] if error.param.opts else error.param.name
    if problem["type"] in _REQUIRED:
        required = _REQUIRED[problem["type"]].format_map(problem.get("ctx", {}))
        return f"{option} must be {required}, not {problem['input']!s:.60}"
    if problem["type"] == "value_error":
        return f"{option}: {problem['ctx']['error']}".rstrip(".")
    return f"{option}: {problem['input']!s:.60} cannot be used here"
