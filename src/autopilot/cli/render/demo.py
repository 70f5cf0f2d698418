"""What a demo shows: fills and orders as they happen, and the summary at the end."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from autopilot.cli.render.banner import banner
from autopilot.cli.render.blocks import BLANK, Column, Paragraph, Screen, Span, Style, line, table
from autopilot.cli.render.words import count, money, price, quantity, result, spoken, utc


def heading(text: str) -> Paragraph:
    return line(text, Style.HEADING)


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
    """``{"summary": …, "books": …, "results": [by symbol], "result": …}``."""
    summary, total, books = document["summary"], document["result"], document["books"]
    symbols = summary["symbols"]
    period = f"{utc(symbols[0]['first_at_ms'])} to {utc(symbols[0]['last_at_ms'])}" if symbols else "nothing"
    trips = summary["round_trips"]
    lines = (
        f"{summary['decisions']:,} candles decided, {period}",
        f"{summary['signals']:,} signals, {summary['actions'].get('order', 0):,} orders approved, "
        f"{summary['actions'].get('denied', 0):,} denied:",
        *(f"  {number:>5,}  {code}" for code, number in summary["denied"].items()),
        "orders sent, stops and targets among them: "
        + (", ".join(f"{number} {status}" for status, number in summary["orders"].items()) or "none")
        + f"; {count(summary['fills'], 'fill')}",
        f"{count(trips['count'], 'round trip')}, {trips['wins']} won; "
        + (", ".join(f"{number} by {spoken(purpose)}" for purpose, number in trips["exits"].items()) or "no exits"),
    )
    rows = [
        (
            row["symbol"],
            price(row["first_price"]),
            price(row["last_price"]),
            money(row["fees"]),
            result(row["buy_and_hold"]),
        )
        for row in document["results"]
    ]
    columns = (
        Column("symbol"),
        Column("first price", right=True),
        Column("last price", right=True),
        Column("fees paid", right=True),
        Column("held instead", right=True),
    )
    return (
        heading("Summary"),
        *banner(symbols),
        *(line(text) for text in lines),
        BLANK,
        table(columns, rows),
        BLANK,
        Paragraph(
            (
                Span(f"Net result {total['currency']} "),
                result(total["net"]),
                Span(f" after {money(total['fees'])} of fees; buying and holding "),
                result(total["buy_and_hold"]),
                Span("; doing nothing 0.00."),
            ),
            hang=2,
        ),
        *_books(books),
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


def held_instead(symbols: list[dict[str, Any]], start: Decimal, fee: Decimal) -> list[Decimal]:
    """What each symbol would have gained had an equal part of ``start`` bought it at its first decided price, with one
    fee, and kept it to the last."""
    share = start / len(symbols)
    return [
        share / (1 + fee) / Decimal(str(row["first_price"])) * Decimal(str(row["last_price"])) - share
        for row in symbols
    ]
