"""The keys of [risk]: limits that hold in every mode, and protections that are off until they are given a number."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from autopilot.config.section import Section
from autopilot.config.value_types import Amount, Percent
from autopilot.risk.limits import LowProfit, OnLimit, RecentDrawdown, RiskLimits, StopGuard

Candles = Annotated[int, Field(ge=0, le=10_000)]
Window = Annotated[int, Field(ge=1, le=10_000)]


class StopGuardSection(Section):
    """Pauses entries after many losing stop-losses."""

    symbol_stops: Annotated[int, Field(ge=0, le=1_000)] = 0
    """So many of a symbol pause the symbol; 0 never."""
    account_stops: Annotated[int, Field(ge=0, le=1_000)] = 0
    """So many of all symbols together pause all of them; 0 never."""
    lookback_candles: Window = 24
    """Candles within which they count."""
    pause_candles: Window = 24
    """Candles that the pause lasts, from the last of them on."""

    def settings(self) -> StopGuard:
        return StopGuard(**self.model_dump())


class LowProfitSection(Section):
    """Pauses a symbol whose trades earn too little."""

    min_trades: Annotated[int, Field(ge=0, le=1_000)] = 0
    """So many trades of the symbol at least are judged; 0 never."""
    required_pct: Annotated[float, Field(ge=-100, le=1_000)] = 0.0
    """What they are to earn in sum, in percent of what each cost, after fees."""
    lookback_candles: Window = 24
    """Candles within which they count."""
    pause_candles: Window = 24
    """Candles that the pause lasts, from the last of them on."""

    def settings(self) -> LowProfit:
        return LowProfit(**self.model_dump())


class RecentDrawdownSection(Section):
    """Pauses all symbols after trades that took much of the equity in a short time."""

    max_pct: Annotated[float, Field(ge=0, le=100)] = 0.0
    """So deep a fall by closed trades, in percent of the highest equity among them, pauses all symbols; 0 never."""
    min_trades: Annotated[int, Field(ge=1, le=1_000)] = 1
    """So many trades at least are judged."""
    lookback_candles: Window = 24
    """Candles within which they count."""
    pause_candles: Window = 24
    """Candles that the pause lasts, from the last of them on."""

    def settings(self) -> RecentDrawdown:
        return RecentDrawdown(**self.model_dump())


class RiskSection(Section):
    """Limits that hold in every mode; a signal beyond one of them is denied."""

    max_position_pct: Percent = 20.0
    """The largest position in one symbol, in percent of equity."""
    max_exposure_pct: Percent = 60.0
    """The largest sum of all positions, in percent of equity."""
    max_open_positions: Annotated[int, Field(ge=1, le=1_000)] = 5
    """Positions held at the same time."""
    risk_per_trade_pct: Percent = 1.0
    """What a trade may lose between its entry and its stop, in percent of equity."""
    max_daily_loss_pct: Percent = 5.0
    """Loss since midnight UTC, in percent of that day's first equity, after which no position is opened."""
    on_daily_loss: Annotated[OnLimit, Field(strict=False)] = OnLimit.STOP_ENTRIES
    """What follows then: no entries, or also that every position is sold at market."""
    max_drawdown_pct: Percent = 20.0
    """Fall of equity from its peak, in percent, after which no position is opened."""
    on_drawdown: Annotated[OnLimit, Field(strict=False)] = OnLimit.STOP_ENTRIES
    """What follows then: no entries, or also that every position is sold at market."""
    drawdown_pause_days: Annotated[int, Field(ge=0, le=3_650)] = 0
    """Days with nothing held after which such a fall is over and the peak begins anew; 0: only a person ends it."""
    cooldown_candles: Candles = 3
    """Candles that a symbol rests after a stop-loss."""
    exit_cooldown_candles: Candles = 0
    """Candles that a symbol rests after any exit; 0 none."""
    max_consecutive_losses: Annotated[int, Field(ge=1, le=1_000)] = 3
    """Losing round trips in a row after which a symbol pauses."""
    loss_pause_candles: Candles = 24
    """Candles that this pause lasts."""
    max_candle_age: Annotated[float, Field(gt=0, le=1_000)] = 2.0
    """Age of the last closed candle, in timeframes after its close, beyond which it is too stale to trade on."""
    max_price_deviation_pct: Percent = 2.0
    """Distance of the latest price from the last close, in percent, beyond which no position is opened."""
    min_order_value: Annotated[Amount, Field(ge=0)] = Decimal(1)
    """The smallest purchase, in quote currency; the market's own minimum holds as well, also at the stop."""
    stop_guard: StopGuardSection = StopGuardSection()
    low_profit: LowProfitSection = LowProfitSection()
    recent_drawdown: RecentDrawdownSection = RecentDrawdownSection()

    @model_validator(mode="after")
    def _position_fits_exposure(self) -> Self:
        if self.max_position_pct > self.max_exposure_pct:
            raise ValueError(
                f"max_position_pct = {self.max_position_pct:g} is more than max_exposure_pct = "
                f"{self.max_exposure_pct:g}: one position may not be larger than all together"
            )
        return self

    def settings(self) -> RiskLimits:
        protections = {name: getattr(self, name).settings() for name in ("stop_guard", "low_profit", "recent_drawdown")}
        return RiskLimits(**self.model_dump(exclude=set(protections)), **protections)
