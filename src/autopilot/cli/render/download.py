"""The screens of a download: its plan, and its result."""

from __future__ import annotations

from collections.abc import Iterator

from autopilot.cli.render.blocks import BLANK, Block, Field, Style, as_screen, field, heading, line, listed, remedy
from autopilot.cli.render.words import count, day, duration, size, utc
from autopilot.domain.coverage import GapReason
from autopilot.domain.document_types import Document, ErrorBodyDocument
from autopilot.domain.errors import Kind

_MARKET: tuple[Field[Document], ...] = (
    field("exchange", lambda item: item["exchange"]),
    field("symbol", lambda item: item["symbol"]),
    field("timeframe", lambda item: item["timeframe"], rank=1),
    field("from", lambda item: day(item["from_ms"]), rank=3),
    field("to", lambda item: day(item["to_ms"]), rank=2),
    field("wanted", lambda item: f"{item['wanted']:,}", right=True, rank=4),
    field("stored", lambda item: f"{item['stored']:,}", right=True),
)
PLAN_FIELDS: tuple[Field[Document], ...] = (
    *_MARKET,
    field("to fetch", lambda item: f"{item['to_fetch']:,}", right=True),
    field("by", lambda item: ", ".join(item["ways"]) or "-"),
)
RESULT_FIELDS: tuple[Field[Document], ...] = (
    *_MARKET[:-1],
    field("fetched", lambda item: f"{item['fetched']:,}", right=True),
    field("missing", lambda item: f"{sum(each['candles'] for each in item['missing']):,}", right=True),
)
NOTHING_TO_FETCH = "Nothing to fetch: all that can be had is stored."
_NOT_GIVEN = (GapReason.REFUSED, GapReason.BEYOND_HISTORY)
"""Shown with the missing candles, not with those that do not exist."""


@as_screen
def plan_screen(document: Document) -> Iterator[Block]:
    """`app.data.documents.plan_document`."""
    yield listed(PLAN_FIELDS, document["series"])
    yield BLANK
    if document["requests"] or not any(item["missing"] for item in document["series"]):
        yield line(effort_words(document))
    yield from _notes(document["series"])


@as_screen
def download_screen(document: Document) -> Iterator[Block]:
    """`app.data.documents.download_document`."""
    yield listed(RESULT_FIELDS, document["series"])
    yield BLANK
    fetched = document["fetched"]
    words = f"{count(fetched['candles'], 'candle')} fetched with {count(fetched['requests'], 'request')}."
    if not fetched["complete"]:
        words = f"{words} Some candles could not be fetched."
    elif not fetched["requests"]:
        words = NOTHING_TO_FETCH
    yield line(words)
    yield from _notes(document["series"])


def effort_words(document: Document) -> str:
    """What a plan costs, in one sentence."""
    if not document["requests"]:
        return NOTHING_TO_FETCH
    transfer = sum(each["bytes"] for each in document["ways"])
    fewest, most = (sum(each[bound] for each in document["ways"]) for bound in ("fewest", "most"))
    between = "" if fewest == most else f" ({fewest:,} to {most:,})"
    return (
        f"To fetch: at most {count(document['candles'], 'candle')} with "
        f"{count(document['requests'], 'request')}{between}, "
        f"about {duration(max(document['seconds'], 1))} at the exchange's limit, {size(transfer)} to transfer, "
        f"{size(document['bytes'])} on disk."
    )


def _notes(series: list[Document]) -> Iterator[Block]:
    """The references, the gaps, and what could not be fetched."""
    references = sorted({item["symbol"] for item in series if item["reference"]})
    if references:
        yield line(f"{', '.join(references)}: the reference of pairs_trading; it is not traded.", Style.FAINT, hang=2)
    for item in series:
        market = f"{item['exchange']} {item['symbol']} {item['timeframe']}"
        if item["gaps"] or item["missing"]:
            yield from (BLANK, heading(market))
        for gap in item["gaps"]:
            if gap["reason"] in _NOT_GIVEN and item["missing"]:
                continue
            yield line(f"  {_gap_words(gap)}", hang=4)
        lenders = [(each, _lender(item, each, series)) for each in item["missing"]]
        for each, lender in lenders:
            words = f"{utc(each['from_ms'])} to {utc(each['to_ms'])}: {each['error']['message']}"
            if lender is None:
                yield line(f"  missing, {words}", Style.WARNING, hang=4)
            else:
                yield line(f"  from {lender}, {words}", hang=4)
        for hint in dict.fromkeys(_hint(each["error"]) for each, lender in lenders if lender is None):
            yield remedy(hint, indent=4, hang=4)


def _lender(item: Document, missing: Document, series: list[Document]) -> str | None:
    """The exchange whose candles are there for missing ones."""
    return next(
        (
            str(other["exchange"])
            for other in series
            if (other["symbol"], other["timeframe"]) == (item["symbol"], item["timeframe"])
            and other["exchange"] != item["exchange"]
            and other["from_ms"] <= missing["from_ms"]
            and other["to_ms"] >= missing["to_ms"]
            and not other["missing"]
        ),
        None,
    )


def _hint(error: ErrorBodyDocument) -> str:
    if error["kind"] == Kind.UNAVAILABLE:
        return "the same command again: it fetches only what is not stored yet"
    return error["hint"]


def _gap_words(gap: Document) -> str:
    known = "confirmed" if gap["confirmed"] else "to be asked for again"
    if gap["gaps"] == 1:
        return (
            f"{gap['reason']}: {count(gap['candles'], 'candle')}, {utc(gap['from_ms'])} to {utc(gap['to_ms'])}, {known}"
        )
    return (
        f"{gap['reason']}: {count(gap['candles'], 'candle')} in {gap['gaps']:,} gaps, {day(gap['from_ms'])} to "
        f"{day(gap['to_ms'])}, {known}"
    )
