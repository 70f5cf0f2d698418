"""The texts of a column in little memory: a list of them would take ten times as much as the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from autopilot.domain.candles import FloatArray

LONGEST = 64
"""Characters; texts that may be longer stay as they are."""
Block = NDArray[np.bytes_] | Sequence[str]


class CellLines:
    """``count`` lines with as many cells each and no quotation marks."""

    def __init__(self, lines: str, mark: str, count: int) -> None:
        self._lines = lines
        self.mark = mark
        self.count = count

    @cached_property
    def lines(self) -> list[str]:
        """They are split when a text of them is read, which is seldom where all are numbers."""
        return self._lines.split("\n")


class LineColumn(Sequence[str]):
    """Column ``at`` of such lines."""

    def __init__(self, lines: CellLines, at: int) -> None:
        self._lines = lines
        self._at = at

    def __len__(self) -> int:
        return self._lines.count

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        found = self._lines.lines[at]
        return self._cell(found) if isinstance(found, str) else list(map(self._cell, found))

    def __iter__(self) -> Iterator[str]:
        return map(self._cell, self._lines.lines)

    def _cell(self, line: str) -> str:
        return line.split(self._lines.mark)[self._at]


class CompactColumn(Sequence[Any]):
    """The texts of a column, in blocks. ``numbers``: of each block, if every text is a plain number. ``has_exponents``:
    whether some of these are written with one."""

    def __init__(
        self, blocks: Sequence[Block], numbers: Sequence[FloatArray] | None = None, *, has_exponents: bool = False
    ) -> None:
        self._blocks = blocks
        self._ends = np.cumsum([len(block) for block in blocks], dtype=np.int64)
        self._numbers = numbers
        self.has_exponents = has_exponents

    @property
    def numbers(self) -> FloatArray | None:
        """float64[n]; None if a text is not a plain number."""
        return None if self._numbers is None else np.concatenate(self._numbers)

    @classmethod
    def joined(cls, columns: Sequence[CompactColumn]) -> CompactColumn:
        """One after the other."""
        known = [each._numbers for each in columns if each._numbers is not None]
        return cls(
            [block for each in columns for block in each._blocks],
            list(chain.from_iterable(known)) if len(known) == len(columns) else None,
            has_exponents=any(each.has_exponents for each in columns),
        )

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> CompactColumn: ...
    def __getitem__(self, at: int | slice) -> str | CompactColumn:
        if isinstance(at, slice):
            begin, end, _ = at.indices(len(self))
            ends = self._ends.tolist()
            cut = [
                block[max(begin - start, 0) : end - start]
                for block, start, stop in zip(self._blocks, [0, *ends], ends, strict=False)
                if begin < stop and start < end
            ]
            numbers = None if self._numbers is None else [np.concatenate(self._numbers)[begin:end]]
            return CompactColumn(cut, numbers, has_exponents=self.has_exponents)
        place = range(len(self))[at]
        number = int(np.searchsorted(self._ends, place, side="right"))
        return _text(self._blocks[number][place - int(self._ends[number])])

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self.blocks())

    def __contains__(self, cell: object) -> bool:
        if self._numbers is not None and not (isinstance(cell, str) and any(map(str.isdigit, cell))):
            return False
        return any(cell in block for block in self.blocks())

    def blocks(self) -> Iterator[list[str]]:
        """The texts, some thousands at a time."""
        return map(_texts, self._blocks)


def _text(cell: str | bytes) -> str:
    return cell.decode() if isinstance(cell, bytes) else str(cell)


def _texts(block: Block) -> list[str]:
    return block.astype(np.str_).tolist() if isinstance(block, np.ndarray) else list(block)


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
