"""Secrets as people type or paste them: never shown, and nothing of them left for the shell to read."""

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
    """One line, or the lines of a PEM key up to its end or an empty one. ``without`` a terminal: what to do then.

    Raises SafetyRefused without a terminal, UsageProblem for what is no text, typer.Abort at its end (Ctrl-D).
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
    """Keeps what is typed ahead; forgets what was pasted behind the answer."""
    before = termios.tcgetattr(terminal)
    silent = [*before]
    silent[_ECHO_FLAGS] = before[_ECHO_FLAGS] & ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


def _line(terminal: int) -> str:
    """A line without its end."""
    text = _text(_raw_line(terminal))
    if text is None:
        raise UsageProblem("what was typed is not UTF-8", hint="set the terminal to UTF-8, then try again")
    return text.removesuffix("\n").removesuffix("\r")


def _raw_line(terminal: int) -> bytes:
    """Not by sys.stdin, which would keep a copy of what follows."""
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
