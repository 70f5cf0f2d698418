"""Control sequences, beside those of rich."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from autopilot.cli.render.blocks import Screen, Style
from autopilot.cli.render.layout import lines
from autopilot.cli.render.lists import decisions_screen, orders_screen, trades_screen
from autopilot.cli.render.status import status_screen
from autopilot.cli.render.terminal import looks, painted

GOLDEN = Path(__file__).parents[3] / "golden" / "cli" / "documents"
SCREENS = {
    "status": status_screen,
    "decisions": decisions_screen,
    "orders": orders_screen,
    "trades": trades_screen,
}
RICH = {
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


def by_rich(screen: Screen, width: int, environ: dict[str, str]) -> str:
    target = io.StringIO()
    console = Console(
        file=target, force_terminal=True, highlight=False, markup=False, emoji=False, _environ=environ, width=width
    )
    text = Text("\n").join(
        Text.assemble(*((span.text, RICH[span.style]) for span in item), no_wrap=True) for item in lines(screen, width)
    )
    console.print(text, soft_wrap=True)
    return target.getvalue()


def environments() -> list[dict[str, str]]:
    return [
        {"TERM": term, **color} for term in ("xterm-256color", "linux", "dumb", "") for color in ({}, {"NO_COLOR": "1"})
    ]


@pytest.mark.parametrize("environ", environments())
@pytest.mark.parametrize("name", SCREENS)
def test_a_terminal_gets_the_sequences_that_rich_would_send(
    name: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("TERM", "NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    screen = SCREENS[name](json.loads((GOLDEN / f"{name}.json").read_text()))
    for width in (40, 80, 200):
        assert "\n".join([*painted(screen, width, looks()), ""]) == by_rich(screen, width, environ)


def test_every_style_is_known_to_rich_too() -> None:
    assert set(RICH) == {value for name, value in vars(Style).items() if name.isupper()}
    assert all(type(style) is Style for style in RICH)
