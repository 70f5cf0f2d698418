"""The screens of `autopilot data repair` and `autopilot data resample`."""

from __future__ import annotations

from collections.abc import Iterator

from autopilot.cli.render.blocks import BLANK, Block, Field, Style, as_screen, field, line, listed, remedy
from autopilot.cli.render.words import count, utc
from autopilot.domain.document_types import Document
from autopilot.domain.market import MarketKind

_MARKET: tuple[Field[Document], ...] = (
    field("exchange", lambda item: item["exchange"]),
    field("symbol", lambda item: item["symbol"]),
    field("timeframe", lambda item: item["timeframe"], rank=1),
)
REPAIR_FIELDS: tuple[Field[Document], ...] = (
    *_MARKET,
    field("missing", lambda item: f"{item['missing']:,}", right=True),
    field("damaged", lambda item: f"{item['damaged']:,}", right=True),
)
REPAIRED_FIELDS: tuple[Field[Document], ...] = (
    *REPAIR_FIELDS,
    field("fetched", lambda item: f"{item['fetched']:,}", right=True),
    field("corrected", lambda item: f"{item['corrected']:,}", right=True),
)
RESAMPLE_FIELDS: tuple[Field[Document], ...] = (
    *_MARKET,
    field("from", lambda item: item["source"], rank=2),
    field("made", lambda item: f"{item['made']:,}", right=True, rank=3),
    field("stored", lambda item: f"{item['stored']:,}", right=True),
    field("refused", lambda item: f"{item['refused']:,}", right=True),
)
NOTHING_TO_REPAIR = "Nothing to repair."


@as_screen
def repair_plan_screen(document: Document) -> Iterator[Block]:
    """`app.data.repair.planned_document`."""
    series = document["series"]
    if not series:
        yield line(NOTHING_TO_REPAIR)
        return
    yield listed(REPAIR_FIELDS, series)
    yield from (BLANK, line(f"To fetch with {count(document['requests'], 'request')}."))
    yield from _unreachable(series)


@as_screen
def repair_screen(document: Document) -> Iterator[Block]:
    """`app.data.repair.repair_series`."""
    series = document["series"]
    if not series:
        yield line(NOTHING_TO_REPAIR)
        return
    yield listed(REPAIRED_FIELDS, series)
    for item in series:
        if item["nonexistent"]:
            words = f"the exchange does not have {count(item['nonexistent'], 'missing candle')}"
            yield line(f"{_market(item)}: {words}; this is kept in mind", hang=2)
        if item["unchanged"]:
            words = f"{count(item['unchanged'], 'damaged candle')} stay: the exchange gives the same ones, or none"
            yield line(f"{_market(item)}: {words}", Style.WARNING, hang=2)
    yield from _unreachable(series)


@as_screen
def resample_screen(document: Document) -> Iterator[Block]:
    """``{"series": [`app.data.resample.resample_series`…]}``."""
    yield listed(RESAMPLE_FIELDS, document["series"])
    for item in document["series"]:
        if item["refused"]:
            first = utc(item["first_refused_at_ms"])
            words = f"{count(item['refused'], 'candle')} refused, first {first}: {item['source']} candles are missing"
            yield line(f"{_market(item)}: {words}", Style.WARNING, hang=2)
            if MarketKind.of(item["exchange"]) is not MarketKind.REAL:
                continue
            series = f"--exchange {item['exchange']} --symbol {item['symbol']} --timeframe {item['source']}"
            yield remedy(f"autopilot data repair {series}", indent=2, hang=4)


def _unreachable(series: list[Document]) -> Iterator[Block]:
    for item in series:
        for each in item["unreachable"]:
            span = f"{utc(each['from_ms'])} to {utc(each['to_ms'])}"
            words = f"{count(each['candles'], 'candle')}, {span}: {each['error']['message']}"
            yield line(f"{_market(item)}: {words}", Style.WARNING, hang=2)
        for hint in dict.fromkeys(each["error"]["hint"] for each in item["unreachable"] if each["error"]["hint"]):
            yield remedy(hint, indent=2, hang=4)


def _market(item: Document) -> str:
    return f"{item['exchange']} {item['symbol']} {item['timeframe']}"
