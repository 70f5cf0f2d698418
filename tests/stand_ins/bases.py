"""What decisions are based on."""

from __future__ import annotations

from autopilot.analysis.market_analyzer import WINDOW
from autopilot.domain.decision import CandleBasis

WHOLE = CandleBasis(WINDOW, 0, None, ())
"""A whole window of our own candles."""
