"""The input of the rules when a signal is decided."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from autopilot.domain.market import Market
from autopilot.domain.model_state import ModelScope
from autopilot.domain.order import Purpose
from autopilot.domain.portfolio import Portfolio, SymbolRecord
from autopilot.domain.timeframe import Timeframe
from autopilot.risk.limits import RiskLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionContext:
    """One candle of one symbol, the account at that moment, and the limits. ``closed_at_ms`` is the candle's close and
    ``now_ms`` market time; ``last_close`` and ``price``, the latest seen, are in quote currency. ``proven_on``: the
    candles on which the model that decided has proven an edge, None without proof. ``decision_id`` is empty if no
    decision is stored."""

    market: Market
    timeframe: Timeframe
    portfolio: Portfolio
    limits: RiskLimits
    last_close: Decimal
    price: Decimal
    closed_at_ms: int
    now_ms: int
    proven_on: ModelScope | None = None
    decision_id: str = ""

    @property
    def history(self) -> SymbolRecord:
        return self.portfolio.history_of(self.market.symbol)

    @property
    def pending_entries(self) -> tuple[str, ...]:
        """The symbols of the entry orders that are still open."""
        return tuple(order.symbol for order in self.portfolio.open_orders if order.purpose is Purpose.ENTRY)

    def candles_since(self, at_ms: int) -> float:
        return (self.now_ms - at_ms) / self.timeframe.ms
