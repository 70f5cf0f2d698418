"""The equity marks of candles without events: cash and positions stand still while prices move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.money import to_decimal
from autopilot.domain.timeframe import DAY_MS, day_of
from autopilot.ports.ledger import EquityMark

RANKS = 1024
"""More symbols than a backtest has: a moment's key is its time in ms times this, and the symbol's rank."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A position between events: ``keys`` int64[n] and ``closes`` float64[n] of its symbol's candles."""

    keys: IntArray
    closes: FloatArray
    quantity: Decimal


def rolled_forward(mark: EquityMark, cash: Decimal, held: Sequence[Held], after: int, before: int) -> EquityMark:
    """``mark`` as it is after every candle of ``held`` with a key in (after, before), in their order: each candle's
    close is a new price, a new day begins with the equity before it, and the peak is the highest equity of all."""
    spans = [
        (int(np.searchsorted(each.keys, after, side="right")), int(np.searchsorted(each.keys, before))) for each in held
    ]
    passed = [each.keys[begin:end] for each, (begin, end) in zip(held, spans, strict=True) if begin < end]
    if not passed:
        return mark
    keys = passed[0] if len(passed) == 1 else np.sort(np.concatenate(passed))
    latest = [np.searchsorted(each.keys, keys, side="right") - 1 for each in held]
    prices = [each.closes[np.maximum(index, 0)] for each, index in zip(held, latest, strict=True)]

    def equity(at: int) -> Decimal:
        values = (each.quantity * to_decimal(float(price[at])) for each, price in zip(held, prices, strict=True))
        return sum(values, cash)

    worth = np.sum([float(each.quantity) * price for each, price in zip(held, prices, strict=True)], axis=0)
    closes_ms = keys // RANKS
    last_ms = int(closes_ms[-1])
    day_start = mark.day_start_equity
    if day_of(last_ms) != day_of(mark.at_ms):
        first = int(np.searchsorted(closes_ms // DAY_MS, day_of(last_ms)))
        day_start = equity(first - 1) if first else mark.equity
    return replace(
        mark,
        at_ms=last_ms,
        equity=equity(len(keys) - 1),
        day_start_equity=day_start,
        peak_equity=max(mark.peak_equity, equity(int(worth.argmax()))),
    )
