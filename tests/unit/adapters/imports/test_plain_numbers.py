"""Blocks of plain numbers: read to the last bit as Python reads each, and nothing else taken for them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.adapters.imports.csv_tables import csv_table
from autopilot.adapters.imports.plain_numbers import plain_numbers

CELLS = st.from_regex(r"[-+]?(\d{1,19}\.?\d{0,18}|\.\d{1,18})([eE][-+]?\d{1,2})?", fullmatch=True).filter(str.isascii)


@given(st.integers(2, 4).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1)))
def test_they_are_read_as_python_reads_each(rows: list[list[str]]) -> None:
    for mark in ",;\t|":
        read = plain_numbers("\n".join(mark.join(row) for row in rows), mark)
        assert read is not None
        numbers, has_exponents = read
        assert numbers.T.tolist() == [[float(cell) for cell in row] for row in rows]
        assert has_exponents.tolist() == ["e" in "".join(column).lower() for column in zip(*rows, strict=True)]


@given(st.lists(st.text("019.,-+e\n ", max_size=12), min_size=1, max_size=4))
def test_nothing_else_is_taken_for_them(lines: list[str]) -> None:
    read = plain_numbers("\n".join(lines), ",")
    if read is not None:
        rows = [line.split(",") for line in "\n".join(lines).split("\n")]
        assert read[0].T.tolist() == [[float(cell) for cell in row] for row in rows]


@pytest.mark.parametrize(
    "lines",
    ["1,", ",1", "1,2\n3", "1\n2", "1,,2", "1,2\n\n3,4", "1,2\n", "1,1.2.3", "1,5-3", "1,--5", "1,1e", "1,é", "1,٣"],
)
def test_lines_of_another_form_are_none(lines: str) -> None:
    assert plain_numbers(lines, ",") is None


def test_their_texts_are_still_there() -> None:
    lines = [f"{1_600_000_000 + 60 * at},{at}.50,1e{at % 9}" for at in range(20_000)]
    table = csv_table(lambda: iter(["\n".join(["time,open,close", *lines]) + "\n"]))
    assert [",".join(column[row] for column in table.columns) for row in (0, 19_999)] == [lines[0], lines[-1]]
    times, opened, close = table.columns
    assert (times[5:7][1], list(opened)[-1], "1e8" in close, "1e9" in close) == ("1600000360", "19999.50", True, False)
    assert np.array_equal(opened[3:5].numbers, [3.5, 4.5])
    assert (times.has_exponents, close.has_exponents) == (False, True)
