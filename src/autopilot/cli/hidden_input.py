"""Prompting for secrets: nothing is shown, and nothing is left in the terminal for the shell to read."""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from autopilot.cli.errors import UsageProblem
from autopilot.control.errors import SafetyRefused

_ECHO_FLAGS = 3
"""Index of the local modes (termios(3))."""
_PEM_BEGIN, _PEM_END = "-----BEGIN", "-----END"


def prompt_secret(what: str, *, without: str) -> str:
    """One line, or the lines of a PEM key up to its end or an empty line. ``without``: the hint without a terminal.

    Raises SafetyRefused without a terminal, UsageProblem for input that is not UTF-8, typer.Abort at Ctrl-D.
    """
    if not sys.stdin.isatty():
        raise SafetyRefused(f"there is no terminal to ask on: {what}", hint=without)
    terminal = sys.stdin.fileno()
    with _unseen(terminal):
        sys.stderr.write(f"{what}: ")
        sys.stderr.flush()
        lines = [_line(terminal)]
        if lines[0].startswith(_PEM_BEGIN):
            while lines[-1] and _PEM_END not in lines[-1]:
                lines.append(_line(terminal))
        sys.stderr.write("\n")
    return "\n".join(lines)


@contextmanager
def _unseen(terminal: int) -> Iterator[None]:
    """Switch echo off. Input typed before the prompt is kept; input after the answer is discarded."""
    before = termios.tcgetattr(terminal)
    silent = [*before]
    silent[_ECHO_FLAGS] = before[_ECHO_FLAGS] & ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


def _line(terminal: int) -> str:
    """One line, without its line end."""
    text = _text(_raw_line(terminal))
    if text is None:
        raise UsageProblem("the input is not UTF-8", hint="set the terminal to UTF-8, then try again")
    return text.removesuffix("\n").removesuffix("\r")


def _raw_line(terminal: int) -> bytes:
    """Read by descriptor: sys.stdin would keep a copy of the following input."""
    content = b""
    while not content.endswith(b"\n"):
        part = os.read(terminal, 4096)
        if not part:
            raise typer.Abort
        content += part
    return content


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
