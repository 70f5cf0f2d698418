"""The engine's events: numbered, kept for a while, and passed to all listeners."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from autopilot.domain.decision import Decision
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document
from autopilot.ports.observer import EventSink

BUFFERED = 2_000


@dataclass(frozen=True, slots=True)
class Event:
    """``seq`` counts from 1 in this daemon's life; ``at_ms`` is the wall clock."""

    seq: int
    at_ms: int
    kind: str
    body: dict[str, Any]


class EventLog(EventSink):
    """Publishing never blocks. A listener more than ``BUFFERED`` events behind loses the oldest."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._events: deque[Event] = deque(maxlen=BUFFERED)
        self._seq = 0
        self._news = asyncio.Event()

    def publish(self, kind: str, subject: object, **more: object) -> None:
        self._seq += 1
        self._events.append(Event(self._seq, self._now_ms(), kind, document(subject) | document(more)))
        self._news.set()
        self._news = asyncio.Event()

    async def since(self, seq: int | None = None) -> AsyncIterator[Event]:
        """Events after number ``seq`` (None: from now on), without end. A number that this daemon has not reached is of
        an earlier daemon: then all events in the buffer follow."""
        last = self._seq if seq is None else seq if seq <= self._seq else 0
        while True:
            news = self._news
            newer = min(self._seq - last, len(self._events))
            for event in [*islice(reversed(self._events), newer)][::-1]:
                last = event.seq
                yield event
            if last >= self._seq:
                await news.wait()


def brief(decision: Decision) -> Document:
    """A decision as one row of a list, with the fields of the queries."""
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
