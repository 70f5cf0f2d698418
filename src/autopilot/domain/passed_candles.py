"""Closed candles that were passed over: they will never be decided."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from autopilot.domain.timeframe import Timeframe

MORE_HISTORY = (
    "data.history_exchange fills in candles of another exchange; autopilot data import FILE adds older ones;"
    " else wait for more candles"
)
"""What to do about a short history."""


class PassReason(StrEnum):
    """Why a candle is passed over."""

    HISTORY_TOO_SHORT = "HISTORY_TOO_SHORT"
    """Too few candles before it, even for the rule table."""
    MISSED = "MISSED"
    """It closed while nothing ran, and more candles closed after it than are decided later."""


@dataclass(frozen=True, slots=True)
class PassedCandles:
    """Adjacent ``candles`` of one symbol that were passed over for one reason. ``first_at_ms`` and ``last_at_ms`` are
    open times; ``detail`` is about the last one."""

    account: str
    exchange: str
    symbol: str
    timeframe: Timeframe
    first_at_ms: int
    last_at_ms: int
    candles: int
    passed_at_ms: int
    code: PassReason
    detail: str
