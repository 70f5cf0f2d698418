"""The status screen: every symbol in one row, every account in one line, every trouble with its remedy."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from autopilot.cli.render.banner import banner
from autopilot.cli.render.blocks import BLANK, Block, Column, Paragraph, Screen, Span, Style, line, table
from autopilot.cli.render.decisions import action
from autopilot.cli.render.real_money import real_money_lines
from autopilot.cli.render.symbol import symbol_blocks
from autopilot.cli.render.trading import STYLES
from autopilot.cli.render.words import NOTHING, count, figure, money, price, quantity, result, spoken, utc

_STATE_STYLES = {"running": Style.GOOD, "retrying": Style.WARNING, "stopped": Style.FAINT, "finished": Style.FAINT}
COLUMNS = (
    Column("symbol"),
    Column("state"),
    Column("price", right=True),
    Column("regime", rank=1),
    Column("strategy", rank=2, shrink_to=10),
    Column("conf.", right=True, rank=3),
    Column("action"),
    Column("position", right=True),
    Column("P&L", right=True),
    Column("candle", rank=4),
    Column("cycles", right=True, rank=5),
    Column("trades today", right=True, rank=6),
    Column("mode", rank=7),
)


HEALTH_SHOWN = 5
TOLD_ELSEWHERE = ("SYMBOL_RETRYING", "EXCHANGE_UNREACHABLE", "MODEL_UNUSABLE")
"""A symbol that retries says so in its row and below it, and the model has its line at the top."""


def status_screen(document: dict[str, Any], *, full: bool = False) -> Screen:
    """``{"daemon": …, "accounts": […], "symbols": […]}``; ``full`` tells all there is of an only symbol."""
    symbols = document["symbols"]
    blocks: list[Block] = [_daemon(document["daemon"]), *_model(document["model"]), *banner(symbols)]
    blocks += real_money_lines(document["real_money"])
    if symbols:
        blocks += [BLANK, table(COLUMNS, [_row(symbol) for symbol in symbols])]
    else:
        blocks.append(line("No symbol is running. Try: autopilot start --symbol BTC/USD", Style.FAINT))
    if document["accounts"]:
        modes = {each["account"]: each["mode"] for each in document["modes"]}
        blocks += [BLANK, *(_account(account, modes.get(account["account"])) for account in document["accounts"])]
    if full and len(symbols) == 1:
        blocks += [BLANK, *symbol_blocks(symbols[0])]
    unarmed = {each["account"] for each in document["real_money"] if each["unarmed_symbols"]}
    troubles = [*_health(document["health"], unarmed), *(each for symbol in symbols for each in _troubles(symbol))]
    return (*blocks, *([BLANK, *troubles] if troubles else []))


def unrealized(symbol: dict[str, Any]) -> str | None:
    """What selling the position at the last price would gain or lose, before the sale's own fee."""
    position = symbol["position"]
    if not position or symbol["price"] is None:
        return None
    return str(Decimal(position["quantity"]) * Decimal(str(symbol["price"])) - Decimal(position["cost"]))


def _daemon(daemon: dict[str, Any]) -> Paragraph:
    if not daemon["running"]:
        return Paragraph((Span("daemon "), Span("not running", Style.BAD)))
    since = f", pid {daemon['pid']}, version {daemon['version']}, since {utc(daemon['started_at_ms'])}"
    return Paragraph((Span("daemon "), Span("running", Style.GOOD), Span(since, Style.FAINT)))


def _model(model: dict[str, Any] | None) -> list[Block]:
    """Nothing where the rules decide because there is no model."""
    if model is None:
        return []
    if model["usable"]:
        return [line(f"model {model['id']} ({model['state']}) chooses the group of strategies", Style.FAINT, hang=2)]
    return [line(f"the rule table decides: {model['message']}", Style.WARNING, hang=2)]


def _row(symbol: dict[str, Any]) -> tuple[Span | str, ...]:
    analysis, selected, decision = symbol["last_analysis"], symbol["selected_strategy"], symbol["last_decision"]
    position = symbol["position"]
    return (
        symbol["symbol"],
        Span(symbol["state"], _STATE_STYLES.get(symbol["state"], Style.PLAIN)),
        price(symbol["price"]),
        spoken(analysis["regime"]) if analysis else NOTHING,
        selected["strategy"] if selected else NOTHING,
        figure(selected["confidence"]) if selected else NOTHING,
        action(decision) if decision else NOTHING,
        quantity(position["quantity"]) if position else NOTHING,
        result(unrealized(symbol)),
        utc(decision["candle_at_ms"]) if decision else NOTHING,
        f"{symbol['cycles']:,}",
        f"{symbol['trades_today']:,}",
        _mode(symbol),
    )


def _mode(symbol: dict[str, Any]) -> str:
    money_used = "paper" if symbol["paper_trading"] else "LIVE"
    doing = "executing" if symbol["auto_execute"] else "signals only"
    return f"{symbol['timeframe']} {money_used}, {doing}"


def _account(account: dict[str, Any], mode: str | None) -> Paragraph:
    """``mode``: None where it is not known."""
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


def _health(records: list[dict[str, Any]], unarmed: set[str]) -> list[Paragraph]:
    """What is told nowhere else on the screen, the worst first. ``unarmed``: accounts that were said to be so."""
    told = [
        record
        for record in records
        if record["code"] not in TOLD_ELSEWHERE
        and not (record["code"] == "NOT_ARMED" and unarmed.issuperset(record["subject"].split(", ")))
    ]
    found: list[Paragraph] = []
    for record in told[:HEALTH_SHOWN]:
        since = f", since {utc(record['since_ms'])}" if record["since_ms"] else ""
        style = Style.BAD if record["level"] == "error" else Style.WARNING
        found.append(line(f"{record['subject']}: {record['detail']}{since}", style, hang=2))
        found.append(line(f"  try: {record['hint']}", Style.FAINT, hang=2))
    if len(told) > HEALTH_SHOWN:
        found.append(line(f"and {len(told) - HEALTH_SHOWN} more: autopilot status --json", Style.WARNING))
    return found


def _troubles(symbol: dict[str, Any]) -> tuple[Paragraph, ...]:
    name, state, message = symbol["symbol"], symbol["state"], symbol["message"] or ""
    if state == "retrying":
        reason = message or symbol["last_error"] or "the last cycle failed"
        remedy = symbol.get("hint") or "nothing; it is tried again. The log: autopilot config path"
        return (
            line(f"{name} is retrying: {reason}", Style.WARNING, hang=2),
            line(f"  try: {remedy}", Style.FAINT, hang=2),
        )
    return (line(f"{name}: {message}", Style.FAINT, hang=2),) if message else ()
