"""Gaps that all symbols of an exchange share: the exchange was out of order, however short they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from autopilot.app.data.ledger import overlap, within
from autopilot.domain.candles import Candles
from autopilot.domain.coverage import CoveredSpan, Gap, GapReason, missing
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.history import CoverageStore


def note_shared_outages(store: CoverageStore, exchange: str, timeframe: Timeframe, symbols: Sequence[str]) -> None:
    """Enter into the ledger that gaps which all ``symbols`` have, at least two, are outages. Raises StoreError."""
    if len(set(symbols)) < 2:
        return
    gaps = {symbol: store.gaps(exchange, symbol, timeframe) for symbol in symbols}
    for symbol in gaps:
        covered = store.covered(exchange, symbol, timeframe)
        for gap in _shared(gaps, symbol):
            for each in covered:
                if part := overlap(each.span, gap.span):
                    known = CoveredSpan(part, each.way, each.fetched_at_ms)
                    outage = replace(gap, span=part, reason=GapReason.OUTAGE)
                    store.save_covered(exchange, symbol, Candles.empty(timeframe), known, [outage])


def _shared(gaps: Mapping[str, Sequence[Gap]], symbol: str) -> Iterator[Gap]:
    others = [[each.span for each in of_symbol] for other, of_symbol in gaps.items() if other != symbol]
    for gap in gaps[symbol]:
        if gap.reason is GapReason.NO_TRADES and not any(missing(gap.span, within(each, gap.span)) for each in others):
            yield gap
