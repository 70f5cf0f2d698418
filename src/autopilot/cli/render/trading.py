"""The results of pause, resume and panic, and the work they left."""

from __future__ import annotations

from autopilot.cli.render.blocks import Block, Screen, Style, line
from autopilot.cli.render.words import count, price, quantity
from autopilot.domain.document_types import Document

MEANS = {
    "active": "entries and exits",
    "reducing": "no buying; stops, targets and sell signals still apply",
    "halted": "only stop-losses are sent",
}
STYLES = {"active": Style.GOOD, "reducing": Style.WARNING, "halted": Style.BAD}


def paused_screen(document: Document) -> Screen:
    """The answer of `autopilot pause`."""
    return (*_mode(document), *_done(document), _lifting(document))


def resumed_screen(document: Document) -> Screen:
    """The answer of `autopilot resume`; it has ``accounts`` only after --write-off."""
    if "accounts" not in document:
        return _mode(document)
    return (*_mode(document), *(_done(document) or (line("nothing was missing; nothing was written off"),)))


def panic_screen(document: Document, *, flatten: bool) -> Screen:
    """The answer of `autopilot panic`."""
    nothing = "no order and no position was open" if flatten else "no order was open"
    done = _done(document) or (line(nothing),)
    verdict = () if document["complete"] else (line("NOT COMPLETE", Style.BAD),)
    return (*_mode(document), *done, *verdict, _lifting(document))


def whose(account: str) -> str:
    """``*`` → every account, ``*:kraken`` → every account on kraken."""
    scope, _, exchange = account.partition(":")
    if scope != "*":
        return account
    return f"every account on {exchange}" if exchange else "every account"


def _mode(document: Document) -> tuple[Block, ...]:
    now, before = document["now"], document["before"]
    was = f"was {now} already" if now == before else f"was {before}"
    return (line(f"{whose(document['account'])}: {now} ({was}); {MEANS[now]}", STYLES[now], hang=2),)


def _lifting(document: Document) -> Block:
    exchange = document["account"].partition(":")[2]
    option = f" --exchange {exchange}" if exchange else ""
    return line(f"Undo with: autopilot resume{option}", Style.FAINT)


def _done(document: Document) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for account in document["accounts"]:
        name, canceled = account["account"], account["canceled"]
        if canceled:
            blocks.append(line(f"{name}: {count(len(canceled), 'order')} canceled"))
        blocks += [line(f"  {_order(order)}", Style.FAINT, hang=4) for order in canceled]
        blocks += [line(f"{name}: {symbol}: its stop order stays open on the exchange") for symbol in account["kept"]]
        blocks += [line(f"{name}: {symbol} sold", Style.GOOD) for symbol in account["sold"]]
        blocks += [line(f"{name}: {symbol}: the rest is too small to be sold") for symbol in account["dust"]]
        blocks += [
            line(f"{name}: {quantity(gone)} {symbol.partition('/')[0]} of {symbol} written off")
            for symbol, gone in account["written_off"].items()
        ]
        for left in account["left"]:
            subject = "" if left["symbol"] == "*" else f"{left['symbol']}: "
            owner = "" if name == "*" else f"{name}: "
            blocks.append(line(f"LEFT: {owner}{subject}{left['what']}", Style.BAD, hang=2))
            blocks.append(line(f"  try: {left['hint']}", Style.FAINT, hang=2))
    return tuple(blocks)


def _order(order: Document) -> str:
    at = f" at {price(order['price'])}" if order["price"] else ""
    filled = "" if order["filled"] == "0" else f", {quantity(order['filled'])} of it filled before"
    return f"{order['symbol']} {order['side']} {quantity(order['quantity'])}{at}: {order['status']}{filled}"
