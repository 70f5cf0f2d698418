"""A screen as lines of spans: the one place that aligns, wraps and cuts. Pure."""

from __future__ import annotations

from autopilot.cli.render.blocks import Span, Style, Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autopilot.cli.render.blocks import Column, Paragraph, Screen

Line = tuple[Span, ...]

GAP = "  "
FEWEST_COLUMNS = 2
"""Of a table that does not fit; where even these are too wide, the texts in them are cut."""
_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), "�")


def lines(screen: Screen, width: int | None) -> list[Line]:
    """The lines that show ``screen``, at most ``width`` columns long.

    ``width`` None is for a pipe or file: it wraps, cuts and drops nothing.
    """
    return [
        item
        for block in screen
        for item in (_table_lines(block, width) if isinstance(block, Table) else _paragraph_lines(block, width))
    ]


def plain(screen: Screen) -> list[str]:
    """The screen as text for a pipe."""
    return [text_of(item) for item in lines(screen, None)]


def text_of(spans: Line) -> str:
    """The line without styles."""
    return "".join(span.text for span in spans).rstrip()


def clean(text: str) -> str:
    """Without control characters: a text from outside must not steer the terminal."""
    return text.replace("\n", " ").translate(_CONTROL)


def _paragraph_lines(paragraph: Paragraph, width: int | None) -> list[Line]:
    spans = tuple(Span(clean(span.text), span.style) for span in paragraph.spans)
    if width is None or len(text_of(spans)) <= width:
        return [spans]
    longest = max(1, width - paragraph.hang)
    result: list[list[Span]] = [[]]
    used = 0
    for span in spans:
        for word in _words(span.text, longest):
            fitting = word
            if used and used + len(word) > width:
                result.append([])
                fitting, used = " " * paragraph.hang + word.lstrip(), 0
            result[-1].append(Span(fitting, span.style))
            used += len(fitting)
    return [tuple(item) for item in result]


def _words(text: str, longest: int) -> Iterator[str]:
    """The parts of ``text``, none lost: words of at most ``longest`` characters, each with the spaces before it."""
    at = 0
    while at < len(text):
        first = at + len(text[at:]) - len(text[at:].lstrip(" "))
        end = text.find(" ", first)
        end = min(len(text) if end < 0 else end, first + longest)
        yield text[at:end]
        at = end


def _table_lines(table: Table, width: int | None) -> list[Line]:
    rows = [[clean(cell.text) for cell in row] for row in table.rows]
    natural = [max([len(column.title), *(len(row[at]) for row in rows)]) for at, column in enumerate(table.columns)]
    widths = _fit(table.columns, natural, width)
    heading = _row(
        [column.title for column in table.columns], [Style.HEADING] * len(table.columns), table.columns, widths
    )
    body = [
        _row(texts, [cell.style for cell in row], table.columns, widths)
        for texts, row in zip(rows, table.rows, strict=True)
    ]
    if width is None:
        return [heading, *body]
    total = sum(widths.values()) + len(GAP) * (len(widths) - 1)
    return [heading, (Span("─" * total, Style.FAINT),), *body]


def _fit(columns: Sequence[Column], natural: Sequence[int], width: int | None) -> dict[int, int]:
    """Widths of the columns that are shown, by their index."""
    shown = dict(enumerate(natural))
    if width is None:
        return shown

    def overflow() -> int:
        return sum(shown.values()) + len(GAP) * (len(shown) - 1) - width

    def slack(at: int) -> int:
        floor = columns[at].shrink_to
        return 0 if floor is None else max(0, shown[at] - max(floor, len(columns[at].title)))

    while overflow() > sum(slack(at) for at in shown) and len(shown) > FEWEST_COLUMNS:
        del shown[max(shown, key=lambda at: (columns[at].rank, at))]
    for at in shown:
        shown[at] -= min(slack(at), max(0, overflow()))
    while (excess := overflow()) > 0 and (long := [at for at in shown if shown[at] > 1]):
        cut = max(long, key=lambda at: (not columns[at].right, shown[at]))
        shown[cut] = max(1, shown[cut] - excess)
    return shown


def _row(
    texts: Sequence[str], styles: Sequence[Style], columns: Sequence[Column], widths: dict[int, int]
) -> tuple[Span, ...]:
    spans: list[Span] = []
    for at, width in widths.items():
        text = texts[at] if len(texts[at]) <= width else texts[at][: width - 1] + "…"
        padding = Span(" " * (width - len(text)))
        cell = Span(text, styles[at])
        spans += [padding, cell] if columns[at].right else [cell, padding]
        spans.append(Span(GAP))
    return tuple(span for span in spans[:-1] if span.text)
