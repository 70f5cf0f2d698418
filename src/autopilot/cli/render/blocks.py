"""The parts of a screen, for any width."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar, cast

from autopilot.domain.market import MarketKind

Item = TypeVar("Item")
Arguments = ParamSpec("Arguments")

BANNERS = {
    MarketKind.SIMULATED: "SIMULATED MARKET – prices are made up",
    MarketKind.REPLAY: "REPLAY of stored candles – not the present market",
}
"""By the name of the MarketKind."""


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


def as_screen(function: Callable[Arguments, Iterable[Block]]) -> Callable[Arguments, Screen]:
    """``function``, with the blocks that it yields as a screen."""

    @wraps(function)
    def screen(*arguments: Arguments.args, **options: Arguments.kwargs) -> Screen:
        return tuple(function(*arguments, **options))

    return screen


def heading(text: str) -> Paragraph:
    """The title of a screen or section."""
    return line(text, Style.HEADING)


def remedy(text: str, *, indent: int = 2, hang: int = 2) -> Paragraph:
    """``try: …``, below the problem that it solves."""
    return line(f"{' ' * indent}try: {text}", Style.FAINT, hang=hang)


def checked(passed: bool) -> Span:
    """The mark before a rule, test or check."""
    return Span("  ✓ ", Style.GOOD) if passed else Span("  ✗ ", Style.BAD)


def stacked(*sections: Iterable[Block]) -> Screen:
    """The sections that have content, separated by blank lines."""
    shown = [blocks for section in sections if (blocks := tuple(section))]
    return tuple(block for blocks in shown for block in (BLANK, *blocks))[1:]


def section(title: str, fields: Sequence[Field[Item]], items: Iterable[Item]) -> Screen:
    """The items as a table below a heading; empty without items."""
    rows = tuple(items)
    return (heading(title), listed(fields, rows)) if rows else ()


def listing(fields: Sequence[Field[Item]], items: Sequence[Item], nothing: str) -> Screen:
    """The documents as a table below their banners or, if there are none, the sentence ``nothing``."""
    documents = cast("Sequence[Mapping[str, Any]]", items)
    return (*banner(documents), listed(fields, items)) if items else (line(nothing, Style.FAINT),)


def banner(documents: Iterable[Mapping[str, Any]]) -> tuple[Paragraph, ...]:
    """The line, on every screen, that names a market which is not real: one for each kind of such market among
    ``documents``, which have a ``market`` or an ``account``."""
    kinds = {str(each.get("market") or str(each.get("account", "")).rpartition(":")[2]) for each in documents}
    return tuple(line(text, Style.WARNING) for kind, text in BANNERS.items() if kind in kinds)


def listed(fields: Sequence[Field[Item]], items: Iterable[Item]) -> Table:
    """A table with one row for each item."""
    return table((each.column for each in fields), ([each.cell(item) for each in fields] for item in items))


def table(columns: Iterable[Column], rows: Iterable[Iterable[Span | str]]) -> Table:
    """Cells may be given as bare text."""
    return Table(
        tuple(columns),
        tuple(tuple(cell if isinstance(cell, Span) else Span(cell) for cell in row) for row in rows),
    )
