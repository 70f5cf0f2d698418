"""Records of an account for the figures of a period."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from autopilot.domain.timeframe import DAY_MS
from autopilot.performance.account_record import AccountRecord, ClosedTrade

START = Decimal(1000)


def record_at(
    at_ms: np.ndarray,
    equity: np.ndarray,
    *trades: ClosedTrade,
    step_ms: int = DAY_MS,
    held: float = 0.0,
    from_ms: int | None = None,
) -> AccountRecord:
    """These moments, the first of which closes the first candle unless the period began before."""
    return AccountRecord(
        currency="USD",
        start_equity=START,
        from_ms=int(at_ms[0]) - step_ms if from_ms is None else from_ms,
        step_ms=step_ms,
        at_ms=at_ms,
        equity=equity,
        held=np.full(len(equity), held),
        trades=trades,
        traded_value=Decimal(5000),
    )
