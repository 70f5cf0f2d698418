"""How far long work is: a bar on a terminal, a line for each stage elsewhere."""

from __future__ import annotations

import io

import pytest

from autopilot.cli.render.progress import progress_view


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")


def test_elsewhere_each_stage_is_a_line() -> None:
    target = io.StringIO()
    with progress_view(target) as progress:
        progress("", 0, 0)
        progress("candles", 0, 2)
        progress("candles", 1, 2, "BTC/USD")
        progress("folds", 0, 9)
    assert target.getvalue() == "candles\nfolds\n"


def test_short_work_says_nothing_elsewhere() -> None:
    target = io.StringIO()
    with progress_view(target, is_short=True) as progress:
        progress("import", 0, 2)
    assert target.getvalue() == ""


def test_a_terminal_shows_a_bar_with_its_detail() -> None:
    target = Terminal()
    with progress_view(target) as progress:
        progress("folds", 8, 16, "[m]2024\x1b[2J")
        shown = target.getvalue()
    assert all(part in shown for part in ("folds", "8/16", "━"))
    assert "[m]2024" in shown, "brackets are no markup"
    assert "\x1b[2J" not in shown, "a name does not steer the terminal"


def test_nothing_is_shown_before_the_first_stage() -> None:
    target = Terminal()
    with progress_view(target) as progress:
        progress("", 0, 0)
    assert "0/0" not in target.getvalue()
