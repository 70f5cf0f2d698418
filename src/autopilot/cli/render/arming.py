"""Whether an account is ready for real money, and what is armed."""

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
    """``{"account", "max_value", "currency", "expires_at_ms"}`` of what was armed."""
    return (
        line(
            f"{document['account']} may invest up to {money(document['max_value'])} {document['currency']} of REAL"
            f" MONEY until {utc(document['expires_at_ms'])}.",
            Style.WARNING,
        ),
        line("What is lost is taken off; autopilot disarm ends it, autopilot panic ends all at once.", Style.FAINT),
    )


def disarmed_screen(document: Document) -> Screen:
    """``{"disarmed": [account …], "resting": [order …]}``, the orders to buy that nobody cancels."""
    blocks: list[Block] = [
        line(f"{account} is disarmed: no order to buy is sent any more; what is held is watched and sold as planned.")
        for account in document["disarmed"]
    ]
    blocks = blocks or [line("Nothing was armed; nothing was changed.")]
    for order in document["resting"]:
        at = f" at {price(order['price'])}" if order["price"] else ""
        words = f"LEFT: {order['account']}: {order['symbol']}: an order to buy {quantity(order['quantity'])}{at} rests"
        blocks.append(line(f"{words} on the exchange and may still be filled", Style.BAD, hang=2))
    for account in sorted({order["account"] for order in document["resting"]}):
        blocks.append(line(f"  try: autopilot pause --exchange {exchange_of(account)}", Style.FAINT, hang=2))
    return tuple(blocks)
