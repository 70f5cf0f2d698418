"""The order type: market or limit, and the limit price."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from annotated_types import Ge, Le

from autopilot.domain.market import Market
from autopilot.domain.money import ONE, to_decimal
from autopilot.domain.order import OrderType, Purpose, Side
from autopilot.domain.setting_types import STRICT, Share


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSettings:
    """How an approved signal becomes an order."""

    __pydantic_config__ = STRICT

    strong_signal: Share = 0.80
    """A signal stronger than this enters with a market order, a weaker one with a limit order."""
    limit_offset_pct: Annotated[float, Ge(0), Le(10)] = 0.1
    """Distance of a limit order from the price, in percent: below it for a buy, above it for a sell."""
    limit_life_candles: Annotated[int, Ge(1), Le(1_000)] = 3
    """Candles that a limit order waits. Then an entry is dropped and an exit becomes a market order."""
    stop_on_exchange: bool = False
    """Whether real-money stops also rest on the exchange (kraken, binance), where they work while this machine is
    off."""

    def end_of_life(self, kind: OrderType, now_ms: int, candle_ms: int) -> int | None:
        """When an order that is sent now is canceled if it is not filled; None for all but limit orders."""
        return now_ms + self.limit_life_candles * candle_ms if kind is OrderType.LIMIT else None


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
        return OrderType.LIMIT, max(market.price_below(price * (ONE - offset)), market.price_step)
    return OrderType.LIMIT, market.price_above(price * (ONE + offset))


def exit_purpose(price: Decimal, entry_price: Decimal) -> Purpose:
    """A sale below the entry price is a stop-loss, at or above it a take-profit."""
    return Purpose.STOP_LOSS if price < entry_price else Purpose.TAKE_PROFIT
