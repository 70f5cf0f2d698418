"""The screens of `autopilot arm` and `autopilot disarm`."""

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
    """``{"account", "max_value", "currency", "expires_at_ms"}`` of the authorization."""
    return (
        line(
            f"{document['account']} may invest up to {money(document['max_value'])} {document['currency']} of REAL"
            f" MONEY until {utc(document['expires_at_ms'])}.",
            Style.WARNING,
        ),
        line(
            "Losses reduce this amount. Undo with: autopilot disarm. Stop all: autopilot panic.",
            Style.FAINT,
        ),
    )


def disarmed_screen(document: Document) -> Screen:
    """``{"disarmed": [account …], "resting": [order …]}``: the buy orders that stay open and no daemon cancels."""
    blocks: list[Block] = [
        line(f"{account} is disarmed: no more buy orders are sent. Positions stay monitored and are sold as planned.")
        for account in document["disarmed"]
    ]
    blocks = blocks or [line("Nothing was armed; nothing was changed.")]
    for order in document["resting"]:
        at = f" at {price(order['price'])}" if order["price"] else ""
        words = f"LEFT: {order['account']}: {order['symbol']}: a buy order for {quantity(order['quantity'])}{at} rests"
        blocks.append(line(f"{words} on the exchange and may still be filled", Style.BAD, hang=2))
    for account in sorted({order["account"] for order in document["resting"]}):
        blocks.append(line(f"  try: autopilot pause --exchange {exchange_of(account)}", Style.FAINT, hang=2))
    return tuple(blocks)
