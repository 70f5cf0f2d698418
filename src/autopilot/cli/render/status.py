"""The status screen: a row for each symbol, a line for each account, each problem with its remedy."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar, cast

from autopilot.cli.render.banner import banner
from autopilot.cli.render.blocks import BLANK, Block, Field, Paragraph, Screen, Span, Style, field, line, listed
from autopilot.cli.render.decisions import action
from autopilot.cli.render.real_money import real_money_lines
from autopilot.cli.render.symbol import symbol_blocks
from autopilot.cli.render.trading import STYLES
from autopilot.cli.render.words import NOTHING, count, figure, money, price, quantity, result, spoken, utc
from autopilot.domain.card_types import LoadedModelDocument
from autopilot.domain.document_types import Document
from autopilot.domain.status_types import (
    AccountDocument,
    DaemonDocument,
    ProblemDocument,
    StatusDocument,
    SymbolDocument,
)

Part = TypeVar("Part")
_STATE_STYLES = {"running": Style.GOOD, "retrying": Style.WARNING, "stopped": Style.FAINT, "finished": Style.FAINT}


def _mode(symbol: SymbolDocument) -> str:
    money_used = "paper" if symbol["paper_trading"] else "LIVE"
    doing = f"auto-execute {'on' if symbol['auto_execute'] else 'off'}"
    return f"{symbol['timeframe']} {money_used}, {doing}"


def _of(part: Part | None, read: Callable[[Part], Span | str]) -> Span | str:
    """The cell read off a part of a symbol's status that may not be known yet."""
    return read(part) if part else NOTHING


FIELDS: tuple[Field[SymbolDocument], ...] = (
    field("symbol", lambda symbol: symbol["symbol"]),
    field("state", lambda symbol: Span(symbol["state"], _STATE_STYLES.get(symbol["state"], Style.PLAIN))),
    field("price", lambda symbol: price(symbol["price"]), right=True, rank=2),
    field("regime", lambda symbol: _of(symbol["last_analysis"], lambda seen: spoken(seen["regime"])), rank=4),
    field(
        "strategy",
        lambda symbol: _of(symbol["selected_strategy"], lambda chosen: chosen["strategy"]),
        rank=5,
        shrink_to=10,
    ),
    field(
        "conf.",
        lambda symbol: _of(symbol["selected_strategy"], lambda chosen: figure(chosen["confidence"])),
        right=True,
        rank=6,
    ),
    field("action", lambda symbol: _of(symbol["last_decision"], action)),
    field(
        "position",
        lambda symbol: _of(symbol["position"], lambda held: quantity(held["quantity"])),
        right=True,
        rank=1,
    ),
    field("P&L", lambda symbol: result(unrealized(symbol)), right=True),
    field(
        "candle", lambda symbol: _of(symbol["last_decision"], lambda decision: utc(decision["candle_at_ms"])), rank=7
    ),
    field("cycles", lambda symbol: f"{symbol['cycles']:,}", right=True, rank=8),
    field("trades today", lambda symbol: f"{symbol['trades_today']:,}", right=True, rank=9),
    field("mode", _mode, rank=10),
)
HEALTH_SHOWN = 5
SHOWN_ELSEWHERE = ("SYMBOL_RETRYING", "EXCHANGE_UNREACHABLE", "MODEL_UNUSABLE")
"""Problems that have their own place: a symbol's row and the line below it, the model's line at the top."""


def status_screen(document: Document, *, full: bool = False) -> Screen:
    """``{"daemon": …, "accounts": […], "symbols": […]}``; ``full`` adds the details of an only symbol."""
    status = cast("StatusDocument", document)
    symbols = status["symbols"]
    blocks: list[Block] = [_daemon(status["daemon"]), *_model(status["model"]), *banner(symbols)]
    blocks += real_money_lines(status["real_money"])
    if symbols:
        blocks += [BLANK, listed(FIELDS, symbols)]
    else:
        blocks.append(line("No symbol is running. Try: autopilot start --symbol BTC/USD", Style.FAINT))
    if status["accounts"]:
        modes = {each["account"]: each["mode"] for each in status["modes"]}
        blocks += [BLANK, *(_account(account, modes.get(account["account"])) for account in status["accounts"])]
    if full and len(symbols) == 1:
        blocks += [BLANK, *symbol_blocks(symbols[0])]
    unarmed = {each["account"] for each in status["real_money"] if each["unarmed_symbols"]}
    remarks = [*_health(status["health"], unarmed), *(each for symbol in symbols for each in _remarks(symbol))]
    return (*blocks, *([BLANK, *remarks] if remarks else []))


def unrealized(symbol: SymbolDocument) -> str | None:
    """The gain or loss of selling the position at the last price, before the fee of the sale."""
    position = symbol["position"]
    if not position or symbol["price"] is None:
        return None
    return str(Decimal(position["quantity"]) * Decimal(str(symbol["price"])) - Decimal(position["cost"]))


def _daemon(daemon: DaemonDocument) -> Paragraph:
    if not daemon["running"]:
        return Paragraph((Span("daemon "), Span("not running", Style.BAD)))
    since = f", pid {daemon['pid']}, version {daemon['version']}, since {utc(daemon['started_at_ms'])}"
    return Paragraph((Span("daemon "), Span("running", Style.GOOD), Span(since, Style.FAINT)), hang=2)


def _model(model: LoadedModelDocument | None) -> list[Block]:
    """Nothing where the rules decide because there is no model."""
    if model is None:
        return []
    if model["usable"]:
        return [line(f"model {model['id']} ({model['state']}) chooses the group of strategies", Style.FAINT, hang=2)]
    return [line(f"the rule table decides: {model['message']}", Style.WARNING, hang=2)]


def _account(account: AccountDocument, mode: str | None) -> Paragraph:
    """``mode``: the trading mode, None if unknown."""
    currency = account["currency"]
    gain = Decimal(account["equity"]) - Decimal(account["start_equity"])
    positions = count(int(account["open_positions"]), "open position")
    return Paragraph(
        (
            Span(f"{account['account']}: "),
            *((Span(mode, STYLES[mode]), Span(", ")) if mode else ()),
            Span(f"equity {money(account['equity'])} {currency} ("),
            result(str(gain)),
            Span(f" since the start) and {money(account['free'])} free at {utc(account['at_ms'])}, {positions}"),
        ),
        hang=2,
    )


def _health(records: list[ProblemDocument], unarmed: set[str]) -> list[Paragraph]:
    """The problems that the screen shows nowhere else, the worst first.

    ``unarmed``: the accounts that the lines on real money name as not armed.
    """
    shown = [
        record
        for record in records
        if record["code"] not in SHOWN_ELSEWHERE
        and not (record["code"] == "NOT_ARMED" and unarmed.issuperset(record["subject"].split(", ")))
    ]
    found: list[Paragraph] = []
    for record in shown[:HEALTH_SHOWN]:
        since = f", since {utc(record['since_ms'])}" if record["since_ms"] else ""
        style = Style.BAD if record["level"] == "error" else Style.WARNING
        found.append(line(f"{record['subject']}: {record['detail']}{since}", style, hang=2))
        found.append(line(f"  try: {record['hint']}", Style.FAINT, hang=2))
    if len(shown) > HEALTH_SHOWN:
        found.append(line(f"and {len(shown) - HEALTH_SHOWN} more: autopilot status --json", Style.WARNING))
    return found


def _remarks(symbol: SymbolDocument) -> tuple[Paragraph, ...]:
    name, state, message = symbol["symbol"], symbol["state"], symbol["message"] or ""
    if state == "retrying":
        reason = message or symbol["last_error"] or "the last cycle failed"
        remedy = symbol.get("hint") or "nothing, Autopilot tries again; autopilot config path names the log"
        return (
            line(f"{name} is retrying: {reason}", Style.WARNING, hang=2),
            line(f"  try: {remedy}", Style.FAINT, hang=2),
        )
    return (line(f"{name}: {message}", Style.FAINT, hang=2),) if message else ()
