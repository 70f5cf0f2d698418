"""The results of start, stop, exit, pause, resume and panic, and the work they left."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from autopilot.cli.render.blocks import Block, Paragraph, Screen, Span, Style, as_screen, banner, line, remedy
from autopilot.cli.render.words import MODE_STYLES, count, money, price, quantity

if TYPE_CHECKING:
    from autopilot.domain.document_types import Document
    from autopilot.domain.status_types import SymbolDocument

MEANS = {
    "active": "entries and exits",
    "reducing": "no buying; stops, targets and sell signals still apply",
    "halted": "only stop-losses are sent",
}

_AUTO_EXECUTE = {True: "auto-execute on", False: "auto-execute off"}
_STATES = {
    "starting": ("still starting; autopilot status shows the progress", Style.WARNING),
    "running": ("running", Style.GOOD),
    "retrying": ("not running yet, Autopilot keeps trying", Style.WARNING),
    "finished": ("at the end of its stored candles", Style.FAINT),
}


_REASONS = {
    "ran_before": "it ran before",
    "holds_position": "it holds a position",
    "has_live_order": "it has a live order",
}


@as_screen
def started_screen(document: Document, *, is_new: bool = False) -> Iterator[Block]:
    """The answer of `autopilot start`. ``is_new``: the command started the daemon, which took up by itself the symbols
    that run already. A daemon of an earlier version sends only ``started`` and ``already_running``."""
    started: list[SymbolDocument] = document["started"]
    resumed: list[SymbolDocument] = document.get("running", []) if is_new else []
    yield from banner([*resumed, *started])
    for symbol in (*resumed, *started):
        yield from _started(symbol)
        reasons = document.get("taken_up", {}).get(symbol["symbol"], _reasons(symbol) if symbol in resumed else [])
        if reasons:
            yield line(f"  taken up: {' and '.join(_REASONS[each] for each in reasons)}", Style.FAINT)
        for change in document.get("changed", ()):
            if change["symbol"] == symbol["symbol"]:
                yield line(f"  {change['setting']}: {change['before']} → {change['now']}")
    if not is_new:
        yield from (line(f"{name} is running already; nothing changed") for name in document["already_running"])
    for left_out in document.get("left_out", ()):
        yield line(f"{left_out['symbol']} could not be taken up: {left_out['message']}", Style.BAD, hang=2)
        yield remedy(left_out["hint"] or f"autopilot start --symbol {left_out['symbol']}")


def _reasons(symbol: SymbolDocument) -> list[str]:
    """Why a symbol was taken up that ran when the last daemon ended."""
    held = {"holds_position": symbol["position"], "has_live_order": symbol["open_orders"]}
    return ["ran_before", *(reason for reason, what in held.items() if what)]


def _started(symbol: SymbolDocument) -> Iterator[Block]:
    words, style = _STATES.get(symbol["state"], (symbol["state"], Style.PLAIN))
    used = "paper money" if symbol["paper_trading"] else "REAL MONEY"
    how = f"{symbol['timeframe']}, every {symbol['interval']:g} s, {used}, {_AUTO_EXECUTE[symbol['auto_execute']]}"
    yield Paragraph((Span(f"{symbol['symbol']} on {symbol['exchange']} ({how}): "), Span(words, style)), hang=2)
    if symbol["message"]:
        yield line(f"  {symbol['message']}", hang=2)
    if hint := symbol.get("hint"):
        yield remedy(hint)


@as_screen
def stopped_screen(document: Document) -> Iterator[Block]:
    """The answer of `autopilot stop`."""
    yield from (line(f"{symbol} stopped") for symbol in document["stopped"])
    yield from (line(f"{symbol} sold", Style.GOOD) for symbol in document["flattened"])
    yield from (line(f"{symbol}: the rest is too small to be sold") for symbol in document.get("dust", ()))
    for left in document.get("left", ()):
        yield line(f"LEFT: {left['symbol']}: {left['what']}; it runs on", Style.BAD, hang=2)
        yield remedy(left["hint"])
    if document["daemon"] == "stopping":
        yield line("the daemon is stopping")
    elif not document["stopped"] and not document.get("left"):
        yield line("no symbol was running", Style.FAINT)


def exited_screen(document: Document) -> Screen:
    """The answer of `autopilot exit`."""
    symbol, held = document["symbol"], document["position"]
    base = symbol.partition("/")[0]
    accounts = [{**account, "sold": []} for account in document["accounts"]]
    sold = line(f"{symbol}: {quantity(document['sold'])} {base} sold", Style.GOOD)
    rest = f"{quantity(held['quantity'])} {base} stay" if held else "nothing stays"
    levels = f", stop {price(held['stop'])}, target {price(held['target'])}" if held else ""
    runs = "the symbol runs on" if document["running"] else "the symbol does not run"
    verdict = () if document["complete"] else (line("NOT COMPLETE", Style.BAD),)
    return (*_done({"accounts": accounts}), sold, line(f"{rest}{levels}; {runs}", hang=2), *verdict)


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
    return (line(f"{whose(document['account'])}: {now} ({was}); {MEANS[now]}", MODE_STYLES[now], hang=2),)


def _lifting(document: Document) -> Block:
    exchange = document["account"].partition(":")[2]
    option = f" --exchange {exchange}" if exchange else ""
    return line(f"Undo with: autopilot resume{option}", Style.FAINT)


@as_screen
def _done(document: Document) -> Iterator[Block]:
    for account in document["accounts"]:
        name, canceled = account["account"], account["canceled"]
        if canceled:
            yield line(f"{name}: {count(len(canceled), 'order')} canceled")
        yield from (line(f"  {_order(order)}", Style.FAINT, hang=4) for order in canceled)
        yield from (line(f"{name}: {symbol}: its stop order stays open on the exchange") for symbol in account["kept"])
        yield from (line(f"{name}: {symbol} sold", Style.GOOD) for symbol in account["sold"])
        yield from (line(f"{name}: {symbol}: the rest is too small to be sold") for symbol in account["dust"])
        yield from _write_offs(account)
        for left in account["left"]:
            subject = "" if left["symbol"] == "*" else f"{left['symbol']}: "
            owner = "" if name == "*" else f"{name}: "
            yield line(f"LEFT: {owner}{subject}{left['what']}", Style.BAD, hang=2)
            yield remedy(left["hint"])


def _write_offs(account: Document) -> Iterator[Block]:
    """A daemon that ran before an upgrade says only how much of each symbol."""
    name = account["account"]
    if "write_offs" in account:
        yield from (block for gone in account["write_offs"] for block in _written_off(name, gone))
    else:
        gone = account["written_off"].items()
        yield from (line(f"{name}: {symbol}: {amount} written off") for symbol, amount in gone)


@as_screen
def _written_off(account: str, gone: Document) -> Iterator[Block]:
    base, _, quote = gone["symbol"].partition("/")
    kept = Decimal(gone["quantity"]) - Decimal(gone["missing"])
    why = "the account does not own it" if not kept else f"the account does not own {quantity(gone['missing'])}"
    if gone["reason"] == "market_gone":
        why = f"{account.partition(':')[2]} no longer has this market"
    yield line(f"{account}: {gone['symbol']}: {quantity(gone['quantity'])} {base} written off: {why}", hang=2)
    at = f"counts as withdrawn at the last known price, {price(gone['price'])} {quote}"
    words = f"  cost {money(gone['cost'])} {quote}, {at}: result {money(gone['result'])}, booked in the equity only"
    yield line(words, hang=4)
    if gone["net"] is not None:
        yield line(f"  what was sold of it before is booked as a trade: result {money(gone['net'])}", hang=4)
    if kept:
        yield line(f"  {quantity(str(kept))} {base} stay in the account, and Autopilot no longer counts them", hang=4)


def _order(order: Document) -> str:
    at = f" at {price(order['price'])}" if order["price"] else ""
    filled = "" if order["filled"] == "0" else f", {quantity(order['filled'])} of it filled before"
    return f"{order['symbol']} {order['side']} {quantity(order['quantity'])}{at}: {order['status']}{filled}"
