# ruff: noqa: PT017 - either outcome is right; what is asserted is how a refusal looks
"""A value that cannot be used is answered in our words, never in those of a library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from autopilot.cli.app import COMMANDS, app, run_command
from autopilot.cli.errors import UsageProblem
from autopilot.domain.errors import AutopilotError


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that takes options, by the words that are typed."""
    for name in COMMANDS:
        command = get_command(app).get_command(None, name)
        inner = getattr(command, "commands", {})
        yield from ((f"{name} {each}", inner[each]) for each in inner)
        if not inner:
            yield name, command


@pytest.mark.parametrize(
    ("command", "message", "hint"),
    [
        ("signals --limit 0", "--limit must be at least 1, not 0", "autopilot signals --help"),
        ("signals --limit 1001", "--limit must be at most 1000, not 1001", "autopilot signals --help"),
        ("signals --limit many", "--limit must be a whole number, not many", "autopilot signals --help"),
        ("signals --limit 1.5", "--limit must be a whole number, not 1.5", "autopilot signals --help"),
        (
            f"signals --limit {'9' * 5_000}",
            "--limit must be a whole number, not " + "9" * 60,
            "autopilot signals --help",
        ),
        ("backtest --fee 20", "--fee must be at most 10, not 20", "autopilot backtest --help"),
        ("backtest --fee none", "--fee must be a number, not none", "autopilot backtest --help"),
        ("keys add kraken --from-fd -1", "--from-fd must be at least 0, not -1", "autopilot keys add --help"),
        (
            "decisions --action denid",
            "--action: 'denid' is not one of 'hold', 'signal', 'denied', 'order'",
            'did you mean "denied"? autopilot decisions --help',
        ),
        (
            "arm --max-value x",
            "--max-value: 'x' is not an amount: write digits, and at most 8 decimals",
            "autopilot arm --help",
        ),
        ("start --interval 0", "--interval: 0.0 is not a number of seconds above 0", "autopilot start --help"),
        ("signals --symbl X", "there is no option --symbl", 'did you mean "--symbol"? autopilot signals --help'),
        ("signals --nothing", "there is no option --nothing", "autopilot signals --help"),
        ("status --data-dir x", "--data-dir goes before the command", "autopilot --data-dir PATH status"),
        ("data list --config=x", "--config goes before the command", "autopilot --config FILE data list"),
        ("tasks --version", "--version goes before the command", "autopilot --version tasks"),
        ("--nothing", "there is no option --nothing", "autopilot --help"),
        ("nothing", 'there is no command "nothing"', "autopilot --help"),
        ("statu", 'there is no command "statu"', 'did you mean "status"? autopilot --help'),
        ("config xyzzy", 'there is no command "xyzzy"', "autopilot config --help"),
        ("config st", 'there is no command "st"', 'did you mean "set"? autopilot config --help'),
        ("audit", "say which of its commands to run", "autopilot audit --help"),
        ("arm", "--max-value is missing", "autopilot arm --help"),
        ("config get", "KEY is missing", "autopilot config get --help"),
        ("orders --limit", "--limit needs a value", "autopilot orders --help"),
        ("keys add kraken --from-fd", "--from-fd needs a value", "autopilot keys add --help"),
        ("--data-dir x orders --symbol", "--symbol needs a value", "autopilot orders --help"),
        ("--data-dir", "--data-dir needs a value", "autopilot --help"),
        ("orders --json=1", "--json takes no value", "autopilot orders --help"),
        ("orders extra", "unexpected argument: extra", "autopilot orders --help"),
    ],
)
def test_a_command_line_that_cannot_be_understood(command: str, message: str, hint: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        run_command(command.split())
    assert (str(caught.value), caught.value.hint) == (message, hint)


def options() -> Iterator[tuple[str, Any]]:
    for words, command in commands():
        for param in command.params:
            if param.param_type_name == "option" and not param.is_flag:
                yield words, param


@pytest.mark.parametrize("words", [words for words, _ in commands()])
def test_every_option_without_its_value_points_to_the_help_of_its_command(words: str) -> None:
    for of, param in options():
        if of == words:
            with pytest.raises(UsageProblem) as caught:
                run_command([*words.split(), param.opts[0]])
            assert str(caught.value) == f"{param.opts[0]} needs a value"
            assert caught.value.hint == f"autopilot {words} --help"


@pytest.mark.parametrize("words", [words for words, _ in commands()])
def test_nothing_that_is_typed_is_answered_in_the_words_of_a_library(words: str) -> None:
    """Numbers out of their range, texts for numbers, mistyped options, words too many: all options of all commands."""
    theirs = re.compile(r"Invalid value|No such|Missing (option|argument)|Got unexpected|Input should|requires an")
    given = [[*words.split(), "--nosuchoption"], [*words.split(), *("x" * 3) * 3]]
    for of, param in options():
        if of == words and param.name != "data":  # an empty path is this folder, and a demo of it would run
            given += [[*words.split(), param.opts[0], value] for value in ("-7", "x", "1e999", "9" * 30, "")]
    for arguments in given:
        try:
            run_command(["--data-dir", "/dev/null/place", *arguments])
        except AutopilotError as error:
            assert not theirs.search(f"{error} {error.hint}"), (arguments, str(error), error.hint)
            assert error.hint
