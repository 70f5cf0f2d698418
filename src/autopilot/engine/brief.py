"""A decision in one line."""

from __future__ import annotations

from autopilot.domain.decision import Decision
from autopilot.domain.documents import Document, document


def brief(decision: Decision) -> Document:
    """A decision in one line of a list, as the queries give it."""
    body: Document = document(
        {
            "id": decision.id,
            "symbol": decision.symbol,
            "account": decision.account,
            "exchange": decision.exchange,
            "market": decision.market,
            "timeframe": decision.timeframe,
            "candle_at_ms": decision.candle_at_ms,
            "decided_at_ms": decision.decided_at_ms,
            "price": decision.conditions.price,
            "action": decision.action,
            "signal_type": decision.signal.signal_type,
            "denied_code": decision.denied.code if decision.denied else None,
            "denied_detail": decision.denied.detail if decision.denied else None,
            "order_id": decision.order.client_order_id if decision.order else None,
            "regime": decision.conditions.regime,
            "group": decision.selection.group,
            "strategy": decision.selection.strategy,
            "decided_by": decision.selection.decided_by,
            "confidence": decision.selection.confidence,
        }
    )
    return body
