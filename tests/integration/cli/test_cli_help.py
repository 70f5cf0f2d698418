"""Help, version, completion, and what the command says when it is not understood."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from autopilot.cli.app import COMMANDS, GROUPS, app
from autopilot.cli.examples import EXAMPLES


def commands() -> Iterator[tuple[str, Any]]:
    """Every command and every command of a group, by the words that are typed."""
    for name in COMMANDS:
        command = get_command(app).get_command(None, name)
        yield name, command
        for inner, inner_command in getattr(command, "commands", {}).items():
            yield f"{name} {inner}", inner_command


WORDS = [words for words, _ in commands()]


def test_help_lists_every_command_under_its_heading(autopilot) -> None:
    done = autopilot("--help", COLUMNS="80")
    assert (done.code, done.err) == (0, "")
    for title, names in GROUPS.items():
        section = done.out.partition(f"\n{title}:\n")[2].partition("\n\n")[0]
        listed = [line.split()[0] for line in section.splitlines() if line[2] != " "]
        assert listed == list(names)
    assert autopilot(COLUMNS="80").out == done.out


def test_no_description_in_a_list_of_commands_is_cut(autopilot) -> None:
    groups = [words for words, command in commands() if hasattr(command, "commands")]
    for words in ("", *groups):
        usage, _, shown = autopilot(*words.split(), "--help", COLUMNS="80").out.partition("\n")
        assert usage.startswith("Usage: ")
        assert "..." not in shown
    overview = " ".join(autopilot("--help", COLUMNS="80").out.split())
    for name in COMMANDS:
        assert get_command(app).get_command(None, name).short_help in overview


@pytest.mark.parametrize("words", WORDS)
def test_every_help_has_examples_and_the_short_option_asks_for_it(autopilot, words) -> None:
    done = autopilot(*words.split(), "-h")
    assert done.code == 0
    assert "  Examples:\n    autopilot " in done.out
    assert done.out == autopilot(*words.split(), "--help").out


def test_there_are_examples_of_commands_only() -> None:
    assert set(EXAMPLES) == {"", *WORDS}


@pytest.mark.parametrize("example", dict.fromkeys(line for lines in EXAMPLES.values() for line in lines))
def test_an_example_is_a_command_line_that_is_understood(example, tmp_path, monkeypatch) -> None:
    (tmp_path / "candles").mkdir()
    monkeypatch.chdir(tmp_path)
    command, given, context = get_command(app), shlex.split(example), None
    while True:
        context = command.make_context("autopilot", list(given), parent=context)
        rest = [*context._protected_args, *context.args] if hasattr(command, "commands") else []
        if not rest:
            return
        _, command, given = command.resolve_command(context, rest)


@pytest.mark.parametrize("command", EXAMPLES)
def test_an_example_is_of_the_command_that_it_explains(command) -> None:
    for example in EXAMPLES[command]:
        assert f" {command}" in f" {example}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_without_boxes_that_fits_80_columns(autopilot, name) -> None:
    inner = getattr(get_command(app).get_command(None, name), "commands", {})
    for words in ([name], *([name, command] for command in inner)):
        done = autopilot(*words, "--help", COLUMNS="80")
        assert (done.code, done.err) == (0, "")
        assert f"Usage: autopilot {' '.join(words)}" in done.out
        assert "╭" not in done.out
        assert max(map(len, done.out.splitlines())) <= 80


def test_version(autopilot) -> None:
    done = autopilot("--version")
    assert done.code == 0
    assert done.out.startswith("autopilot 0.")


def test_version_for_scripts(autopilot) -> None:
    number = autopilot("--version").out.split()[1]
    for order in (("--version", "--json"), ("--json", "--version")):
        done = autopilot(*order)
        assert (done.code, done.err) == (0, "")
        assert done.document == {
            "name": "autopilot",
            "distribution": "autopilot-trader",
            "version": number,
            "python": platform.python_version(),
        }


def test_json_before_the_command_says_where_it_belongs(autopilot) -> None:
    done = autopilot("--json", "orders")
    assert done.code == 2
    assert "--json goes after the command" in done.err
    assert "try: autopilot orders --json" in done.err


def test_a_typing_mistake_is_met_with_a_guess(autopilot) -> None:
    done = autopilot("statsu")
    assert (done.code, done.out) == (2, "")
    assert done.err == 'error: there is no command "statsu"\ntry: did you mean "status"? autopilot --help\n'


def test_completion_offers_commands_and_options(installed) -> None:
    def completed(words: str, at: int) -> list[str]:
        extra = {"_AUTOPILOT_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(at)}
        return installed(**extra).out.split()

    assert completed("autopilot st", 1) == ["start", "stop", "status"]
    assert "--watch" in completed("autopilot status --w", 2)
