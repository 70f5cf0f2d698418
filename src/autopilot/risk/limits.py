"""The configuration keys of the risk limits, which hold in every mode, live and on paper."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from annotated_types import Ge, Gt, Le

from autopilot.domain.setting_types import STRICT, Amount, Percent
from autopilot.domain.timeframe import DAY_MS, Timeframe

Pause = Annotated[int, Ge(0), Le(10_000)]
Window = Annotated[int, Ge(1), Le(10_000)]
"""Both in candles."""


class OnLimit(StrEnum):
    """The reaction to a loss limit of the account."""

    STOP_ENTRIES = "stop_entries"
    CLOSE_POSITIONS = "close_positions"
    """No entries, and all positions are sold at market."""


class LookBack:
    """A protection that looks at the trades closed within ``lookback_candles`` before the end of another trade. If it
    triggers, entries pause for ``pause_candles`` from that end on."""

    __slots__ = ()

    lookback_candles: int
    pause_candles: int

    @property
    def is_on(self) -> bool:
        raise NotImplementedError

    @property
    def reach_candles(self) -> int:
        """How many candles back a closed trade can still matter; 0 if the protection is off."""
        return self.lookback_candles + self.pause_candles if self.is_on else 0


def _require_reachable(name: str, trades: int, lookback_candles: int) -> None:
    """Raises ValueError if a protection could never act: a symbol is entered at most once per candle."""
    if trades > lookback_candles + 1:
        raise ValueError(
            f"{name} = {trades} can never be reached within lookback_candles = {lookback_candles}: a symbol has at "
            "most one trade per candle"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StopGuard(LookBack):
    """Pauses entries after too many losing stop-losses."""

    __pydantic_config__ = STRICT

    symbol_stops: Annotated[int, Ge(0), Le(1_000)] = 0
    """Number of losing stop-losses of a symbol that pauses this symbol; 0 turns this off."""
    account_stops: Annotated[int, Ge(0), Le(1_000)] = 0
    """Number of losing stop-losses of all symbols together that pauses all symbols; 0 turns this off."""
    lookback_candles: Window = 24
    """Candles within which stop-losses are counted."""
    pause_candles: Window = 24
    """Length of the pause in candles, from the last of these stop-losses on."""

    def __post_init__(self) -> None:
        _require_reachable("symbol_stops", self.symbol_stops, self.lookback_candles)

    @property
    def is_on(self) -> bool:
        return self.symbol_stops > 0 or self.account_stops > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LowProfit(LookBack):
    """Pauses a symbol whose recent trades earn too little."""

    __pydantic_config__ = STRICT

    min_trades: Annotated[int, Ge(0), Le(1_000)] = 0
    """Smallest number of the symbol's trades for this check; 0 turns it off."""
    required_pct: Annotated[float, Ge(-100), Le(1_000)] = 0.0
    """The sum of their net returns that they must reach, in percent of each trade's cost."""
    lookback_candles: Window = 24
    """Candles within which trades are counted."""
    pause_candles: Window = 24
    """Length of the pause in candles, from the last of these trades on."""

    def __post_init__(self) -> None:
        _require_reachable("min_trades", self.min_trades, self.lookback_candles)

    @property
    def is_on(self) -> bool:
        return self.min_trades > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentDrawdown(LookBack):
    """Pauses all symbols after recent trades lost too much of the equity."""

    __pydantic_config__ = STRICT

    max_pct: Annotated[float, Ge(0), Le(100)] = 0.0
    """Drawdown by recently closed trades that pauses all symbols, in percent of the highest equity; 0 turns this
    off."""
    min_trades: Annotated[int, Ge(1), Le(1_000)] = 1
    """Smallest number of trades for this check."""
    lookback_candles: Window = 24
    """Candles within which trades are counted."""
    pause_candles: Window = 24
    """Length of the pause in candles, from the last of these trades on."""

    @property
    def is_on(self) -> bool:
        return self.max_pct > 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """Limits that hold in every mode. A signal beyond one of them is denied."""

    __pydantic_config__ = STRICT

    max_position_pct: Percent = 20.0
    """The largest position in one symbol, in percent of equity."""
    max_exposure_pct: Percent = 60.0
    """The largest sum of all positions, in percent of equity."""
    max_open_positions: Annotated[int, Ge(1), Le(1_000)] = 5
    """The largest number of positions held at the same time."""
    risk_per_trade_pct: Percent = 1.0
    """The most that a trade may lose between its entry and its stop, in percent of equity."""
    max_daily_loss_pct: Percent = 5.0
    """Loss since midnight UTC that stops new entries, in percent of the day's first equity."""
    on_daily_loss: OnLimit = OnLimit.STOP_ENTRIES
    """Reaction to the daily loss: stop entries, or also sell all positions at market."""
    max_drawdown_pct: Percent = 20.0
    """Drawdown that stops new entries, in percent of the highest equity."""
    on_drawdown: OnLimit = OnLimit.STOP_ENTRIES
    """Reaction to the drawdown: stop entries, or also sell all positions at market."""
    drawdown_pause_days: Annotated[int, Ge(0), Le(3_650)] = 0
    """Days without a position after which the drawdown is measured from a new peak; 0: only you can end it."""
    cooldown_candles: Pause = 3
    """Candles that a symbol pauses after a stop-loss."""
    exit_cooldown_candles: Pause = 0
    """Candles that a symbol pauses after any exit."""
    max_consecutive_losses: Annotated[int, Ge(1), Le(1_000)] = 3
    """Losing trades in a row that pause a symbol."""
    loss_pause_candles: Pause = 24
    """Length of that pause in candles."""
    max_candle_age: Annotated[float, Gt(0), Le(1_000)] = 2.0
    """Age of the last closed candle beyond which it is too stale to trade on, in timeframes since its close."""
    max_price_deviation_pct: Percent = 2.0
    """Distance of the latest price from the last close beyond which no position is opened, in percent."""
    min_order_value: Annotated[Amount, Ge(0)] = Decimal(1)
    """The smallest buy, in quote currency. The market's own minimum also applies, at the stop price too."""
    stop_guard: StopGuard = StopGuard()
    low_profit: LowProfit = LowProfit()
    recent_drawdown: RecentDrawdown = RecentDrawdown()

    def __post_init__(self) -> None:
        if self.max_position_pct > self.max_exposure_pct:
            raise ValueError(
                f"max_position_pct = {self.max_position_pct:g} is more than max_exposure_pct = "
                f"{self.max_exposure_pct:g}: one position may not be larger than all together"
            )

    @property
    def may_close_positions(self) -> bool:
        return OnLimit.CLOSE_POSITIONS in (self.on_daily_loss, self.on_drawdown)

    def reach_ms(self, timeframe: Timeframe) -> int:
        """How far back the round trips are that the limits look at one by one; 0: at none."""
        protections = (self.stop_guard, self.low_profit, self.recent_drawdown)
        candles = max(int(self.may_close_positions), *(each.reach_candles for each in protections))
        return max(candles * timeframe.ms, self.drawdown_pause_days * DAY_MS)
