"""How a screen looks on a terminal: the one place that knows colors. Imported only where there is a terminal."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.text import Text

from autopilot.cli.render.blocks import Screen, Style
from autopilot.cli.render.layout import lines

LOOKS = {
    Style.PLAIN: "",
    Style.HEADING: "bold",
    Style.FAINT: "dim",
    Style.GOOD: "green",
    Style.BAD: "red",
    Style.WARNING: "yellow",
    Style.BUY: "green",
    Style.SELL: "magenta",
    Style.DENIED: "yellow",
}
"""The colors are of the terminal's own palette, so that they are readable on a light and on a dark background."""


def console(stream: TextIO) -> Console:
    """A console with the terminal's colors: no color if NO_COLOR is set, no style at all if TERM=dumb."""
    return Console(file=stream, highlight=False, markup=False, emoji=False)


def rendered(screen: Screen, width: int) -> Text:
    """The screen for a terminal of ``width`` columns, without a last line break."""
    return Text("\n").join(
        Text.assemble(*((span.text, LOOKS[span.style]) for span in item), no_wrap=True) for item in lines(screen, width)
    )
