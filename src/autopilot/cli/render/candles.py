"""The screens of `autopilot data`."""

from __future__ import annotations

from typing import Any

from autopilot.cli.render.blocks import BLANK, Block, Column, Screen, Span, Style, line, table
from autopilot.cli.render.words import count, utc

_SERIES = (Column("exchange"), Column("symbol"), Column("timeframe"), Column("candles", right=True))
LIST_COLUMNS = (*_SERIES, Column("first"), Column("last"))
VERIFY_COLUMNS = (*_SERIES, Column("verdict"))
IMPORT_COLUMNS = (
    Column("file", rank=1, shrink_to=20),
    Column("exchange"),
    Column("symbol"),
    Column("timeframe"),
    Column("rows", right=True),
    Column("new", right=True),
    Column("dropped", right=True),
)
NOTHING_STORED = line("No candles are stored. Try: autopilot data import PATH", Style.FAINT)


def list_screen(document: dict[str, Any]) -> Screen:
    """``{"series": [{exchange, symbol, timeframe, candles, first_at_ms, last_at_ms}…]}``."""
    series = document["series"]
    if not series:
        return (NOTHING_STORED,)
    rows = [(*_series(item), utc(item["first_at_ms"]), utc(item["last_at_ms"])) for item in series]
    return (table(LIST_COLUMNS, rows),)


def verify_screen(document: dict[str, Any]) -> Screen:
    """``{"series": [{exchange, symbol, timeframe, candles, faults, sound}…], "sound"}``."""
    series = document["series"]
    if not series:
        return (NOTHING_STORED,)
    rows = [(*_series(item), _verdict(item["faults"])) for item in series]
    return (table(VERIFY_COLUMNS, rows), *_faults(series))


def import_screen(document: dict[str, Any]) -> Screen:
    """``{"imported": [{file, exchange, symbol, timeframe, read, written, dropped, faults}…]}``."""
    imported = document["imported"]
    rows = [
        (
            item["file"].rpartition("/")[2],
            *(item[name] for name in ("exchange", "symbol", "timeframe")),
            f"{item['read']:,}",
            f"{item['written']:,}",
            f"{sum(item['dropped'].values()):,}",
        )
        for item in imported
    ]
    return (table(IMPORT_COLUMNS, rows), *_faults(imported))


def export_screen(document: dict[str, Any]) -> Screen:
    """``{"file", "bytes", …}`` and the fields of `list_screen`."""
    market = f"{document['exchange']} {document['symbol']} {document['timeframe']}"
    period = f"{utc(document['first_at_ms'])} to {utc(document['last_at_ms'])}"
    words = f"{count(document['candles'], 'candle')} of {market}, {period}, written to {document['file']}"
    return (line(words),)


def sentiment_screen(document: dict[str, Any]) -> Screen:
    """``{"file", "name", "read", "written", "first_at_ms", "last_at_ms"}``."""
    since, until = utc(document["first_at_ms"])[:10], utc(document["last_at_ms"])[:10]
    return (line(f"{count(document['written'], 'day')} of {document['name']}, {since} to {until}"),)


def _series(item: dict[str, Any]) -> tuple[str, str, str, str]:
    return item["exchange"], item["symbol"], item["timeframe"], f"{item['candles']:,}"


def _verdict(faults: list[dict[str, Any]]) -> Span:
    if not faults:
        return Span("sound", Style.GOOD)
    kinds = [str(fault["kind"]) for fault in faults]
    return Span(", ".join(kinds), Style.WARNING if kinds == ["gap"] else Style.BAD)


def _faults(series: list[dict[str, Any]]) -> list[Block]:
    blocks: list[Block] = []
    for item in series:
        if item["faults"]:
            blocks += [BLANK, line(f"{item['exchange']} {item['symbol']} {item['timeframe']}", Style.HEADING)]
            blocks += [line(f"  {fault['kind']}: {fault['words']}", hang=4) for fault in item["faults"]]
    return blocks
