"""docs/commands.md against the commands as they are registered: nothing is undocumented, nothing is invented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from autopilot.cli.app import COMMANDS, app

TEXT = (Path(__file__).parents[3] / "docs" / "commands.md").read_text()
SECTION = re.compile(r"^#{2,3} autopilot (?P<name>[a-z -]+)\n(?P<body>.*?)(?=^#{2,3} |\Z)", re.MULTILINE | re.DOTALL)
DOCUMENTED = {found["name"]: found["body"] for found in SECTION.finditer(TEXT)}
SHARED = {"--json", "--help"}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command, and every command of a group, by what is typed."""
    root = get_command(app)
    for name in COMMANDS:
        command = root.get_command(None, name)
        yield name, command
        for inner, inner_command in getattr(command, "commands", {}).items():
            yield f"{name} {inner}", inner_command


ALL = dict(commands())


def options(command: Any) -> set[str]:
    return {
        name
        for parameter in command.params
        if not getattr(parameter, "hidden", False)
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name[0] == "-"
    }


def test_the_page_has_exactly_the_registered_commands() -> None:
    assert set(DOCUMENTED) == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_every_option_of_a_command_is_documented(name: str) -> None:
    body = DOCUMENTED[name]
    assert not [option for option in options(ALL[name]) - SHARED if not re.search(rf"`{option}\b", body)]


@pytest.mark.parametrize("name", ALL)
def test_no_option_is_documented_that_does_not_exist(name: str) -> None:
    known = options(ALL[name]) | SHARED | options(get_command(app))
    assert set(re.findall(r"`(--[a-z-]+)", DOCUMENTED[name])) <= known


def test_global_options_are_documented() -> None:
    assert not [option for option in options(get_command(app)) if f"`{option}" not in TEXT]


@pytest.mark.parametrize("name", ALL)
def test_a_command_that_prints_results_takes_json(name: str) -> None:
    is_group = hasattr(ALL[name], "commands")
    assert is_group or name in ("daemon", "demo") or "--json" in options(ALL[name])


@pytest.mark.parametrize("name", ALL)
def test_help_explains_every_parameter(name: str) -> None:
    assert ALL[name].help
    assert all(parameter.help for parameter in ALL[name].params if parameter.name != "help")
