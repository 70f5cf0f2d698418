"""The screens of `autopilot data`."""

from __future__ import annotations

from collections.abc import Iterator

from autopilot.cli.render.blocks import (
    BLANK,
    Block,
    Field,
    Screen,
    Span,
    Style,
    field,
    heading,
    line,
    listed,
    listing,
    remedy,
)
from autopilot.cli.render.coverage_strip import coverage_blocks
from autopilot.cli.render.words import count, day, size, utc
from autopilot.domain.document_types import Document
from autopilot.domain.market import MarketKind

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
    field("file", lambda item: item["file"].rpartition("/")[2], rank=5, shrink_to=20),
    field("exchange", lambda item: item["exchange"], rank=4),
    field("symbol", lambda item: item["symbol"]),
    field("timeframe", lambda item: item["timeframe"], rank=1),
    field("layout", lambda item: item["layout"]),
    field("rows", lambda item: f"{item['read']:,}", right=True, rank=3),
    field("new", lambda item: f"{item['written']:,}", right=True),
    field("dropped", lambda item: f"{sum(item['dropped'].values()):,}", right=True, rank=2),
)
MOVE_FIELDS: tuple[Field[Document], ...] = (
    *SERIES_FIELDS,
    field("now", lambda item: f"{item['to_exchange']} {item['to_symbol']}"),
)
PRUNE_FIELDS: tuple[Field[Document], ...] = (
    *SERIES_FIELDS,
    field("before", lambda item: utc(item["before_ms"])),
)
HARMLESS = {"gap", "closes apart"}
"""The faults that are no damage by themselves."""
MOST_NAMES = 5
HOW_TO_GET = "autopilot data download --days 365, or autopilot data import PATH"
NOTHING_STORED = f"No candles are stored. Try: {HOW_TO_GET}"


def list_screen(document: Document) -> Screen:
    """``{"series": [{exchange, symbol, timeframe, candles, first_at_ms, last_at_ms, spans, gaps, suspicion}…]}``."""
    series = document["series"]
    return (*listing(LIST_FIELDS, series, NOTHING_STORED), *coverage_blocks(series), *_suspicions(series))


def verify_screen(document: Document) -> Screen:
    """``{"series": [{exchange, symbol, timeframe, candles, faults, missing, sound}…], "sound"}``; with ``against`` in
    each series if it was compared."""
    series = document["series"]
    rest = (*_faults(series), *_known_gaps(series), *_comparisons(series), *_suspicions(series))
    return (*listing(VERIFY_FIELDS, series, NOTHING_STORED), *rest)


def import_screen(document: Document) -> Screen:
    """``{"imported": [{file, exchange, symbol, timeframe, layout, read, written, dropped, samples, faults}…],
    "refused": [{file, message, hint}…], "skipped": [file…]}``."""
    imported = document["imported"]
    table = (listed(IMPORT_FIELDS, imported),) if imported else ()
    return (*table, *_losses(imported), *_faults(imported), *_skipped(document["skipped"]))


def rename_screen(document: Document) -> Screen:
    """``{"renamed": [{exchange, symbol, timeframe, candles, to_exchange, to_symbol}…]}``."""
    return (listed(MOVE_FIELDS, document["renamed"]),)


def delete_screen(document: Document) -> Screen:
    """``{"deleted": [{exchange, symbol, timeframe, candles}…]}``."""
    deleted = document["deleted"]
    market = f"{deleted[0]['exchange']} {deleted[0]['symbol']}"
    lengths = ", ".join(f"{item['candles']:,} {item['timeframe']}" for item in deleted)
    return (line(f"Deleted the candles of {market}: {lengths}"),)


def prune_screen(document: Document) -> Screen:
    """``{"pruned": [{exchange, symbol, timeframe, candles, before_ms, bytes}…]}``."""
    pruned = document["pruned"]
    if not pruned:
        return (line("No candles are that old."),)
    freed = size(sum(item["bytes"] for item in pruned))
    return (listed(PRUNE_FIELDS, pruned), line(f"Deleted. {freed} of the database are free for new rows."))


def export_screen(document: Document) -> Screen:
    """``{"file", "bytes", …}`` and the fields of `list_screen`; ``{"exported": [such a document…]}`` of a folder."""
    files = document.get("exported", [document])
    return tuple(line(_export_words(item)) for item in files)


def _export_words(item: Document) -> str:
    market = f"{item['exchange']} {item['symbol']} {item['timeframe']}"
    period = f"{utc(item['first_at_ms'])} to {utc(item['last_at_ms'])}"
    return f"{count(item['candles'], 'candle')} of {market}, {period}, written to {item['file']}"


def sentiment_screen(document: Document) -> Screen:
    """``{"file", "name", "read", "written", "first_at_ms", "last_at_ms"}``."""
    span = f"{day(document['first_at_ms'])} to {day(document['last_at_ms'])}"
    return (line(f"{count(document['written'], 'day')} of {document['name']}, {span}"),)


def _verdict(faults: list[Document]) -> Span:
    if not faults:
        return Span("sound", Style.GOOD)
    kinds = [str(fault["kind"]) for fault in faults]
    return Span(", ".join(kinds), Style.WARNING if set(kinds) <= HARMLESS else Style.BAD)


def _faults(series: list[Document]) -> Iterator[Block]:
    for item in series:
        if item["faults"]:
            yield from (BLANK, heading(f"{item['exchange']} {item['symbol']} {item['timeframe']}"))
            yield from (line(f"  {fault['kind']}: {fault['words']}", hang=4) for fault in item["faults"])


def _known_gaps(series: list[Document]) -> Iterator[Block]:
    """The missing candles that do not exist, and the command that asks for the others."""
    known = [item for item in series if any(item["missing"].values())]
    if known:
        yield from (BLANK, heading("Missing candles"))
    for item in known:
        missing, market = item["missing"], f"{item['exchange']} {item['symbol']} {item['timeframe']}"
        parts = {
            "confirmed by the exchange": "confirmed",
            "to be requested again": "unsettled",
            "never requested": "unasked",
        }
        words = ", ".join(f"{missing[name]:,} {said}" for said, name in parts.items() if missing[name])
        yield line(f"  {market}: {words}", hang=4)
        if missing["unasked"] and MarketKind.of(item["exchange"]) is MarketKind.REAL:
            names = f"--exchange {item['exchange']} --symbol {item['symbol']} --timeframe {item['timeframe']}"
            yield remedy(f"autopilot data repair {names}", indent=4, hang=4)


def _comparisons(series: list[Document]) -> Iterator[Block]:
    found = [item for item in series if item.get("against")]
    if found:
        yield from (BLANK, heading(f"Beside {found[0]['against']['exchange']}"))
    for item in found:
        beside, market = item["against"], f"{item['exchange']} {item['symbol']} {item['timeframe']}"
        yield line(f"  {market}: {_comparison_words(beside)}", hang=4)


def _comparison_words(beside: Document) -> str:
    if not beside["common"]:
        return "no common candle" if beside["candles"] else "no such candles are stored there"
    parts = [
        f"{count(beside['common'], 'common candle')}",
        f"closes apart by {beside['median_bps']:.1f} bps (median), {beside['worst_bps']:,.0f} at most",
    ]
    if beside["volume_ratio"] is not None:
        parts.append(f"{beside['volume_ratio']:.3g} times its volume")
    if beside["missing_here"]:
        first = utc(beside["first_missing_here_ms"])
        parts.append(f"{beside['missing_here']:,} candles are only there, first {first}")
    if beside["missing_there"]:
        parts.append(f"{beside['missing_there']:,} only here")
    return "; ".join(parts)


def _losses(imported: list[Document]) -> Iterator[Block]:
    """The rows that were dropped from each file, by reason."""
    for item in imported:
        if item["dropped"]:
            yield from (BLANK, heading(f"Dropped from {item['file'].rpartition('/')[2]}"))
        for reason, loss in item["samples"].items():
            yield line(
                f"  {reason}: {loss['count']:,}, first in {loss['unit']} {loss['line']:,}: {loss['sample']}", hang=4
            )


def _skipped(files: list[str]) -> Iterator[Block]:
    if files:
        names = ", ".join(file.rpartition("/")[2] for file in files[:MOST_NAMES])
        more = f" and {len(files) - MOST_NAMES:,} more" if len(files) > MOST_NAMES else ""
        yield from (BLANK, line(f"Skipped, not named after a market and timeframe of ours: {names}{more}", hang=2))


def _suspicions(series: list[Document]) -> Iterator[Block]:
    """Series that an older version may have imported wrongly."""
    found = [item for item in series if item["suspicion"]]
    if found:
        yield from (BLANK, heading("Imported wrongly?"))
    for item in found:
        market = f"{item['exchange']} {item['symbol']} {item['timeframe']}"
        yield line(f"  {market}: {item['suspicion']['words']}", Style.WARNING, hang=4)
        yield remedy(item["suspicion"]["mend"], indent=4, hang=4)
