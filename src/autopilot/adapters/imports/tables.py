"""A table as a file holds it: columns of unread cells, the line of each row, and the rows that cannot be a row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autopilot.adapters.imports.layouts import is_number_name
from autopilot.domain.errors import CandleError

Row = Sequence[Any]
TOO_FEW, TOO_MANY, HEADER_AGAIN = "too few fields", "too many fields", "header repeated"
LINE, ROW = "line", "row"
SAMPLE_LENGTH = 80
_NUMBER = re.compile(r"[-+]?[\d.,'\u2019\u00a0\u202f ]*\d[\d.,]*(?:[eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Loss:
    """``count`` rows were left out for one reason; the first of them stands in ``line`` and begins with ``sample``.
    ``unit``: whether that is the number of a line or, in JSON, of a row."""

    count: int
    line: int
    sample: str
    unit: str = LINE


@dataclass(frozen=True, slots=True)
class CellTable:
    """``columns`` have one cell per row. ``names`` is None without a header. ``lines``: where each row stands, from 1.

    ``lost``: rows that are not in the columns, by reason. ``answer_of``: the exchange whose answer the file is.
    ``last_closed_s``: later rows are of candles that were still running, as the answer says."""

    names: tuple[str, ...] | None
    columns: tuple[Sequence[Any], ...]
    lines: Sequence[int]
    lost: Mapping[str, Loss] = field(default_factory=dict)
    answer_of: str | None = None
    last_closed_s: int | None = None
    unit: str = LINE

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def read(self) -> int:
        """The rows of the file, with those that are not in the columns."""
        return len(self) + sum(loss.count for loss in self.lost.values())

    def without_last(self, reason: str) -> CellTable:
        """Without the last row, which is lost for this reason."""
        losses = Losses(dict(self.lost), self.unit)
        losses.add(reason, self.lines[-1], self.sample(len(self) - 1))
        columns = tuple(column[:-1] for column in self.columns)
        return replace(self, columns=columns, lines=self.lines[:-1], lost=losses.by_reason)

    def sample(self, row: int) -> str:
        """The beginning of a row, for a message."""
        return sample_of([column[row] for column in self.columns])


@dataclass(slots=True)
class Losses:
    """Counts rows that are left out, by reason, with a sample of the first."""

    by_reason: dict[str, Loss] = field(default_factory=dict)
    unit: str = LINE

    def add(self, reason: str, line: int, sample: str, count: int = 1) -> None:
        before = self.by_reason.get(reason)
        if before is None:
            self.by_reason[reason] = Loss(count, line, sample, self.unit)
        else:
            self.by_reason[reason] = replace(before, count=before.count + count)


def sample_of(cells: Row) -> str:
    """The cells as text, cut to a line."""
    text = ",".join("" if cell is None else str(cell) for cell in cells)
    return text if len(text) <= SAMPLE_LENGTH else text[: SAMPLE_LENGTH - 1] + "…"


def is_number(cell: Any) -> bool:
    """Whether a cell could be a number in any notation."""
    return isinstance(cell, int | float) or bool(_NUMBER.fullmatch(str(cell).strip()))


def named_table(names: Sequence[str], rows: list[Row], lines: Sequence[int], unit: str = LINE) -> CellTable:
    """The table below a header. A row belongs to it if it has a cell for each name.

    More cells are allowed where they are empty, or where they are text between rows without them, if the last named
    column is of numbers: no cell before them can then be out of its place.
    """
    width, header = len(names), list(names)
    if set(map(len, rows)) == {width} and header not in rows:
        return CellTable(tuple(names), _columns(rows, width), lines, unit=unit)
    kept, places, losses = [], [], Losses(unit=unit)
    regular = [row[-1] for row in rows if len(row) == width]
    ends_in_number = 2 * len(regular) > len(rows) and all(map(is_number, regular))
    for row, line in zip(rows, lines, strict=True):
        if len(row) < width:
            losses.add(TOO_FEW, line, sample_of(row))
        elif len(row) > width and not _is_in_place(row, width, ends_in_number, is_number_name(names[-1])):
            losses.add(TOO_MANY, line, sample_of(row))
        elif list(row[:width]) == header:
            losses.add(HEADER_AGAIN, line, sample_of(row))
        else:
            kept.append(row[:width])
            places.append(line)
    return CellTable(tuple(names), _columns(kept, width), places, losses.by_reason, unit=unit)


def _is_in_place(row: Row, width: int, ends_in_number: bool, named_as_number: bool) -> bool:
    """Whether the cells of a row that has more than ``width`` are those of the named columns."""
    surplus = [cell for cell in row[width:] if not isinstance(cell, str) or cell.strip()]
    proven = ends_in_number if surplus else ends_in_number or named_as_number
    return proven and is_number(row[width - 1]) and not any(map(is_number, surplus))


def bare_table(rows: list[Row], lines: Sequence[int], unit: str = LINE) -> CellTable:
    """The table without a header: the rows that are as long as most of them."""
    if all(len(row) > 1 and isinstance(row[-1], str) and not row[-1].strip() for row in rows):
        rows = [row[:-1] for row in rows]
    width = Counter(map(len, rows)).most_common(1)[0][0]
    kept, places, losses = [], [], Losses(unit=unit)
    for row, line in zip(rows, lines, strict=True):
        if len(row) == width:
            kept.append(row)
            places.append(line)
        else:
            losses.add(TOO_FEW if len(row) < width else TOO_MANY, line, sample_of(row))
    return CellTable(None, _columns(kept, width), places, losses.by_reason, unit=unit)


def require_rows(rows: Iterable[Row]) -> None:
    """Raises CandleError for a table without any row."""
    if not any(True for _ in rows):
        raise CandleError("it has no rows", hint="download it again")


def _columns(rows: list[Row], width: int) -> tuple[list[Any], ...]:
    return tuple([row[at] for row in rows] for at in range(width))
