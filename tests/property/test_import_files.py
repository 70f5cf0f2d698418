"""Well-formed candle files are imported exactly, and no damaged one stores a number that is not its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_files import badly_packed, damaged, imported, well_formed, wrong_numbers

from autopilot.adapters.imports.csv_tables import csv_table
from autopilot.domain.errors import CandleError

BLOCK, BLOCKS = 50, 6


@pytest.mark.parametrize("block", range(BLOCKS))
def test_well_formed_files_are_imported_exactly(tmp_path: Path, block: int) -> None:
    files = [well_formed(seed) for seed in range(block * BLOCK, (block + 1) * BLOCK)]
    found = [(file, imported(file, tmp_path)) for file in files]
    assert [file.kind for file, result in found if isinstance(result, dict) and result != file.truth] == []
    refused = [f"{file.kind}: {result}" for file, result in found if isinstance(result, str)]
    assert len(refused) <= BLOCK // 50, "\n".join(refused)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_damaged_files_store_no_number_of_another_time_or_column(tmp_path: Path, block: int) -> None:
    kept = 0
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        file = damaged(seed)
        for lenient in (False, True):
            result = imported(file, tmp_path, lenient=lenient)
            if isinstance(result, dict):
                kept += 1
                assert wrong_numbers(result, file.truth) == [], f"seed {seed}: {file.kind}, lenient={lenient}"
    assert kept > 0, "damage that is always refused proves little"


@pytest.mark.parametrize("block", range(BLOCKS))
def test_badly_packed_files_are_refused_or_whole(tmp_path: Path, block: int) -> None:
    refused = 0
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        file = badly_packed(seed)
        result = imported(file, tmp_path)
        refused += isinstance(result, str)
        assert isinstance(result, str) or result == file.truth, f"seed {seed}: {file.kind}"
    assert refused > 0


@pytest.mark.parametrize("size", [1, 7, 64, 1_000])
def test_where_blocks_of_a_text_end_makes_no_difference(size: int) -> None:
    for seed in range(40):
        file = well_formed(seed) if seed % 2 else damaged(seed)
        if not file.name.lower().endswith(".csv"):
            continue
        text = file.content.decode("utf-8-sig", "replace").replace("\r\n", "\n")
        whole, parted = (tabled([text]), tabled([text[at : at + size] for at in range(0, len(text), size)]))
        assert parted == whole, f"seed {seed}: {file.kind}"


def tabled(blocks: list[str]) -> object:
    """The table of a text in these blocks, or why there is none."""
    try:
        table = csv_table(lambda: iter(blocks))
    except CandleError as error:
        return str(error)
    return table.names, [list(column) for column in table.columns], list(table.lines), table.lost
