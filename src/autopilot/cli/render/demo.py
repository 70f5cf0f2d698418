"""The screens of a demo: fills and orders as they happen, then the report and the check of the books."""

from __future__ import annotations

from typing import Any

from autopilot.cli.render.backtest import report_screen
from autopilot.cli.render.blocks import BLANK, Paragraph, Screen, Span, Style, heading, line
from autopilot.cli.render.words import price, quantity, spoken, utc


def fill_line(fill: dict[str, Any]) -> Paragraph:
    side = Span(f"{fill['side']:<4}", Style.GOOD if fill["side"] == "buy" else Style.BAD)
    return Paragraph(
        (
            Span(f"{utc(fill['at_ms'])}  filled  "),
            side,
            Span(f"  {quantity(fill['quantity'])} {fill['symbol']} at {price(fill['price'])}"),
            Span(f"  {spoken(fill['purpose'])}, {fill['strategy']}", Style.FAINT),
        ),
        hang=2,
    )


def decision_line(brief: dict[str, Any]) -> Paragraph:
    outcome = f"order, confidence {brief['confidence']:.2f}" if brief["action"] == "order" else brief["denied_code"]
    text = (
        f"{utc(brief['decided_at_ms'])}  decided {brief['signal_type']:<4}  {brief['symbol']} by {brief['strategy']}: "
    )
    return Paragraph((Span(text, Style.FAINT), Span(str(outcome), Style.FAINT)), hang=2)


def demo_screen(document: dict[str, Any]) -> Screen:
    """``{"report": as `autopilot report` shows it, "books": …}``."""
    return (
        heading("What the trading came to:"),
        line("$ autopilot report", Style.FAINT),
        *report_screen(document["report"]),
        BLANK,
        *_books(document["books"]),
    )


def _books(books: dict[str, Any]) -> tuple[Paragraph, ...]:
    if books["disagreements"]:
        return (
            line("The books disagree:", Style.BAD),
            *(line(f"  {words}", Style.BAD, hang=4) for words in books["disagreements"]),
        )
    return (
        line(
            f"Nothing was lost by the kill: each of {books['decisions']:,} closed candles is decided once, positions"
            f" are the sum of {books['fills']:,} fills, cash and fees balance to the last digit.",
            Style.GOOD,
            hang=2,
        ),
    )
