"""The parts of a screen, for any width."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Style(StrEnum):
    """The meaning of a text; `terminal.LOOKS` alone decides how that looks."""

    PLAIN = ""
    HEADING = "heading"
    FAINT = "faint"
    GOOD = "good"
    """A gain, or in order."""
    BAD = "bad"
    """A loss, or an error."""
    WARNING = "warning"
    BUY = "buy"
    SELL = "sell"
    DENIED = "denied"
    """Denied by Autopilot's own checks."""


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text in one style, within one line."""

    text: str
    style: Style = Style.PLAIN


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Text that may be wrapped; lines after the first are indented by ``hang`` columns."""

    spans: tuple[Span, ...]
    hang: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """On a narrow terminal the column with the highest ``rank`` is dropped first, those of rank 0 last.

    ``shrink_to``: texts may be cut to that many characters, which comes before any column is dropped; None: not.
    """

    title: str
    right: bool = False
    rank: int = 0
    shrink_to: int | None = None


@dataclass(frozen=True, slots=True)
class Field(Generic[Item]):
    """A column, and how the cell of an item is read off that item."""

    column: Column
    cell: Callable[[Item], Span | str]


@dataclass(frozen=True, slots=True)
class Table:
    """Every row has one span for each column."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Span, ...], ...]


Block = Paragraph | Table
Screen = tuple[Block, ...]

BLANK = Paragraph(())


def line(text: str, style: Style = Style.PLAIN, *, hang: int = 0) -> Paragraph:
    """A paragraph in one style."""
    return Paragraph((Span(text, style),), hang)


def field(
    title: str,
    cell: Callable[[Item], Span | str],
    *,
    right: bool = False,
    rank: int = 0,
    shrink_to: int | None = None,
) -> Field[Item]:
    """A column of a list with its cell; the options are those of Column."""
    return Field(Column(title, right, rank, shrink_to), cell)


def listed(fields: Sequence[Field[Item]], items: Iterable[Item]) -> Table:
    """A table with one row for each item."""
    return table((each.column for each in fields), ([each.cell(item) for each in fields] for item in items))


def table(columns: Iterable[Column], rows: Iterable[Iterable[Span | str]]) -> Table:
    """Cells may be given as bare text."""
    return Table(
        tuple(columns),
        tuple(tuple(cell if isinstance(cell, Span) else Span(cell) for cell in row) for row in rows),
    )
