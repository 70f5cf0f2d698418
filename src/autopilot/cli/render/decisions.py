"""Lists of decisions and of the signals among them."""

from __future__ import annotations

from typing import Any

from autopilot.cli.render.banner import banner
from autopilot.cli.render.blocks import Column, Screen, Span, Style, line, table
from autopilot.cli.render.words import figure, price, spoken, utc

COLUMNS = (
    Column("candle"),
    Column("symbol"),
    Column("signal"),
    Column("price", right=True),
    Column("regime", rank=4),
    Column("strategy", rank=1, shrink_to=10),
    Column("conf.", right=True, rank=2),
    Column("action"),
    Column("why", rank=5),
    Column("id"),
)
_ACTION_STYLES = {"order": Style.GOOD, "signal": Style.WARNING, "denied": Style.BAD}
_SIGNAL_STYLES = {"buy": Style.GOOD, "sell": Style.BAD}


def decisions_screen(document: dict[str, Any]) -> Screen:
    """``{"decisions": [brief…]}``."""
    return _screen(document["decisions"], "No decisions yet: one is made for each closed candle.")


def signals_screen(document: dict[str, Any]) -> Screen:
    """``{"signals": [brief…]}``."""
    return _screen(document["signals"], "No signals yet: no strategy that was chosen has said buy or sell.")


def signal_spans(brief: dict[str, Any]) -> tuple[Span, ...]:
    """One decision as one line of a running list."""
    said = brief["signal_type"]
    return (
        Span(f"{utc(brief['candle_at_ms'])}  "),
        Span(f"{said.upper():<4}", _SIGNAL_STYLES.get(said, Style.PLAIN)),
        Span(f"  {brief['symbol']}  {price(brief['price'])}  {brief['strategy']}  "),
        Span(f"{figure(brief['confidence'])}  "),
        action(brief),
        Span(f"  {brief['denied_code']}" if brief["denied_code"] else ""),
        Span(f"  {brief['id']}"),
    )


def action(brief: dict[str, Any]) -> Span:
    """What a decision came to."""
    return Span(brief["action"], _ACTION_STYLES.get(brief["action"], Style.PLAIN))


def _screen(briefs: list[dict[str, Any]], nothing: str) -> Screen:
    if not briefs:
        return (line(nothing, Style.FAINT),)
    rows = [
        (
            utc(brief["candle_at_ms"]),
            brief["symbol"],
            Span(brief["signal_type"], _SIGNAL_STYLES.get(brief["signal_type"], Style.FAINT)),
            price(brief["price"]),
            spoken(brief["regime"]),
            brief["strategy"],
            figure(brief["confidence"]),
            action(brief),
            brief["denied_code"] or "",
            brief["id"],
        )
        for brief in briefs
    ]
    return (*banner(briefs), table(COLUMNS, rows))
