"""The texts of a column in little memory: a list of them would take ten times as much as the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

LONGEST = 64
"""Characters; texts that may be longer stay as they are."""
Block = NDArray[np.bytes_] | Sequence[str]


class CompactColumn(Sequence[Any]):
    """The texts of a column, in blocks."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks = blocks
        self._ends = np.cumsum([len(block) for block in blocks], dtype=np.int64)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> CompactColumn: ...
    def __getitem__(self, at: int | slice) -> str | CompactColumn:
        if isinstance(at, slice):
            begin, end, _ = at.indices(len(self))
            starts = self._ends - [len(block) for block in self._blocks]
            pairs = zip(self._blocks, starts.tolist(), strict=True)
            cut = [block[max(begin - start, 0) : max(end - start, 0)] for block, start in pairs]
            return CompactColumn([block for block in cut if len(block)])
        place = range(len(self))[at]
        number = int(np.searchsorted(self._ends, place, side="right"))
        block = self._blocks[number]
        cell = block[place - int(self._ends[number])]
        return cell.decode() if isinstance(cell, bytes) else str(cell)

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self.blocks())

    def __contains__(self, cell: object) -> bool:
        return any(cell in block for block in self.blocks())

    def blocks(self) -> Iterator[list[str]]:
        """The texts, some thousands at a time."""
        for block in self._blocks:
            yield block.astype(np.str_).tolist() if isinstance(block, np.ndarray) else list(block)


def compact(cells: list[str]) -> Block:
    """A block of a column, as `CompactColumn` takes it."""
    if max(map(len, cells)) > LONGEST:
        return cells
    try:
        return np.array(cells, dtype=np.bytes_)
    except UnicodeEncodeError:
        return cells


def blocks_of(column: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The cells of any column, as many at a time as are in memory together anyway."""
    return column.blocks() if isinstance(column, CompactColumn) else iter([column])
