"""Coverage as a strip of characters: what each says, and that the strip fits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from autopilot.cli.render.blocks import Table
from autopilot.cli.render.coverage_strip import LEGEND, LONGEST, coverage_blocks
from autopilot.cli.render.layout import lines, text_of


def at_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def series(*spans: tuple[str, str, str], gaps: tuple[tuple[str, str, bool], ...] = ()) -> dict[str, Any]:
    """``spans``: from, to and way; ``gaps``: from, to and whether it is confirmed."""
    return {
        "exchange": "kraken",
        "symbol": "BTC/USD",
        "timeframe": "1d",
        "spans": [{"from_ms": at_ms(begin), "to_ms": at_ms(end), "way": way} for begin, end, way in spans],
        "gaps": [
            {"from_ms": at_ms(begin), "to_ms": at_ms(end), "next_try_at_ms": None if is_confirmed else 1}
            for begin, end, is_confirmed in gaps
        ],
    }


def strips(*items: dict[str, Any]) -> list[str]:
    (table,) = (block for block in coverage_blocks(list(items)) if isinstance(block, Table))
    return [row[-1].text for row in table.rows]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (series(("2024-01-01", "2024-04-01", "pages")), "###"),
        (series(("2024-01-15", "2024-03-20", "live")), "+##"),
        (series(("2024-01-01", "2024-02-01", "archive"), ("2024-03-01", "2024-04-01", "earlier version")), "#.#"),
        (series(("2024-01-01", "2024-02-10", "import"), ("2024-02-10", "2024-04-01", "pages")), "i##"),
        (series(("2024-01-01", "2024-03-01", "derived"), ("2024-03-01", "2024-03-02", "live")), "dd#"),
        (series(("2024-01-01", "2024-04-01", "pages"), gaps=(("2024-01-20", "2024-02-03", True),)), "~~#"),
        (series(("2024-01-01", "2024-04-01", "pages"), gaps=(("2024-01-20", "2024-02-03", False),)), "++#"),
        (series(("2024-01-01", "2024-04-01", "pages"), gaps=(("2024-02-01", "2024-03-01", True),)), "#~#"),
        (series(("2024-01-01", "2024-02-01", "pages"), ("2024-02-08", "2024-04-01", "import")), "#+i"),
    ],
)
def test_a_character_says_what_is_stored_of_a_month(item: dict[str, Any], expected: str) -> None:
    assert strips(item) == [expected]


def test_all_strips_have_one_axis() -> None:
    items = series(("2023-11-01", "2024-02-01", "pages")), series(("2024-01-01", "2024-03-01", "live"))
    assert strips(*items) == ["###.", "..##"]


@pytest.mark.parametrize(
    ("begin", "end", "title", "unit"),
    [
        ("2023-11-01", "2024-07-01", "  2024", "month"),
        ("2021-01-01", "2025-01-01", "2021        2022        2023        2024", "month"),
        ("2013-01-01", "2024-12-31", "2013    2015    2017    2019    2021    2023", "quarter"),
        ("2010-01-01", "2026-12-31", "2010  2013  2016  2019  2022  2025", "half-year"),
        ("1990-01-01", "2026-12-31", "1990 1995 2000 2005 2010 2015 2020", "year"),
        ("1975-01-01", "2024-12-31", "1975 2000", "five years"),
    ],
)
def test_many_years_are_folded_so_that_they_fit(begin: str, end: str, title: str, unit: str) -> None:
    item = series((begin, end, "pages"))
    shown = [text_of(each) for each in lines(tuple(coverage_blocks([item])), 80)]
    assert shown[1] == f"Coverage by {unit}"
    assert len(strips(item)[0]) <= LONGEST
    assert (all(len(each) <= 80 for each in shown), "".join(shown).replace("─", "").isascii(), LEGEND in shown) == (
        True,
        True,
        True,
    )
    assert shown[2].endswith(title)


def test_beside_a_long_name_the_strip_is_shorter() -> None:
    item = {**series(("2021-01-01", "2024-12-31", "pages")), "exchange": "coinbaseinternational"}
    shown = [text_of(each) for each in lines(tuple(coverage_blocks([item])), 80)]
    assert shown[1] == "Coverage by quarter"
    assert shown[-2].startswith("coinbaseinternational  ")


def test_without_coverage_there_is_no_strip() -> None:
    assert list(coverage_blocks([series()])) == []
