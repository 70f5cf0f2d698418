"""The order type: market or limit, and the limit price."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from autopilot.domain.market import Market
from autopilot.domain.money import ONE, ceil_to_step, floor_to_step, to_decimal
from autopilot.domain.order import OrderType, Purpose, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSettings:
    """``strong_signal`` in [0, 1]; a limit order lives ``limit_life_candles`` candles; ``stop_on_exchange``: stops rest
    there too, where it takes them."""

    strong_signal: float = 0.80
    limit_offset_pct: float = 0.1
    limit_life_candles: int = 3
    stop_on_exchange: bool = False


def choose_order_type(
    side: Side, strength: float, price: Decimal, *, is_stop_loss: bool, market: Market, settings: OrderSettings
) -> tuple[OrderType, Decimal | None]:
    """(type, limit price or None).

    A strong signal or a stop-loss goes to market; any other buy waits a little below the price, a take-profit a little
    above it, on the market's price grid and never on the worse side of it.
    """
    if strength > settings.strong_signal or is_stop_loss:
        return OrderType.MARKET, None
    offset = to_decimal(settings.limit_offset_pct) / 100
    if side is Side.BUY:
        return OrderType.LIMIT, max(floor_to_step(price * (ONE - offset), market.price_step), market.price_step)
    return OrderType.LIMIT, ceil_to_step(price * (ONE + offset), market.price_step)


def exit_purpose(price: Decimal, entry_price: Decimal) -> Purpose:
    """A sale below the entry price is a stop-loss, at or above it a take-profit."""
    return Purpose.STOP_LOSS if price < entry_price else Purpose.TAKE_PROFIT
