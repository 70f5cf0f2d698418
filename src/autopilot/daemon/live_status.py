"""The live state of a running autopilot over its stored one."""

from __future__ import annotations

from autopilot.daemon.autopilots import Running
from autopilot.domain.document_types import Document
from autopilot.domain.errors import AutopilotError


def overlay(
    stored: Document, running: Running | None, next_cycle_ms: int | None, left_out: AutopilotError | None
) -> Document:
    """A `SymbolDocument`. ``stored``: the stored one; ``left_out``: why the symbol was not resumed."""
    if left_out is not None:
        return {**stored, "left_out": left_out.document()}
    if running is None:
        return stored
    autopilot, record = running.autopilot, running.autopilot.record
    candles, quote = autopilot.window.candles, autopilot.window.quote
    return {
        **stored,
        "state": record.state.value,
        "running": True,
        "message": record.message or None,
        "hint": record.hint or None,
        "price": quote.price if quote else stored["price"],
        "ohlcv_data": {
            "candles": len(candles),
            "first_at_ms": int(candles.open_at_ms[0]) if len(candles) else None,
            "last_at_ms": int(candles.open_at_ms[-1]) if len(candles) else None,
        },
        "strategy_instances": list(autopilot.strategy_names),
        "cycles": record.cycles,
        "errors": record.errors,
        "last_cycle_at_ms": record.last_cycle_at_ms,
        "next_cycle_at_ms": next_cycle_ms,
        "last_error": record.last_error,
        "differences": list(record.differences),
    }
