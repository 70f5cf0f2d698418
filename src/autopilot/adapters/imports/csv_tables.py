"""CSV text to a table: the separator, the lines before the header, the header, the rows.

A table of one width is read block by block into compact columns; any other, as a whole.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from autopilot.adapters.imports.compact import CellLines, CompactColumn, LineColumn, compact
from autopilot.adapters.imports.layouts import known_names
from autopilot.adapters.imports.plain_numbers import plain_numbers
from autopilot.adapters.imports.tables import CellTable, Row, bare_table, is_number, named_table, require_rows
from autopilot.domain.errors import CandleError

MARKS = ("\t", ";", "|", ",")
"""In this order: a number may hold a comma, but none of the others."""
LINES_BEFORE = 30
"""The header or the first row stands within so many lines."""
FEWEST_COLUMNS = 5
FEWEST_OTHERS = 20
CUT_OFF = "cut off"
LONGEST_LINE = 1 << 20
"""Characters: no row of candles is so long."""
Blocks = Callable[[], Iterator[str]]
"""A text from its beginning, in blocks that end anywhere."""


def csv_table(blocks: Blocks) -> CellTable:
    """Raises CandleError for a text that is no table."""
    last = ""

    def noted() -> Iterator[str]:
        nonlocal last
        for block in blocks():
            last = block or last
            yield block

    table = _table(noted)
    is_cut_off = not last.endswith("\n") and _is_cut_off(table.columns[-1])
    return table.without_last(CUT_OFF) if is_cut_off else table


def _table(blocks: Blocks) -> CellTable:
    lines = _first_lines(blocks)
    header = _header(lines)
    if header is None:
        at, mark = _first_row(lines)
        columns = _regular_columns(blocks, at, mark)
        if columns is not None and any(columns[-1]):
            return CellTable(None, columns, range(at + 1, at + 1 + len(columns[0])))
        return bare_table(*_rows("".join(blocks()), at, mark))
    at, mark, names = header
    columns = _regular_columns(blocks, at + 1, mark)
    if columns is not None and len(columns) == len(names) and names[0] not in columns[0]:
        return CellTable(tuple(names), columns, range(at + 2, at + 2 + len(columns[0])))
    rows, places = _rows("".join(blocks()), at + 1, mark)
    require_rows(rows)
    return named_table(names, rows, places)


def _first_lines(blocks: Blocks) -> list[str]:
    start = ""
    for block in blocks():
        start += block
        _require_lines(start)
        if start.count("\n") >= LINES_BEFORE:
            break
    return start.split("\n", LINES_BEFORE)[:LINES_BEFORE]


def _require_lines(text: str) -> None:
    """Raises CandleError if the text ends in a line that is too long to be a row."""
    if len(text) - text.rfind("\n") > LONGEST_LINE:
        raise CandleError(f"a line of it is longer than {LONGEST_LINE:,} characters", hint="is it really a table?")


def _is_cut_off(column: Sequence[str]) -> bool:
    """Whether a file that does not end with a newline broke off in its last cell: a number with fewer decimals, or
    another text that is shorter, than all others of the column."""
    if len(column) <= FEWEST_OTHERS:
        return False
    measure = _decimals if is_number(column[-1]) and is_number(column[0]) else len
    return measure(column[-1]) < min(map(measure, islice(column, len(column) - 1)))


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


def _regular_columns(blocks: Blocks, first: int, mark: str) -> tuple[CompactColumn, ...] | None:
    """The columns of a table from line ``first`` on (from 0) in which every line has as many cells, and no remark is.
    None for any other. The cells are those that `_rows` would give, or differ by spaces around them."""
    for read in (_plain, _unquoted):
        columns = _joined(read(lines, mark) for lines in _whole_lines(blocks, first))
        if columns is not None:
            return columns
    return None


def _joined(blocks: Iterable[list[CompactColumn] | None]) -> tuple[CompactColumn, ...] | None:
    found: list[list[CompactColumn]] = []
    for columns in blocks:
        if columns is None or (found and len(columns) != len(found[0])):
            return None
        found.append(columns)
    return tuple(map(CompactColumn.joined, zip(*found, strict=True))) or None


def _whole_lines(blocks: Blocks, first: int) -> Iterator[str]:
    """The text from line ``first`` on, in blocks of whole lines; without the newlines after a block, and after the
    last line."""
    rest, skipped = "", 0
    for block in blocks():
        rest += block
        while skipped < first and (end := rest.find("\n") + 1):
            rest, skipped = rest[end:], skipped + 1
        _require_lines(rest)
        end = rest.rstrip("\n").rfind("\n")
        if skipped == first and end >= 0:
            yield rest[:end]
            rest = rest[end + 1 :]
    if skipped == first and rest.strip("\n"):
        yield rest.rstrip("\n")


def _plain(lines: str, mark: str) -> list[CompactColumn] | None:
    """The columns of lines without quotation marks."""
    if '"' in lines or "#" in lines:
        return None
    if (read := plain_numbers(lines, mark)) is not None:
        cells = CellLines(lines, mark, read[0].shape[1])
        return [
            CompactColumn([LineColumn(cells, at)], [numbers], has_exponents=bool(has_exponents))
            for at, (numbers, has_exponents) in enumerate(zip(*read, strict=True))
        ]
    marks = {line.count(mark) for line in lines.split("\n")}
    if len(marks) != 1 or marks == {0}:
        return None
    width = marks.pop() + 1
    texts = lines.replace("\n", mark).split(mark)
    return [CompactColumn([compact(texts[at::width])]) for at in range(width)]


def _unquoted(lines: str, mark: str) -> list[CompactColumn] | None:
    """The columns of lines with quotation marks, of which each line closes its own."""
    texts = lines.split("\n")
    if any(line.count('"') % 2 for line in texts):
        return None
    try:
        rows = list(csv.reader(texts, delimiter=mark, skipinitialspace=True))
    except csv.Error:
        return None
    widths = set(map(len, rows))
    if len(rows) != len(texts) or len(widths) != 1 or min(widths) < 2:
        return None
    if any("#" in row[0] or row[0].isspace() or not any(cell.strip() for cell in row) for row in rows):
        return None
    return [CompactColumn([compact(list(column))]) for column in zip(*rows, strict=True)]


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
