"""Output that cannot be written: two lines and exit code 1, from every command, and never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from autopilot.cli.app import COMMANDS, app

FORKS = """
import gc, json, os, sys
# Imported once, for all that follow, and never looked through when one of them ends.
import pydantic.main, rich.console, rich.table, typer.rich_utils
import autopilot.config.load, autopilot.config.overrides
from autopilot.cli.main import main
from autopilot.cli.app import COMMANDS, app
from typer.main import get_command
for name in COMMANDS:
    get_command(app).get_command(None, name)
gc.freeze()
cases = json.load(sys.stdin)
results = []
for arguments, streams, environment in cases:
    said, saying = os.pipe()
    child = os.fork()
    if not child:
        os.environ.update(environment)
        for number, kind in zip((1, 2), streams):
            if kind == "full":
                os.dup2(os.open("/dev/full", os.O_WRONLY), number)
            elif kind == "gone":
                reader, writer = os.pipe()
                os.close(reader)
                os.dup2(writer, number)
            else:
                os.dup2(saying if number == 2 else os.open("/dev/null", os.O_WRONLY), number)
        os.close(saying)
        sys.exit(main(arguments))  # the interpreter ends as it does for a user
    os.close(saying)
    with os.fdopen(said) as stream:
        words = stream.read()
    results.append((os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), words))
os.write(1, json.dumps(results).encode())
"""


def leaves() -> Iterator[list[str]]:
    for name in COMMANDS:
        command = get_command(app).get_command(None, name)
        yield [name]
        yield from ([name, inner] for inner in getattr(command, "commands", {}))


QUERIES = ("status", "decisions", "signals", "orders", "positions", "trades", "explain 3f2a9c01de")
HELPS = [[*words, "--help"] for words in leaves()]
RESULTS = [
    *([*query.split(), *form] for query in QUERIES for form in ([], ["--json"])),
    *(["config", *words.split()] for words in ("show", "show --json", "get interval", "path", "validate")),
    ["--help"],
    ["--version"],
    ["--version", "--json"],
    [],
    ["signals", "--follow"],
    ["config", "set", "interval", "30"],
]
"""Commands that print a result on standard output here."""
FAILURES = [
    (["tasks", "t0000000000"], 1),
    (["config", "get", "intervl"], 2),
    (["nosuch"], 2),
    (["explain", "--nosuch"], 2),
]
"""Commands that fail, and their exit code."""


def outcomes(data_dir: Path, cases: list[tuple[list[str], tuple[str, str]]], **environment: str) -> list[Any]:
    """(exit code, standard error) of each; ``cases``: arguments, and where the two streams go."""
    given = [(["--data-dir", str(data_dir), *arguments], streams, environment) for arguments, streams in cases]
    done = subprocess.run(
        [sys.executable, "-c", FORKS], input=json.dumps(given).encode(), capture_output=True, check=True, timeout=120
    )
    return [tuple(each) for each in json.loads(done.stdout)]


@pytest.mark.parametrize(("stream", "why"), [("full", "No space left on device"), ("gone", "Broken pipe")])
def test_a_result_that_cannot_be_written_is_two_lines_and_exit_code_1(data_dir, daemon, stream, why) -> None:
    daemon.events = [
        {"seq": 1, "kind": "signal", "at_ms": 1, "body": daemon.answers["/api/autopilot/signals"][1]["signals"][0]}
    ]
    cases = RESULTS + (HELPS if stream == "full" else [])
    found = outcomes(data_dir, [(arguments, (stream, "kept")) for arguments in cases])
    expected = (
        f"error: the output cannot be written: {why}\n"
        "try: run it again with its output elsewhere; what the command changed stays changed\n"
    )
    for arguments, (code, words) in zip(cases, found, strict=True):
        # A command may have said something before, such as that the daemon is to be restarted.
        assert (code, words[-len(expected) :]) == (1, expected), arguments
        assert words.count("error: ") == 1, arguments


@pytest.mark.parametrize("stream", ["full", "gone"])
def test_a_command_that_fails_says_why_and_no_more(data_dir, daemon, stream) -> None:
    cases = [([*words, *form], code) for words, code in FAILURES for form in ([], ["--json"])]
    found = outcomes(data_dir, [(words, (stream, "kept")) for words, _ in cases])
    for (words, code), (ended, said) in zip(cases, found, strict=True):
        assert ended == (1 if "--json" in words else code), words
        assert said.count("\n") == 2, said
        assert said.startswith("error: "), said
        assert "cannot be written" not in said


@pytest.mark.parametrize("stream", ["full", "gone"])
def test_remarks_that_cannot_be_written_never_end_the_work(data_dir, daemon, stream) -> None:
    """The result is there, so is the change; the exit code says that something was lost."""
    set_, failing, quiet = ["config", "set", "interval", "31"], ["config", "get", "intervl"], ["config", "path"]
    found = outcomes(data_dir, [(words, ("kept", stream)) for words in (set_, failing, quiet)])
    assert [code for code, _ in found] == [1, 2, 0]
    assert "interval = 31" in (data_dir / "overrides.toml").read_text()


def test_nothing_can_be_written_anywhere(data_dir, daemon) -> None:
    found = outcomes(data_dir, [(words, ("full", "full")) for words in (["--help"], ["orders"], ["config", "path"])])
    assert [code for code, _ in found] == [1, 1, 1]


def test_what_the_shell_asks_when_a_word_is_completed(data_dir) -> None:
    asked = {"_AUTOPILOT_COMPLETE": "complete_bash", "COMP_WORDS": "autopilot con", "COMP_CWORD": "1"}
    ((code, words),) = outcomes(data_dir, [([], ("full", "kept"))], **asked)
    assert code == 1
    assert words.startswith("error: the output cannot be written")


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_streams_that_the_caller_closed(data_dir, closed) -> None:
    """As `autopilot config show >&-`: no file of ours may get the number of a standard stream."""

    def close() -> None:
        for number in closed:
            os.close(number)

    done = subprocess.run(
        [Path(sys.executable).with_name("autopilot"), "--data-dir", data_dir, "config", "show"],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
        preexec_fn=close,
    )
    assert done.returncode == (1 if 1 in closed else 0)
    assert "Traceback" not in done.stderr
    if closed == (1,):
        assert done.stderr.startswith("error: the output cannot be written: Bad file descriptor\ntry: ")
