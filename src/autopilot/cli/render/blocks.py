"""The parts of a screen, for any width."""

from __future__ import annotations

from autopilot.domain.named_strings import NamedStrings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, ParamSpec, TypeAlias, TypeVar

    Item = TypeVar("Item")
    Arguments = ParamSpec("Arguments")

BANNERS = {
    "simulated": "SIMULATED MARKET – prices are made up",
    "replay": "REPLAY of stored candles – not the present market",
}
"""By the name of the MarketKind."""


class Style(NamedStrings):
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


class _Value:
    """Equal if its type and its fields are: a dataclass, whose import would take half of a query."""

    __slots__: tuple[str, ...] = ()

    def _fields(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Value) and type(self) is type(other) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self._fields()!r}"


class Span(_Value):
    """A run of text in one style, within one line."""

    __slots__ = ("style", "text")

    def __init__(self, text: str, style: Style = Style.PLAIN) -> None:
        self.text = text
        self.style = style


class Paragraph(_Value):
    """Text that may be wrapped; lines after the first are indented by ``hang`` columns."""

    __slots__ = ("hang", "spans")

    def __init__(self, spans: tuple[Span, ...], hang: int = 0) -> None:
        self.spans = spans
        self.hang = hang


class Column(_Value):
    """On a narrow terminal the column with the highest ``rank`` is dropped first, those of rank 0 last.

    ``shrink_to``: texts may be cut to that many characters, which comes before any column is dropped; None: not.
    """

    __slots__ = ("rank", "right", "shrink_to", "title")

    def __init__(self, title: str, right: bool = False, rank: int = 0, shrink_to: int | None = None) -> None:
        self.title = title
        self.right = right
        self.rank = rank
        self.shrink_to = shrink_to


class Table(_Value):
    """Every row has one span for each column."""

    __slots__ = ("columns", "rows")

    def __init__(self, columns: tuple[Column, ...], rows: tuple[tuple[Span, ...], ...]) -> None:
        self.columns = columns
        self.rows = rows


if TYPE_CHECKING:
    Field: TypeAlias = tuple[Column, Callable[[Item], Span | str]]
else:
    Field = tuple
"""A column, and how the cell of an item is read off that item."""
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
    return Column(title, right, rank, shrink_to), cell


def as_screen(function: Callable[Arguments, Iterable[Block]]) -> Callable[Arguments, Screen]:
    """``function``, with the blocks that it yields as a screen."""

    def screen(*arguments: Arguments.args, **options: Arguments.kwargs) -> Screen:
        return tuple(function(*arguments, **options))

    screen.__name__, screen.__doc__ = function.__name__, function.__doc__
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
    documents: Sequence[Any] = items
    return (*banner(documents), listed(fields, items)) if items else (line(nothing, Style.FAINT),)


def banner(documents: Iterable[Mapping[str, Any]]) -> tuple[Paragraph, ...]:
    """The line, on every screen, that names a market which is not real: one for each kind of such market among
    ``documents``, which have a ``market`` or an ``account``."""
    kinds = {str(each.get("market") or str(each.get("account", "")).rpartition(":")[2]) for each in documents}
    return tuple(line(text, Style.WARNING) for kind, text in BANNERS.items() if kind in kinds)


def listed(fields: Sequence[Field[Item]], items: Iterable[Item]) -> Table:
    """A table with one row for each item."""
    return table((column for column, _ in fields), ([cell(item) for _, cell in fields] for item in items))


def table(columns: Iterable[Column], rows: Iterable[Iterable[Span | str]]) -> Table:
    """Cells may be given as bare text."""
    return Table(
        tuple(columns),
        tuple(tuple(cell if isinstance(cell, Span) else Span(cell) for cell in row) for row in rows),
    )
