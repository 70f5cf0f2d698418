"""Stored candles of a longer timeframe, made of stored shorter ones."""

from __future__ import annotations

import numpy as np

from autopilot.app.data.repair import RepairStore
from autopilot.domain.candles import Candles, IntArray
from autopilot.domain.coverage import CoveredSpan, TimeSpan, Way, runs, union
from autopilot.domain.document_types import Document
from autopilot.domain.resampling import resample
from autopilot.domain.timeframe import Timeframe

STORED_AT_ONCE = 20_000


def resample_series(
    store: RepairStore, exchange: str, symbol: str, source: Timeframe, target: Timeframe, now_ms: int
) -> Document:
    """Make and store the candles of ``target`` for which all of ``source`` is there. The exchange's own candles stay:
    a derived one is only stored where there is no other, and covered as derived.

    ``{exchange, symbol, timeframe, source, made, stored, own, refused, first_refused_at_ms}``: ``made`` are all that
    can be made, of which ``own`` are there already and ``stored`` are new or different. Raises CandleError, StoreError.
    """
    key = exchange, symbol, target
    made = resample(store.load_candles(exchange, symbol, source), target, store.gaps(exchange, symbol, source))
    derived = union(each.span for each in store.covered(*key) if each.way is Way.DERIVED)
    own = _outside(store.load_candles(*key).open_at_ms, derived)
    new = ~np.isin(made.candles.open_at_ms, own, assume_unique=True)
    stored = 0
    for span in runs(made.candles.open_at_ms[new].tolist(), target.ms):
        for from_ms in range(span.from_ms, span.to_ms, STORED_AT_ONCE * target.ms):
            part = TimeSpan(from_ms, min(from_ms + STORED_AT_ONCE * target.ms, span.to_ms))
            candles: Candles = made.candles.since(part.from_ms).until(part.to_ms - 1)
            stored += store.save_covered(exchange, symbol, candles, CoveredSpan(part, Way.DERIVED, now_ms))
    return {
        "exchange": exchange,
        "symbol": symbol,
        "timeframe": target.value,
        "source": source.value,
        "made": len(made.candles),
        "stored": stored,
        "own": int((~new).sum()),
        "refused": len(made.refused_ms),
        "first_refused_at_ms": int(made.refused_ms[0]) if len(made.refused_ms) else None,
    }


def _outside(open_at_ms: IntArray, spans: tuple[TimeSpan, ...]) -> IntArray:
    """The open times in none of the spans."""
    inside = np.zeros(len(open_at_ms), dtype=np.bool_)
    for span in spans:
        first, end = np.searchsorted(open_at_ms, [span.from_ms, span.to_ms])
        inside[first:end] = True
    return open_at_ms[~inside]
