"""The limits that hold in every mode, live and on paper."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """Percentages are of equity unless said otherwise (5.0 = 5 %)."""

    max_position_pct: float = 20.0
    max_exposure_pct: float = 60.0
    max_open_positions: int = 5
    risk_per_trade_pct: float = 1.0
    max_daily_loss_pct: float = 5.0
    """Of the day's first equity."""
    max_drawdown_pct: float = 20.0
    """Of the highest equity."""
    cooldown_candles: int = 3
    """Rest of a symbol after its stop-loss."""
    max_consecutive_losses: int = 3
    loss_pause_candles: int = 24
    max_candle_age: float = 2.0
    """In timeframes after the candle's close."""
    max_price_deviation_pct: float = 2.0
    """Of the last close."""
    min_order_value: Decimal = Decimal(1)
    """In quote currency."""
