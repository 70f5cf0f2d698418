"""What is known of stored candles at a glance: a strip of characters for each series, one for each month or more."""

from __future__ import annotations

from itertools import pairwise
from operator import itemgetter
from time import gmtime

from autopilot.cli.render.blocks import BLANK, Style, field, heading, line, listed
from autopilot.cli.render.layout import GAP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from autopilot.cli.render.blocks import Block, Field
    from autopilot.domain.document_types import Document

LONGEST = 48
"""Characters of a strip; with more months than that, a character stands for a quarter, half a year, or more."""
LINE = 80
"""The strip is shorter where it does not fit on a line of this length."""
_SHOWN = ("exchange", "symbol", "timeframe")
_UNITS = (1, 3, 6, 12, 60, 240)
"""Months of a character."""
_NAMES = {1: "month", 3: "quarter", 6: "half-year", 12: "year", 60: "five years", 240: "twenty years"}
ALL, KNOWN, SOME, NONE = "#", "~", "+", "."
_OF_WAY = {"import": "i", "derived": "d"}
LEGEND = (
    f"{ALL} all candles   {KNOWN} all that exist   {SOME} some   {_OF_WAY['import']} imported"
    f"   {_OF_WAY['derived']} derived   {NONE} none"
)


def coverage_blocks(series: list[Document]) -> Iterator[Block]:
    """A strip for each of the series that have spans, on one axis of time."""
    known = [item for item in series if item["spans"]]
    if not known:
        return
    first = _month(min(item["spans"][0]["from_ms"] for item in known))
    end_ms = max(item["spans"][-1]["to_ms"] for item in known)
    last = _month(end_ms - 1)
    taken = sum(max(len(name), *(len(item[name]) for item in known)) + len(GAP) for name in _SHOWN)
    longest = min(LONGEST, LINE - taken)
    unit = next((unit for unit in _UNITS if last // unit - first // unit < longest), _UNITS[-1])
    places = range(first // unit, last // unit + 1)
    bounds = [_begin_ms(place * unit) for place in (*places, places.stop)]
    fields: tuple[Field[Document], ...] = (
        *(field(name, itemgetter(name), rank=name == _SHOWN[0]) for name in _SHOWN),
        field(_axis(places, unit), lambda item: strip(item, bounds, end_ms)),
    )
    yield from (BLANK, heading(f"Coverage by {_NAMES[unit]}"), listed(fields, known))
    yield line(LEGEND, Style.FAINT)


def strip(item: Document, bounds: list[int], end_ms: int) -> str:
    """A character for each stretch between two ``bounds``, of which nothing later than ``end_ms`` counts."""
    covered = _lengths(item["spans"], bounds)
    absent = _lengths((gap for gap in item["gaps"] if gap["next_try_at_ms"] is None), bounds)
    unsure = _lengths((gap for gap in item["gaps"] if gap["next_try_at_ms"] is not None), bounds)
    by_way = {
        letter: _lengths((span for span in item["spans"] if span["way"] == way), bounds)
        for way, letter in _OF_WAY.items()
    }
    characters = []
    for at, (begin_ms, until_ms) in enumerate(pairwise(bounds)):
        length = min(until_ms, end_ms) - begin_ms
        letters = [letter for letter, lengths in by_way.items() if lengths[at] >= length]
        if covered[at] <= absent[at]:
            characters.append(KNOWN if covered[at] >= length else NONE)
        elif covered[at] - unsure[at] < length:
            characters.append(SOME)
        else:
            characters.append(letters[0] if letters else KNOWN if absent[at] else ALL)
    return "".join(characters)


def _lengths(spans: Iterable[Document], bounds: list[int]) -> list[int]:
    """Milliseconds of ascending spans in each stretch."""
    found, at = [0] * (len(bounds) - 1), 0
    for span in spans:
        while at < len(found) and bounds[at + 1] <= span["from_ms"]:
            at += 1
        place = at
        while place < len(found) and bounds[place] < span["to_ms"]:
            found[place] += min(span["to_ms"], bounds[place + 1]) - max(span["from_ms"], bounds[place])
            place += 1
    return found


def _axis(places: range, unit: int) -> str:
    """The years, each above its January, as far as there is room."""
    marks = [" "] * len(places)
    free = 0
    for at, place in enumerate(places):
        year, month = divmod(place * unit, 12)
        if not month and at >= free and at + 4 <= len(marks):
            marks[at : at + 4] = str(year)
            free = at + 5
    text = "".join(marks).rstrip()
    year, month = divmod(places.start * unit, 12)
    return text or f"from {year}-{month + 1:02}"


def _month(at_ms: int) -> int:
    """The months since the year 0."""
    moment = gmtime(at_ms // 1000)
    return 12 * moment.tm_year + moment.tm_mon - 1


def _begin_ms(months: int) -> int:
    from calendar import timegm

    year, month = divmod(months, 12)
    return 1000 * timegm((year, month + 1, 1, 0, 0, 0))
