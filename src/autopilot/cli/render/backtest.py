"""A backtest on the screen."""

from __future__ import annotations

from collections.abc import Sequence

from autopilot.cli.render.blocks import BLANK, Block, Column, Screen, Span, Style, banner, line, table
from autopilot.cli.render.words import NOTHING, count, duration, spoken, utc
from autopilot.domain.document_types import Document
from autopilot.report.figures import (
    COMPARISON,
    UNKNOWN,
    FigureColumn,
    breakdown_columns,
    percentage,
    period_figures,
)

DENIALS_SHOWN = 6
SIGNIFICANT = 0.05
"""The p-value up to which luck is called unlikely."""
NAME_WIDTH = 20
"""To which the name of a row may be cut on a narrow terminal."""
_SIGN_STYLES = {"+": Style.GOOD, "-": Style.BAD}


def backtest_screen(document: Document) -> Screen:
    """The screen of a `backtest_document`."""
    return _screen(document, "Backtest of")


def report_screen(document: Document) -> Screen:
    """The screen of a `PeriodReport`'s document."""
    return _screen(document, "Paper trading of")


def _screen(document: Document, what: str) -> Screen:
    blocks = _header(document, what)
    breakdown = document["breakdown"]
    for section in (
        _figures(document),
        _table(document, COMPARISON, document["comparison"]),
        _luck(document),
        _models(document),
        *(_table(document, breakdown_columns(key), rows) for key, rows in breakdown.items()),
    ):
        blocks += [BLANK, *section] if section else []
    return tuple(blocks)


def _header(document: Document, what: str) -> list[Block]:
    seconds = (document["to_ms"] - document["from_ms"]) / 1000
    market = f"{', '.join(document['symbols'])} on {document['exchange']}, {document['timeframe']}"
    blocks: list[Block] = [
        line(f"{what} {market}", Style.HEADING),
        *banner([{"market": document["exchange"]}]),
        line(f"{utc(document['from_ms'])} to {utc(document['to_ms'])}, {duration(seconds)}", Style.FAINT),
        line(f"decided by {document['decided_by']}", hang=2),
    ]
    if document["in_sample"]:
        warning = "IN SAMPLE: the model was trained on this period; these figures prove nothing"
        blocks.append(line(warning, Style.BAD, hang=2))
    blocks.append(
        line(
            f"{count(document['candles'], 'candle')}, {count(document['signals'], 'signal')}, "
            f"{count(document['orders'], 'order')}, {count(document['fills'], 'fill')}",
            hang=2,
        )
    )
    if document["denied"]:
        denied = list(document["denied"].items())[:DENIALS_SHOWN]
        reasons = ", ".join(f"{number:,} {spoken(code.lower())}" for code, number in denied)
        blocks.append(line(f"denied signals: {reasons}", hang=2))
    if document.get("detail"):
        detail = f"{document['looked_into']:,} of these candles were replayed with {document['detail']} candles"
        blocks.append(line(detail, Style.FAINT, hang=2))
    return blocks


def _figures(document: Document) -> list[Block]:
    columns = (
        Column(f"figure{_mark(document)}"),
        Column("value", right=True),
        Column("95 % interval", right=True, rank=1),
    )
    rows = [
        (each.label, _span(each.value, each.is_result), each.interval or NOTHING) for each in period_figures(document)
    ]
    return [table(columns, rows)]


def _table(document: Document, columns: Sequence[FigureColumn], rows: Sequence[Document]) -> list[Block]:
    """The first column names the row, and says so if the figures are in sample."""
    if not rows:
        return []
    first, *others = columns
    return [
        table(
            (
                Column(f"{first.title}{_mark(document)}", shrink_to=NAME_WIDTH),
                *(Column(each.title, right=True, rank=each.rank) for each in others),
            ),
            [[_span(column.cell(row), column.is_result) for column in columns] for row in rows],
        )
    ]


def _span(text: str, is_result: bool) -> Span:
    """A gain in green, a loss in red."""
    if not is_result or text == UNKNOWN:
        return Span(text)
    return Span(text, _SIGN_STYLES.get(text[:1], Style.PLAIN))


def _luck(document: Document) -> list[Block]:
    """How much of the result chance explains."""
    timing, orders = document["timing"], document["trade_orders"]
    sentences = []
    if timing:
        explanation = "an unlikely" if timing["p_value"] <= SIGNIFICANT else "a likely"
        sentences.append(
            f"Timing: {100 * timing['p_value']:.1f} % of random shifts of the same positions earn at least as much; "
            f"luck is {explanation} explanation."
        )
    if orders:
        low, _, high = orders["total_return"]
        sentences.append(
            f"Trades drawn at random from these: a return of {percentage(low)} to {percentage(high)} in 90 % of the "
            f"draws, a loss in {100 * orders['losing']:.0f} %. In random order: a max drawdown of up to "
            f"{percentage(orders['drawdown_reordered'][2])}."
        )
    return [line("Luck", Style.HEADING), *(line(each, hang=2) for each in sentences)] if sentences else []


def _models(document: Document) -> list[Block]:
    if not document["models"]:
        return []
    columns = (
        Column("model"),
        Column("state", rank=2),
        Column("decides from"),
        Column("until", rank=1),
        Column("trained until", rank=3),
    )
    rows = [
        (each["id"], each["state"], utc(each["from_ms"]), utc(each["until_ms"]), utc(each["trained_until_ms"]))
        for each in document["models"]
    ]
    chosen = f"Models: they chose {document['by_models']:,} of {count(document['signals'], 'signal')}"
    return [line(chosen, Style.HEADING), table(columns, rows)]


def _mark(document: Document) -> str:
    return " (IN SAMPLE)" if document["in_sample"] else ""
