"""The check before real money, and the results of arm and disarm."""

from __future__ import annotations

from autopilot.cli.render.blocks import BLANK, Block, Paragraph, Screen, Span, Style, line
from autopilot.cli.render.words import money, price, quantity, spoken, utc
from autopilot.domain.account import exchange_of
from autopilot.domain.document_types import Document

_MARKS = {True: Span("ok  ", Style.GOOD), False: Span("NO  ", Style.BAD)}


def readiness_screen(document: Document) -> Screen:
    """``{"account", "readiness": [{"code", "passed", "detail", "remedy"} …]}``."""
    blocks: list[Block] = [line(f"Is {document['account']} ready for real money?", Style.HEADING), BLANK]
    for each in document["readiness"]:
        name = spoken(each["code"].lower()).ljust(16)
        blocks.append(Paragraph((_MARKS[each["passed"]], Span(f"{name} {each['detail']}")), hang=21))
        if not each["passed"]:
            blocks.append(line(f"    try: {each['remedy']}", Style.FAINT, hang=9))
    return tuple(blocks)


def armed_screen(document: Document) -> Screen:
    """``{"account", "max_value", "currency", "expires_at_ms"}`` of the new authorization."""
    return (
        line(
            f"{document['account']} may invest up to {money(document['max_value'])} {document['currency']} of REAL"
            f" MONEY until {utc(document['expires_at_ms'])}.",
            Style.WARNING,
        ),
        line(
            "Losses reduce the amount. Undo with: autopilot disarm. Stop everything at once: autopilot panic.",
            Style.FAINT,
        ),
    )


def disarmed_screen(document: Document) -> Screen:
    """``{"disarmed": [account …], "resting": [order …]}``, the open buy orders that no daemon cancels."""
    blocks: list[Block] = [
        line(f"{account} is disarmed: no more buy orders; open positions are still managed.")
        for account in document["disarmed"]
    ]
    blocks = blocks or [line("Nothing was armed; nothing changed.")]
    for order in document["resting"]:
        at = f" at {price(order['price'])}" if order["price"] else ""
        words = (
            f"LEFT: {order['account']}: {order['symbol']}: a buy order for {quantity(order['quantity'])}{at} is open"
        )
        blocks.append(line(f"{words} on the exchange and may still be filled", Style.BAD, hang=2))
    for account in sorted({order["account"] for order in document["resting"]}):
        blocks.append(line(f"  try: autopilot pause --exchange {exchange_of(account)}", Style.FAINT, hang=2))
    return tuple(blocks)
