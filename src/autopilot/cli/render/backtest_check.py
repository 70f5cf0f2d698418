"""The results of the proofs on the screen."""

from __future__ import annotations

from autopilot.cli.render.blocks import BLANK, Block, Column, Screen, Style, banner, line, table
from autopilot.cli.render.words import NOTHING, figure, spoken, utc
from autopilot.domain.document_types import Document

_MEANS = {
    "look-ahead": "a value changes when later candles are removed",
    "warm-up": "a value differs with only the last 1,000 candles: it needs a longer past than a live cycle has",
    "failed": "raised an error",
}


def check_screen(document: Document) -> Screen:
    """The screen of `check_strategies`."""
    market = f"{', '.join(document['symbols'])}, {document['timeframe']}, from {document['exchange']}"
    proved = f"{len(document['strategies'])} strategies, all features and the regime"
    seen = f"{document['candles']:,} candles, {document['cuts']:,} cuts"
    blocks: list[Block] = [
        *banner([{"market": document["exchange"]}]),
        line(f"{proved}, on {market}: {seen}", hang=2),
    ]
    findings = document["findings"]
    if not findings:
        return (*blocks, line("Nothing looks ahead, and nothing needs a longer past than it gets.", Style.GOOD))
    for proof, means in _MEANS.items():
        failed = [each for each in findings if each["proof"] == proof]
        if failed:
            blocks += [BLANK, line(f"{proof}: {means}", Style.BAD, hang=2), _listed(failed)]
    return (
        *blocks,
        BLANK,
        line("try: decide each candle from itself and at most 720 candles before it (docs/strategies.md)"),
    )


def _listed(failed: list[Document]) -> Block:
    columns = (
        Column("owner", shrink_to=16),
        Column("column", shrink_to=16),
        Column("symbol"),
        Column("first candle", rank=2),
        Column("all candles", right=True, rank=1),
        Column("part of them", right=True, rank=1),
    )
    return table(
        columns,
        [
            (
                each["owner"],
                each["detail"] or spoken(each["column"]),
                each["symbol"],
                utc(each["candle_at_ms"]),
                NOTHING if each["whole"] is None else figure(each["whole"], 6),
                NOTHING if each["part"] is None else figure(each["part"], 6),
            )
            for each in failed
        ],
    )
