"""Well-formed candle files are imported exactly, and no damaged one stores a number that is not its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_files import damaged, imported, well_formed, wrong_numbers

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
