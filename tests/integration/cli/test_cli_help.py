"""Help, version, completion, and what the command says when it is not understood."""

from __future__ import annotations

import platform

import pytest
from typer.main import get_command

from autopilot.cli.app import COMMANDS, app


def test_help_lists_every_command(autopilot) -> None:
    done = autopilot("--help")
    assert (done.code, done.err) == (0, "")
    listed = done.out.partition("Commands:\n")[2]
    assert [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "] == list(
        COMMANDS
    )
    assert autopilot().out == done.out


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
    done = autopilot("--version", "--json")
    assert (done.code, done.err) == (0, "")
    document = done.document
    assert (document["name"], document["distribution"]) == ("autopilot", "autopilot-trader")
    assert f"autopilot {document['version']}\n" == autopilot("--version").out
    assert document["python"] == platform.python_version()


def test_json_before_the_command_is_refused_with_the_right_order(autopilot) -> None:
    done = autopilot("--json", "status")
    assert done.code == 2
    assert "autopilot status --json" in done.err


def test_a_typing_mistake_is_met_with_a_guess(autopilot) -> None:
    done = autopilot("statsu")
    assert (done.code, done.out) == (2, "")
    assert "Did you mean 'status'" in done.err
    assert done.err.endswith("try: autopilot --help\n")


def test_completion_offers_commands_and_options(installed) -> None:
    def completed(words: str, at: int) -> list[str]:
        extra = {"_AUTOPILOT_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(at)}
        return installed(**extra).out.split()

    assert completed("autopilot st", 1) == ["start", "stop", "status"]
    assert "--watch" in completed("autopilot status --w", 2)
