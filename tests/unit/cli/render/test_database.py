"""The rows of an SQL query on a narrow terminal."""

from __future__ import annotations

from autopilot.cli.render.database import query_screen
from autopilot.cli.render.layout import lines, plain, text_of


def test_a_long_text_is_cut_before_a_column_is_left_out() -> None:
    row = ["4e237e27dd", "BTC/USD", "x" * 200, 3]
    screen = query_screen({"columns": ["id", "symbol", "document", "n"], "rows": [row], "more": False})
    heading, _, shown = (text_of(item) for item in lines(screen, 80))
    assert heading.split() == ["id", "symbol", "document", "n"]
    assert shown.split()[:2] == row[:2]
    assert len(shown) == 80
    assert plain(screen)[-1].split() == [*row[:3], "3"]
