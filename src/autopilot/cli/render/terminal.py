"""How a screen looks on a terminal: the one place that knows colors. Imported only where there is a terminal."""

from __future__ import annotations

import os

from autopilot.cli.render.blocks import Style
from autopilot.cli.render.layout import lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from autopilot.cli.render.blocks import Screen
    from autopilot.cli.render.layout import Line

LOOKS = {
    Style.HEADING: "1",
    Style.FAINT: "2",
    Style.GOOD: "32",
    Style.BAD: "31",
    Style.WARNING: "33",
    Style.BUY: "32",
    Style.SELL: "35",
    Style.DENIED: "33",
}
"""Parameters of the control sequence SGR (ECMA-48): bold, faint, and colors of the terminal's own palette, so that they
are readable on a light and on a dark background."""
_COLORLESS = ("1", "2")
_DEFAULT_COLUMNS = 80


def columns_of(stream: TextIO) -> int:
    """The width of the terminal, unless COLUMNS sets another; 80 if it reports none, or understands no control
    sequences."""
    named = os.environ.get("COLUMNS", "")
    columns = int(named) if named.isdigit() else 0 if is_dumb() else os.get_terminal_size(stream.fileno()).columns
    return columns or _DEFAULT_COLUMNS


def is_dumb() -> bool:
    """Whether the terminal understands no control sequences."""
    return os.environ.get("TERM", "").lower() in ("dumb", "unknown")


def looks() -> dict[Style, str]:
    """`LOOKS` without colors if NO_COLOR is set; none if TERM=dumb."""
    if is_dumb():
        return {}
    if os.environ.get("NO_COLOR"):
        return {style: look for style, look in LOOKS.items() if look in _COLORLESS}
    return LOOKS


def painted(screen: Screen, width: int, looks: dict[Style, str]) -> list[str]:
    """The lines of the screen, with control sequences, for a terminal of ``width`` columns."""
    return [_painted(item, looks) for item in lines(screen, width)]


def _painted(spans: Line, looks: dict[Style, str]) -> str:
    return "".join(
        f"\x1b[{looks[span.style]}m{span.text}\x1b[0m" if span.text and span.style in looks else span.text
        for span in spans
    )
