"""The results of `start` and `stop`."""

from __future__ import annotations

from autopilot.cli.render.banner import banner
from autopilot.cli.render.blocks import Block, Paragraph, Screen, Span, Style, line
from autopilot.domain.document_types import Document
from autopilot.domain.status_types import SymbolDocument

_AUTO_EXECUTE = {True: "auto-execute on", False: "auto-execute off"}
_STATES = {
    "starting": ("still starting; autopilot status shows the progress", Style.WARNING),
    "running": ("running", Style.GOOD),
    "retrying": ("not running yet, Autopilot keeps trying", Style.WARNING),
    "finished": ("at the end of its stored candles", Style.FAINT),
}


def started_screen(document: Document) -> Screen:
    """``{"started": [SymbolStatus…], "already_running": [symbol…]}``."""
    started: list[SymbolDocument] = document["started"]
    blocks: list[Block] = [*banner(started)]
    for symbol in started:
        blocks += _started(symbol)
    blocks += [line(f"{symbol} is running already; nothing changed") for symbol in document["already_running"]]
    return tuple(blocks)


def _started(symbol: SymbolDocument) -> list[Block]:
    words, style = _STATES.get(symbol["state"], (symbol["state"], Style.PLAIN))
    used = "paper money" if symbol["paper_trading"] else "REAL MONEY"
    how = f"{symbol['timeframe']}, every {symbol['interval']:g} s, {used}, {_AUTO_EXECUTE[symbol['auto_execute']]}"
    found: list[Block] = [
        Paragraph((Span(f"{symbol['symbol']} on {symbol['exchange']} ({how}): "), Span(words, style)), hang=2)
    ]
    if symbol["message"]:
        found.append(line(f"  {symbol['message']}", hang=2))
    if symbol.get("hint"):
        found.append(line(f"  try: {symbol['hint']}", Style.FAINT, hang=2))
    return found


def stopped_screen(document: Document) -> Screen:
    """``{"stopped": […], "flattened": […], "warnings": […], "daemon": …}``."""
    blocks = [line(f"{symbol} stopped") for symbol in document["stopped"]]
    blocks += [line(f"{symbol} sold") for symbol in document["flattened"]]
    if document["daemon"] == "stopping":
        blocks.append(line("the daemon is stopping"))
    return tuple(blocks) or (line("no symbol was running", Style.FAINT),)
