"""The screens of `autopilot data`."""

from __future__ import annotations

from collections.abc import Iterator

from autopilot.cli.render.blocks import BLANK, Block, Field, Screen, Span, Style, field, heading, line, listed, listing
from autopilot.cli.render.words import count, day, utc
from autopilot.domain.document_types import Document

SERIES_FIELDS: tuple[Field[Document], ...] = (
    field("exchange", lambda item: item["exchange"]),
    field("symbol", lambda item: item["symbol"]),
    field("timeframe", lambda item: item["timeframe"]),
    field("candles", lambda item: f"{item['candles']:,}", right=True, rank=2),
)
LIST_FIELDS: tuple[Field[Document], ...] = (
    *SERIES_FIELDS,
    field("first", lambda item: utc(item["first_at_ms"]), rank=3),
    field("last", lambda item: utc(item["last_at_ms"]), rank=1),
)
VERIFY_FIELDS: tuple[Field[Document], ...] = (
    *SERIES_FIELDS,
    field("verdict", lambda item: _verdict(item["faults"]), shrink_to=10),
)
IMPORT_FIELDS: tuple[Field[Document], ...] = (
    field("file", lambda item: item["file"].rpartition("/")[2], rank=4, shrink_to=20),
    field("exchange", lambda item: item["exchange"], rank=3),
    field("symbol", lambda item: item["symbol"]),
    field("timeframe", lambda item: item["timeframe"]),
    field("rows", lambda item: f"{item['read']:,}", right=True, rank=2),
    field("new", lambda item: f"{item['written']:,}", right=True),
    field("dropped", lambda item: f"{sum(item['dropped'].values()):,}", right=True, rank=1),
)
NOTHING_STORED = "No candles are stored. Try: autopilot data import PATH"


def list_screen(document: Document) -> Screen:
    """``{"series": [{exchange, symbol, timeframe, candles, first_at_ms, last_at_ms}…]}``."""
    return listing(LIST_FIELDS, document["series"], NOTHING_STORED)


def verify_screen(document: Document) -> Screen:
    """``{"series": [{exchange, symbol, timeframe, candles, faults, sound}…], "sound"}``."""
    series = document["series"]
    return (*listing(VERIFY_FIELDS, series, NOTHING_STORED), *_faults(series))


def import_screen(document: Document) -> Screen:
    """``{"imported": [{file, exchange, symbol, timeframe, read, written, dropped, faults}…]}``."""
    return (listed(IMPORT_FIELDS, document["imported"]), *_faults(document["imported"]))


def export_screen(document: Document) -> Screen:
    """``{"file", "bytes", …}`` and the fields of `list_screen`."""
    market = f"{document['exchange']} {document['symbol']} {document['timeframe']}"
    period = f"{utc(document['first_at_ms'])} to {utc(document['last_at_ms'])}"
    words = f"{count(document['candles'], 'candle')} of {market}, {period}, written to {document['file']}"
    return (line(words),)


def sentiment_screen(document: Document) -> Screen:
    """``{"file", "name", "read", "written", "first_at_ms", "last_at_ms"}``."""
    span = f"{day(document['first_at_ms'])} to {day(document['last_at_ms'])}"
    return (line(f"{count(document['written'], 'day')} of {document['name']}, {span}"),)


def _verdict(faults: list[Document]) -> Span:
    if not faults:
        return Span("sound", Style.GOOD)
    kinds = [str(fault["kind"]) for fault in faults]
    return Span(", ".join(kinds), Style.WARNING if kinds == ["gap"] else Style.BAD)


def _faults(series: list[Document]) -> Iterator[Block]:
    for item in series:
        if item["faults"]:
            yield from (BLANK, heading(f"{item['exchange']} {item['symbol']} {item['timeframe']}"))
            yield from (line(f"  {fault['kind']}: {fault['words']}", hang=4) for fault in item["faults"])
