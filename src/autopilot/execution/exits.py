"""When a position must be left: its stop or its target was touched."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from autopilot.domain.candles import Candle
from autopilot.domain.money import to_decimal
from autopilot.domain.order import Purpose
from autopilot.domain.portfolio import Position


@dataclass(frozen=True, slots=True)
class ExitTrigger:
    """``price``: what the market paid when the level was touched, in quote currency."""

    purpose: Purpose
    price: Decimal
    reason: str

    @property
    def is_urgent(self) -> bool:
        """Whether it goes to market, and does not wait for a better price."""
        return self.purpose is not Purpose.TAKE_PROFIT


def exit_in_candle(position: Position, candle: Candle) -> ExitTrigger | None:
    """What a closed candle touched. The worse one counts when it touched both: the stop. A candle that opened beyond a
    level traded at its open.

    Of a candle within which the position was opened the high may be older than the position: its close counts instead.
    The low counts all the same: the price came down through the entry's limit on its way to the stop.
    """
    opened_within = position.opened_at_ms > candle.open_at_ms
    highest = candle.close if opened_within else candle.high
    return _exit(position, to_decimal(candle.open), to_decimal(candle.low), to_decimal(highest))


def exit_at_price(position: Position, price: Decimal) -> ExitTrigger | None:
    """What a single price touches."""
    return _exit(position, price, price, price)


def _exit(position: Position, first: Decimal, low: Decimal, high: Decimal) -> ExitTrigger | None:
    stop, target = position.stop, position.target
    if stop is not None and low <= stop:
        return ExitTrigger(Purpose.STOP_LOSS, min(first, stop), f"the stop at {stop} was touched")
    if target is not None and high >= target:
        return ExitTrigger(Purpose.TAKE_PROFIT, max(first, target), f"the target at {target} was touched")
    return None
