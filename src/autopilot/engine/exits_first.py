"""What does not wait until all is well with a real exchange: exits. Entries do."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from autopilot.domain.errors import ExchangeError, MarketUnavailable
from autopilot.domain.market import Market
from autopilot.domain.order import Order, OrderStatus
from autopilot.engine.market_window import MarketWindow
from autopilot.engine.trader import Trader
from autopilot.engine.turns import Turns


async def guard_anyway(trader: Trader, market: Market, window: MarketWindow, turns: Turns) -> None:
    """Hold the position against the latest price although the cycle failed before it came to that, whatever it failed
    of. Takes its turn. Raises StoreError; what the exchange says to it is in the orders."""
    with suppress(ExchangeError):
        await window.refresh()
    if window.quote:
        async with turns.cycle():
            with suppress(ExchangeError):
                await trader.guard(market, window.quote)


def require_exits_sent(orders: Iterable[Order]) -> None:
    """Raises MarketUnavailable while the exchange does not take an exit of ours, or has not told what became of it."""
    waiting = {OrderStatus.NEW: "waits to be sent", OrderStatus.UNKNOWN: "was sent and not answered"}
    for order in orders:
        if order.is_working_exit and order.status in waiting:
            raise MarketUnavailable(
                f"{order.symbol}: an order to sell {waiting[order.status]}: {order.detail}",
                hint="it is seen to in the next cycle; autopilot orders shows it",
            )
