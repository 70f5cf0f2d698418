"""When and how a position is sold: its stop or its target was touched, or too much was lost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from autopilot.domain.candles import Candle
from autopilot.domain.money import to_decimal
from autopilot.domain.order import OrderType, Purpose
from autopilot.domain.portfolio import Position


@dataclass(frozen=True, slots=True)
class ExitOrder:
    """An exit to be sent. A trigger sets ``purpose``, ``price`` and ``reason``; the rest says how it is sent.

    ``price``: the price paid when the level was touched, in quote currency. ``limit``: of a LIMIT order.
    ``trigger_price``: the touched level of a MARKET order; of a STOP order the level at which the exchange sells.
    ``quantity`` in base currency, None for the whole position. ``last_price``: the latest price, None if it is
    ``price``.
    """

    purpose: Purpose
    price: Decimal
    reason: str
    type: OrderType = OrderType.MARKET
    limit: Decimal | None = None
    trigger_price: Decimal | None = None
    quantity: Decimal | None = None
    last_price: Decimal | None = None

    @property
    def market_price(self) -> Decimal:
        """The price at which the market trades now."""
        return self.price if self.last_price is None else self.last_price

    @property
    def is_urgent(self) -> bool:
        """Whether it must not wait for a better price."""
        return self.purpose is not Purpose.TAKE_PROFIT


def exit_in_candle(position: Position, candle: Candle) -> ExitOrder | None:
    """The exit that a closed candle triggers, if any. If it touched both levels, the stop counts: it is the worse one.
    A candle that opened beyond a level traded at its open.

    If the position was opened within the candle, its high may be older than the position, so its close counts instead.
    Its low counts all the same: the price came down through the entry's limit on its way to the stop.
    """
    opened_within = position.opened_at_ms > candle.open_at_ms
    highest = candle.close if opened_within else candle.high
    trigger = _exit(position, to_decimal(candle.open), to_decimal(candle.low), to_decimal(highest))
    return replace(trigger, last_price=to_decimal(candle.close)) if trigger else None


def exit_at_price(position: Position, price: Decimal) -> ExitOrder | None:
    """The exit that a single price triggers, if any."""
    return _exit(position, price, price, price)


def _exit(position: Position, first: Decimal, low: Decimal, high: Decimal) -> ExitOrder | None:
    stop, target = position.stop, position.target
    if stop is not None and low <= stop:
        return ExitOrder(Purpose.STOP_LOSS, min(first, stop), f"the stop at {stop} was touched")
    if target is not None and high >= target:
        return ExitOrder(Purpose.TAKE_PROFIT, max(first, target), f"the target at {target} was touched")
    return None
