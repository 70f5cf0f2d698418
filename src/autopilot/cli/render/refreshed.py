"""A screen that is drawn again and again in one place of a terminal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from autopilot.cli.render.blocks import Screen
from autopilot.cli.render.terminal import columns_of, is_dumb, looks, painted

_ENTER = "\x1b[?1049h\x1b[?25l"
"""The alternate screen, without a cursor."""
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


@contextmanager
def in_place(stream: TextIO) -> Iterator[Callable[[Screen], None]]:
    """Shows one screen in place of the one before, cut to the terminal's height, and at the end gives back what was
    there. A dumb terminal gets one below the other."""

    def draw(screen: Screen) -> None:
        text = painted(screen, columns_of(stream), looks())
        if is_dumb():
            write("\n".join((*text, "")))
        else:
            text = text[: os.get_terminal_size(stream.fileno()).lines or None]
            write(_HOME + f"{_CLEAR_LINE}\n".join(text) + _CLEAR_LINE + _CLEAR_BELOW)

    def write(text: str) -> None:
        stream.write(text)
        stream.flush()

    if not is_dumb():
        write(_ENTER)
    try:
        yield draw
    finally:
        if not is_dumb():
            write(_LEAVE)
