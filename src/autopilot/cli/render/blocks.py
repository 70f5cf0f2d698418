"""What a screen is made of, before anyone knows how wide the screen is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Style(StrEnum):
    """What a text means; how that looks is decided by the terminal renderer alone."""

    PLAIN = ""
    HEADING = "heading"
    FAINT = "faint"
    GOOD = "good"
    BAD = "bad"
    WARNING = "warning"


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
    """``rank`` 0 is always shown; on a narrow terminal the highest rank goes first. ``shrink_to`` lets the
    column be cut to that many characters; None never cuts."""

    title: str
    right: bool = False
    rank: int = 0
    shrink_to: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Every row has one span a column."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Span, ...], ...]


Block = Paragraph | Table
Screen = tuple[Block, ...]

BLANK = Paragraph(())


def line(text: str, style: Style = Style.PLAIN, *, hang: int = 0) -> Paragraph:
    """A paragraph in one style."""
    return Paragraph((Span(text, style),), hang)


def table(columns: Iterable[Column], rows: Iterable[Iterable[Span | str]]) -> Table:
    """Cells may be given as bare text."""
    return Table(
        tuple(columns),
        tuple(tuple(cell if isinstance(cell, Span) else Span(cell) for cell in row) for row in rows),
    )
