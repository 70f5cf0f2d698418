"""Real money: the lines on the status screen, and the screens of arm, disarm and keys."""

from __future__ import annotations

from autopilot.cli.render.blocks import BLANK, Paragraph, Span, Style, as_screen, field, heading, line, listing, remedy
from autopilot.cli.render.fixed_point import fixed, minus
from autopilot.cli.render.words import money, price, quantity, spoken, utc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autopilot.cli.render.blocks import Block, Field, Screen
    from autopilot.domain.document_types import Document
    from autopilot.domain.status_types import ArmingDocument, RealMoneyDocument

_MARKS = {True: Span("ok  ", Style.GOOD), False: Span("NO  ", Style.BAD)}
_KEY_FIELDS: tuple[Field[Document], ...] = (
    field("exchange", lambda key: key["exchange"]),
    field("added", lambda key: utc(key["added_at_ms"]), rank=1),
    field("fingerprint", lambda key: key["fingerprint"]),
)


@as_screen
def real_money_lines(accounts: Sequence[RealMoneyDocument]) -> Iterator[Block]:
    """``accounts``: the status document's ``real_money``. Empty without real money."""
    for account in accounts:
        if account["symbols"]:
            words = f"REAL MONEY on {account['exchange']}: {', '.join(account['symbols'])}"
            yield line(words, Style.BAD, hang=2)
        if account["armed"] and account["arming"]:
            idle = "" if account["symbols"] else "; no symbol trades it now"
            words = f"{account['account']}: armed for {_allowance(account['arming'])}{idle}"
            yield line(words, Style.WARNING, hang=2)
        if account["unarmed_symbols"]:
            yield from _unarmed(account)


def _allowance(arming: ArmingDocument) -> str:
    until = f"until {utc(arming['expires_at_ms'])}{', UNPROVEN' if arming['unproven'] else ''}"
    invested, limit = money(arming["invested"]), money(arming["limit"])
    lost, _ = minus(fixed(arming["max_value"]), fixed(arming["limit"]))
    used = f"{invested} invested of {limit}, reduced by losses" if lost > 0 else f"{invested} of it invested"
    return f"{money(arming['max_value'])} {arming['currency']} {until}; {used}"


def _unarmed(account: RealMoneyDocument) -> Screen:
    symbols, exchange, arming = account["unarmed_symbols"], account["exchange"], account["arming"]
    currency = ""
    if arming is None:
        why = "it was never armed"
    elif account["armed"]:
        why, currency = f"only {arming['currency']} is armed", f" --currency {symbols[0].partition('/')[2]}"
    else:
        why = f"its authorization ended at {utc(arming['expires_at_ms'])}"
    return (
        line(f"NOT ARMED on {exchange}, so {', '.join(symbols)} is not bought: {why}", Style.WARNING, hang=2),
        remedy(f"autopilot arm --exchange {exchange} --max-value AMOUNT{currency}"),
    )


@as_screen
def readiness_screen(document: Document) -> Iterator[Block]:
    """``{"account", "readiness": [{"code", "passed", "detail", "remedy"} …]}``."""
    yield from (heading(f"Is {document['account']} ready for real money?"), BLANK)
    for each in document["readiness"]:
        name = spoken(each["code"].lower()).ljust(16)
        yield Paragraph((_MARKS[each["passed"]], Span(f"{name} {each['detail']}")), hang=21)
        if not each["passed"]:
            yield remedy(each["remedy"], indent=4, hang=9)


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


@as_screen
def disarmed_screen(document: Document) -> Iterator[Block]:
    """``{"disarmed": [account …], "resting": [order …]}``: the buy orders that stay open and no daemon cancels."""
    from autopilot.domain.account import exchange_of

    for account in document["disarmed"]:
        yield line(
            f"{account} is disarmed: no more buy orders are sent. Positions stay monitored and are sold as planned."
        )
    if not document["disarmed"]:
        yield line("Nothing was armed; nothing was changed.")
    for order in document["resting"]:
        at = f" at {price(order['price'])}" if order["price"] else ""
        words = f"LEFT: {order['account']}: {order['symbol']}: a buy order for {quantity(order['quantity'])}{at} rests"
        yield line(f"{words} on the exchange and may still be filled", Style.BAD, hang=2)
    for account in sorted({order["account"] for order in document["resting"]}):
        yield remedy(f"autopilot pause --exchange {exchange_of(account)}")


def keys_screen(document: Document) -> Screen:
    """``{"keys": [{"exchange", "added_at_ms", "fingerprint"} …]}``."""
    return listing(_KEY_FIELDS, document["keys"], "No exchange keys are stored. Try: autopilot keys add kraken")


def result_screen(words: str, document: Document) -> Screen:
    """``words``: the result; the document's ``disarmed``: the accounts whose authorization ended with it."""
    ended = (
        f"{account} is disarmed. Authorize it again with: autopilot arm" for account in document.get("disarmed", ())
    )
    return (line(words, Style.GOOD), *(line(each, Style.WARNING) for each in ended))
