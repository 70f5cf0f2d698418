"""Stored candles: what there is, what came in, what is wrong with it."""

from __future__ import annotations

from typing import Any

from autopilot.cli.render.blocks import BLANK, Block, Column, Screen, Span, Style, line, table
from autopilot.cli.render.words import count, utc

TOLD = 20
"""So many gaps and faults of a series are told one by one on a screen; JSON has them all."""

_SERIES = (Column("exchange"), Column("symbol"), Column("timeframe"), Column("candles", right=True))
LIST_COLUMNS = (*_SERIES, Column("first"), Column("last"))
VERIFY_COLUMNS = (*_SERIES, Column("missing", right=True), Column("faults", right=True), Column("verdict"))
NOTHING_STORED = line("No candles are stored. Try: autopilot data import PATH", Style.FAINT)


def list_screen(document: dict[str, Any]) -> Screen:
    """``{"series": [{exchange, symbol, timeframe, candles, first_at_ms, last_at_ms}…]}``."""
    series = document["series"]
    if not series:
        return (NOTHING_STORED,)
    rows = [(*_series(item), utc(item["first_at_ms"]), utc(item["last_at_ms"])) for item in series]
    return (table(LIST_COLUMNS, rows),)


def verify_screen(document: dict[str, Any]) -> Screen:
    """``{"series": [{exchange, symbol, timeframe, candles, gaps, faults, missing, sound}…], "sound"}``."""
    series = document["series"]
    if not series:
        return (NOTHING_STORED,)
    rows = [(*_series(item), f"{item['missing']:,}", f"{len(item['faults']):,}", _verdict(item)) for item in series]
    blocks: list[Block] = [table(VERIFY_COLUMNS, rows)]
    for item in series:
        found = [*map(_gap, item["gaps"]), *item["faults"]]
        if found:
            blocks += [BLANK, line(f"{item['exchange']} {item['symbol']} {item['timeframe']}", Style.HEADING)]
            blocks += [line(f"  {words}", hang=2) for words in found[:TOLD]]
            if len(found) > TOLD:
                blocks.append(line(f"  and {len(found) - TOLD:,} more; --json has them all", Style.FAINT))
    return tuple(blocks)


def _series(item: dict[str, Any]) -> tuple[str, str, str, str]:
    return item["exchange"], item["symbol"], item["timeframe"], f"{item['candles']:,}"


def _verdict(item: dict[str, Any]) -> Span:
    if item["faults"]:
        return Span("faulty", Style.BAD)
    return Span("gaps", Style.WARNING) if item["gaps"] else Span("sound", Style.GOOD)


def _gap(gap: dict[str, Any]) -> str:
    missing = f"{count(gap['missing'], 'candle')} missing"
    if gap["missing"] == 1:
        return f"{missing}: {utc(gap['first_at_ms'])}"
    return f"{missing}: {utc(gap['first_at_ms'])} to {utc(gap['last_at_ms'])}"
