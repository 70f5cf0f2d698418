"""The limits that hold in every mode, live and on paper."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from autopilot.domain.timeframe import DAY_MS, Timeframe


class OnLimit(StrEnum):
    """What follows when an account has lost too much."""

    STOP_ENTRIES = "stop_entries"
    CLOSE_POSITIONS = "close_positions"
    """Nothing more is bought, and what is held is sold at market."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookBack:
    """A protection looks at the round trips that ended within ``lookback_candles`` before one of them did; when it
    minds them, entries pause for ``pause_candles`` from that end on."""

    lookback_candles: int = 24
    pause_candles: int = 24

    @property
    def is_on(self) -> bool:
        raise NotImplementedError

    @property
    def reach_candles(self) -> int:
        """How far back the end of a round trip can still matter."""
        return self.lookback_candles + self.pause_candles if self.is_on else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StopGuard(LookBack):
    """So many losing stop-losses are too many; 0 never are."""

    symbol_stops: int = 0
    account_stops: int = 0

    @property
    def is_on(self) -> bool:
        return self.symbol_stops > 0 or self.account_stops > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LowProfit(LookBack):
    """At least ``min_trades`` round trips of a symbol that earned less than ``required_pct`` of their cost, in sum;
    0 trades: never."""

    min_trades: int = 0
    required_pct: float = 0.0

    @property
    def is_on(self) -> bool:
        return self.min_trades > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentDrawdown(LookBack):
    """At least ``min_trades`` round trips of the account that took ``max_pct`` from its highest equity; 0 %: never."""

    max_pct: float = 0.0
    min_trades: int = 1

    @property
    def is_on(self) -> bool:
        return self.max_pct > 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """Percentages are of equity unless said otherwise (5.0 = 5 %)."""

    max_position_pct: float = 20.0
    max_exposure_pct: float = 60.0
    max_open_positions: int = 5
    risk_per_trade_pct: float = 1.0
    max_daily_loss_pct: float = 5.0
    """Of the day's first equity."""
    on_daily_loss: OnLimit = OnLimit.STOP_ENTRIES
    max_drawdown_pct: float = 20.0
    """Of the highest equity."""
    on_drawdown: OnLimit = OnLimit.STOP_ENTRIES
    drawdown_pause_days: int = 0
    """After which a drawdown is measured anew; 0 never."""
    cooldown_candles: int = 3
    """Rest of a symbol after its stop-loss."""
    exit_cooldown_candles: int = 0
    """Rest of a symbol after any exit; 0 none."""
    max_consecutive_losses: int = 3
    loss_pause_candles: int = 24
    max_candle_age: float = 2.0
    """In timeframes after the candle's close."""
    max_price_deviation_pct: float = 2.0
    """Of the last close."""
    min_order_value: Decimal = Decimal(1)
    """In quote currency."""
    stop_guard: StopGuard = StopGuard()
    low_profit: LowProfit = LowProfit()
    recent_drawdown: RecentDrawdown = RecentDrawdown()

    @property
    def may_close_positions(self) -> bool:
        return OnLimit.CLOSE_POSITIONS in (self.on_daily_loss, self.on_drawdown)

    def reach_ms(self, timeframe: Timeframe) -> int:
        """How far back the round trips are that the limits look at one by one; 0: at none."""
        protections = (self.stop_guard, self.low_profit, self.recent_drawdown)
        candles = max(int(self.may_close_positions), *(each.reach_candles for each in protections))
        return max(candles * timeframe.ms, self.drawdown_pause_days * DAY_MS)
