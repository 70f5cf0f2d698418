"""Our table of page rules against the requests that ccxt would send for every exchange."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
from benchmarks.candle_pages import Wire, survey, table

DOCUMENT = Path(__file__).parents[3] / "docs" / "data.md"
READ = "4.5.90"
"""The version of ccxt that the table was read from."""


@pytest.mark.skipif(version("ccxt") != READ, reason=f"the table is of ccxt {READ}")
async def test_the_table_says_what_the_requests_say() -> None:
    wires = await survey()
    assert len(wires) > 70
    wrong = {each.exchange: each for each in wires if not _agrees(each)}
    assert wrong == {}
    refused = {each.exchange for each in wires if not each.rules.is_addressable}
    assert refused == {"bithumb", "bitteam", "bittrade", "gemini", "p2b", "phemex", "weex"}
    assert {each.exchange for each in wires if each.trouble} == {"cex", "luno"}
    assert "\n".join(table(wires)) in DOCUMENT.read_text(), "python -m benchmarks candle_pages --document docs/data.md"


def _agrees(found: Wire) -> bool:
    """A page is addressed by its first candle, or by its last one and their number; and its cost is known."""
    if found.trouble or not found.rules.is_addressable:
        return not (found.first or found.last)
    is_addressed = found.first or (found.last and found.number)
    return is_addressed and found.cost == found.rules.cost
