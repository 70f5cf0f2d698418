"""The benchmarks' own arithmetic: what a process costs, what counts as the same, and the tables of the document."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from benchmarks.__main__ import ALONE, ROWS
from benchmarks.costs import CommandFailed, processor_s, spend
from benchmarks.documents import IDENTICAL, difference
from benchmarks.rows.row import Check, Figure, Goal, Row, markdown, replace_part, text

ROOT = Path(__file__).parents[2]
LARGE_MIB = 64
LARGE = f"held = bytearray({LARGE_MIB} * 1024 * 1024); sum(range(200_000)); print('done')"


MEASURED = """
import sys
from benchmarks.costs import spend

print(spend([sys.executable, "-c", sys.argv[1]]).peak_mib)
"""


def test_a_process_costs_its_own_work_and_that_of_its_children() -> None:
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {LARGE!r}], check=True)"
    little, direct, below = (spend([sys.executable, "-c", code]) for code in ("pass", LARGE, nested))
    assert direct.output == below.output == "done\n"
    assert min(direct.faults, below.faults) >= LARGE_MIB * 256 + little.faults // 2
    assert below.cpu_s > little.cpu_s > 0.0


def test_the_largest_memory_is_that_of_the_command_and_not_of_the_one_that_measures() -> None:
    peaks = [float(_small_process(code)) for code in ("pass", LARGE)]
    assert peaks[0] < LARGE_MIB <= peaks[1] < 2 * LARGE_MIB


def _small_process(code: str) -> str:
    return spend([sys.executable, "-c", MEASURED, code], cwd=ROOT).output


def test_a_failed_command_says_its_last_words() -> None:
    with pytest.raises(CommandFailed, match=r"ended with 3:\nno room"):
        spend([sys.executable, "-c", "import sys; print('no room'); sys.exit(3)"])


def test_the_processor_time_of_a_process_is_that_which_it_reads_itself() -> None:
    before = time.process_time()
    read = processor_s(os.getpid())
    assert before <= read <= time.process_time()


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        ({"a": [1, {"b": "x"}]}, {"a": [1, {"b": "x"}]}, IDENTICAL),
        ({"a": 1}, {"a": 1, "added": 2}, IDENTICAL),
        ({"a": 1, "b": 2}, {"a": 1}, "b: 2 before, nothing now"),
        ([{"price": 1.5}], [{"price": 1.25}], "0.price: 1.5 before, 1.25 now"),
        ({"a": [1, 2]}, {"a": [1]}, "a: [1, 2] before, [1] now"),
        ({"a": 1}, {"a": 1.0}, "a: 1 before, 1.0 now"),
        ({"a": None}, {"a": False}, "a: None before, False now"),
    ],
    ids=["equal", "an addition", "a lost field", "a number", "a length", "a type", "null and false"],
)
def test_the_first_difference_is_named(before: Any, now: Any, found: str) -> None:
    assert difference(before, now) == found


@pytest.mark.parametrize(
    ("value", "verdict"), [(1.0, "stretch met"), (1.1, "met"), (2.0, "met"), (2.1, "missed"), (None, "")]
)
def test_the_verdict_of_a_figure(value: float | None, verdict: str) -> None:
    assert Figure("cycle", value, "ms", goal=Goal(2.0, 1.0)).verdict == verdict


def test_a_row_on_the_screen_and_in_the_document(tmp_path: Path) -> None:
    figures = [Figure("CPU", 2.0, "ms", 4.0, Goal(3.0, 1.5)), Figure.left_out("no candles")]
    row = Row("A decision", "A short run.", figures, [Check("orders", IDENTICAL)])
    for part in ("A decision", "CPU, ms", "0.50", "3; 1.5", "met", "no candles", "same? orders: identical"):
        assert part in text(row)
    page = tmp_path / "page.md"
    page.write_text("Before.\n<!-- table -->\nold\n<!-- end of table -->\nAfter.\n")
    for _ in range(2):
        replace_part(page, "table", markdown([row]))
    lines = page.read_text().splitlines()
    assert "| A decision | CPU, ms | 2 | 4 | 0.50 | 3; 1.5 | met |" in lines
    assert "| A decision | orders | identical |" in lines
    assert (lines[0], lines[-1], lines.count("| --- | --- | --- |")) == ("Before.", "After.", 1)
    assert "old" not in lines
    with pytest.raises(ValueError, match="no part between"):
        replace_part(page, "growth", [])


def test_every_benchmark_that_is_named_exists() -> None:
    places = [(f"rows/{name}.py", "row") for name in ROWS] + [(f"{name}.py", "main") for name in ALONE]
    for module, function in places:
        assert f"\ndef {function}(" in (ROOT / "benchmarks" / module).read_text(), module


def test_the_document_has_a_place_for_each_table(tmp_path: Path) -> None:
    copy = tmp_path / "performance.md"
    copy.write_text((ROOT / "docs" / "performance.md").read_text())
    for name in ("table", "growth"):
        replace_part(copy, name, ["nothing"])
