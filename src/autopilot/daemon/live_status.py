"""The live state of a running autopilot, laid over what the database knows of it."""

from __future__ import annotations

from autopilot.daemon.autopilots import Running
from autopilot.domain.document_types import Document
from autopilot.domain.errors import AutopilotError, error_code


def overlay(
    known: Document, running: Running | None, next_cycle_ms: int | None, left_out: AutopilotError | None
) -> Document:
    """``known``: `queries.symbol_status`; ``left_out``: why the symbol was not taken up again."""
    if left_out is not None:
        why = {"code": error_code(left_out), "message": str(left_out), "hint": left_out.hint}
        return {**known, "left_out": why}
    if running is None:
        return known
    autopilot, record = running.autopilot, running.autopilot.record
    candles, quote = autopilot.window.candles, autopilot.window.quote
    return {
        **known,
        "state": record.state.value,
        "running": True,
        "message": record.message or None,
        "hint": record.hint or None,
        "price": quote.price if quote else known["price"],
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
