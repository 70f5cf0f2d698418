"""CSV text to a table: the separator, the lines before the header, the header, the rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from autopilot.adapters.imports.layouts import known_names
from autopilot.adapters.imports.tables import CellTable, Row, bare_table, is_number, named_table, require_rows
from autopilot.domain.errors import CandleError

MARKS = ("\t", ";", "|", ",")
"""In this order: a number may hold a comma, but none of the others."""
LINES_BEFORE = 30
"""The header or the first row stands within so many lines."""
FEWEST_COLUMNS = 5
FEWEST_OTHERS = 20
CUT_OFF = "cut off"


def csv_table(text: str) -> CellTable:
    """Raises CandleError for a text that is no table."""
    table = _table(text)
    is_ended = text.endswith("\n")
    return table if is_ended or not _is_cut_off(table.columns[-1]) else table.without_last(CUT_OFF)


def _table(text: str) -> CellTable:
    lines = text.split("\n", LINES_BEFORE)[:LINES_BEFORE]
    header = _header(lines)
    if header is None:
        at, mark = _first_row(lines)
        columns = _regular_columns(text, at, mark)
        if columns is not None and any(columns[-1]):
            return CellTable(None, columns, range(at + 1, at + 1 + len(columns[0])))
        return bare_table(*_rows(text, at, mark))
    at, mark, names = header
    columns = _regular_columns(text, at + 1, mark)
    if columns is not None and len(columns) == len(names) and names[0] not in columns[0]:
        return CellTable(tuple(names), columns, range(at + 2, at + 2 + len(columns[0])))
    rows, places = _rows(text, at + 1, mark)
    require_rows(rows)
    return named_table(names, rows, places)


def _is_cut_off(column: Sequence[str]) -> bool:
    """Whether a file that does not end with a newline broke off in its last cell: a number with fewer decimals, or
    another text that is shorter, than all others of the column."""
    if len(column) <= FEWEST_OTHERS:
        return False
    *others, last = map(_decimals if is_number(column[-1]) and is_number(column[0]) else len, column)
    return last < min(others)


def _decimals(cell: str) -> int:
    mark = max(cell.rfind("."), cell.rfind(","))
    return len(cell.rstrip()) - 1 - mark if mark >= 0 else 0


def cells_of(line: str, mark: str) -> list[str]:
    """The cells of one line. Raises CandleError."""
    try:
        return next(csv.reader([line], delimiter=mark, skipinitialspace=True), [])
    except csv.Error as error:
        raise CandleError("a line of it is not CSV", hint="is it whole, and really CSV?") from error


def _header(lines: list[str]) -> tuple[int, str, list[str]] | None:
    """(line, separator, names) of the line that has most of the names of candle columns; None without two of them."""
    best: tuple[int, int, str, list[str]] | None = None
    for at, line in enumerate(lines):
        for mark in MARKS:
            cells = cells_of(line, mark)
            found = known_names(cells)
            if found >= 2 and (best is None or found > best[0]):
                best = found, at, mark, cells
    return best[1:] if best else None


def _first_row(lines: list[str]) -> tuple[int, str]:
    """(line, separator) of the first row of a table without a header. Raises CandleError if there is none, or if a line
    before it may be a header with other names."""
    before: list[tuple[str, list[str]]] = []
    for at, line in enumerate(lines):
        for mark in MARKS:
            cells = cells_of(line, mark)
            filled = [cell for cell in cells if cell.strip()]
            if len(filled) < FEWEST_COLUMNS:
                continue
            if not before and sum(map(is_number, filled)) >= FEWEST_COLUMNS - 1:
                return at, mark
            before.append((mark, cells))
            break
    if before:
        names = ", ".join(cell.strip() for cell in before[0][1])
        raise CandleError(
            f"it has no column for time, open, high, low, close, volume; its columns are {names}",
            hint="name the columns timestamp,open,high,low,close,volume",
        )
    widest = max((len(cells_of(line, mark)) for line in lines for mark in MARKS), default=0)
    raise CandleError(
        f"no line of it has the columns of a candle; the longest has {widest}" if any(lines) else "it is empty",
        hint="download it again, or name the columns timestamp,open,high,low,close,volume",
    )


def _regular_columns(text: str, first: int, mark: str) -> tuple[list[str], ...] | None:
    """The columns of a table without quotation marks and remarks in which every line has as many cells, read faster
    than by `_rows`. None for any other."""
    begin = 0
    for _ in range(first):
        begin = text.find("\n", begin) + 1
        if not begin:
            return None
    rest = text[begin:].rstrip("\n")
    if not rest or '"' in rest or "#" in rest:
        return None
    marks = {line.count(mark) for line in rest.split("\n")}
    if len(marks) != 1 or marks == {0}:
        return None
    width = marks.pop() + 1
    cells = rest.replace("\n", mark).split(mark)
    return tuple(cells[at::width] for at in range(width))


def _rows(text: str, first: int, mark: str) -> tuple[list[Row], list[int] | range]:
    """The rows from line ``first`` on (from 0) and the line of each, from 1. Raises CandleError."""
    stream = io.StringIO(text)
    for _ in range(first):
        stream.readline()
    reader = csv.reader(stream, delimiter=mark, skipinitialspace=True)
    try:
        rows: list[Row] = list(reader)
    except csv.Error as error:
        raise CandleError(f"line {first + reader.line_num} is not CSV", hint="is it whole, and really CSV?") from error
    if reader.line_num != len(rows):
        raise CandleError(_open_quote(rows, first), hint="download it again, or mend that line")
    if all(rows) and not any("#" in row[0] or row[0].isspace() for row in rows):
        return rows, range(first + 1, first + 1 + len(rows))
    kept = [(row, first + at) for at, row in enumerate(rows, 1) if not _is_remark(row)]
    return [row for row, _ in kept], [line for _, line in kept]


def _is_remark(row: Row) -> bool:
    return not row or row[0].lstrip().startswith("#") or not any(cell.strip() for cell in row)


def _open_quote(rows: list[Row], first: int) -> str:
    at = next((at for at, row in enumerate(rows, 1) if any("\n" in cell for cell in row)), len(rows))
    return f"a quotation mark in line {first + at} is never closed"
