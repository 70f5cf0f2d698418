"""Stops, targets and limits watched between two cycles, by the prices that a stream shows."""

from __future__ import annotations

import logging
from decimal import Decimal
from math import isfinite

from autopilot.domain.errors import AutopilotError
from autopilot.domain.market import Quote
from autopilot.domain.money import to_decimal
from autopilot.domain.order import Order, OrderType, Side
from autopilot.domain.portfolio import Position
from autopilot.engine.account import TradingAccount
from autopilot.engine.market_window import MarketWindow
from autopilot.engine.settings import AutopilotSettings
from autopilot.engine.trader import Trader
from autopilot.ports.ledger import Ledger
from autopilot.ports.market_data import CandleSource

LEAST_PAUSE_MS = 1_000
"""Between two prices that are acted on, or confirmed."""
STALE_MS = 5_000

log = logging.getLogger(__name__)


class PriceWatch:
    """Watches one symbol of a real market. A price counts if it crosses a stop, a target or a limit that the price
    before it had not crossed. The interval's cycle sees all others.

    A price that is stale, or far from the exchange's latest one, is confirmed by a request first, and the answer
    counts. So one wrong price sells nothing.
    """

    def __init__(
        self,
        settings: AutopilotSettings,
        trader: Trader,
        account: TradingAccount,
        ledger: Ledger,
        source: CandleSource,
        window: MarketWindow,
    ) -> None:
        self._settings = settings
        self._trader = trader
        self._account = account
        self._ledger = ledger
        self._source = source
        self._window = window
        self._newest_ms = 0
        """The exchange's time of the newest price seen."""
        self._again_at_ms = 0
        self._doubts = 0
        """How often in a row the exchange did not confirm a price."""
        self._crossed: frozenset[str] = frozenset()
        """The levels that the last price acted on had crossed."""

    async def see(self, seen: Quote) -> None:
        """Act on the price if it counts. An error goes to the log, and the next price tries again."""
        now_ms = self._now_ms()
        if not isfinite(seen.price) or seen.price <= 0.0 or seen.at_ms < self._newest_ms <= now_ms:
            return
        self._newest_ms = min(seen.at_ms, now_ms)
        crossed = self._crossed_by(seen.price)
        self._crossed &= crossed
        if crossed <= self._crossed or self._is_pause(now_ms):
            return
        try:
            await self._act(seen)
        except AutopilotError as error:
            log.warning("%s: the price %s between two candles: %s", seen.symbol, seen.price, error)

    async def _act(self, seen: Quote) -> None:
        self._again_at_ms = self._now_ms() + LEAST_PAUSE_MS
        market = await self._source.market(seen.symbol)
        price = await self._confirmed() if self._is_doubtful(seen) else seen.price
        if price is None:
            return
        async with self._account.lock.for_cycle():
            crossed = self._crossed_by(price)
            if not crossed <= self._crossed:  # else a cycle was faster
                await self._trader.watch(market, Quote(seen.symbol, price, self._now_ms()))
                self._crossed = crossed

    async def _confirmed(self) -> float | None:
        """The exchange's latest price if it crosses a level too. While the exchange contradicts the stream, it is asked
        less and less often. Raises ExchangeError."""
        now_ms, timeframe = self._now_ms(), self._settings.timeframe
        self._doubts += 1
        pause_ms = min(LEAST_PAUSE_MS << min(self._doubts, 16), int(self._settings.interval_s * 1000))
        self._again_at_ms = now_ms + pause_ms
        found = await self._source.fetch(self._settings.symbol, timeframe, timeframe.floor(now_ms), 1)
        if found.quote is None or self._crossed_by(found.quote.price) <= self._crossed:
            stated = found.quote.price if found.quote else "unknown"
            level = logging.WARNING if self._doubts == 1 else logging.DEBUG
            log.log(level, "%s: the exchange contradicts its stream: it is at %s", self._settings.symbol, stated)
            return None
        self._doubts = 0
        return found.quote.price

    def _is_doubtful(self, seen: Quote) -> bool:
        known = self._window.quote
        if known is None or self._now_ms() - seen.at_ms > STALE_MS:
            return True
        return abs(seen.price / known.price - 1.0) * 100 > self._settings.limits.max_price_deviation_pct

    def _is_pause(self, now_ms: int) -> bool:
        """Also ends if the clock is set back."""
        return 0 < self._again_at_ms - now_ms <= max(LEAST_PAUSE_MS, int(self._settings.interval_s * 1000))

    def _crossed_by(self, price: float) -> frozenset[str]:
        """The names of the levels on the other side of which this price is."""
        at, symbol = to_decimal(price), self._settings.symbol
        held = self._account.position(symbol)
        orders = self._ledger.open_orders(self._account.name, symbol)
        return frozenset(
            [
                *(_levels(held, at) if held else ()),
                *(level for each in orders for level in _levels_of(each, at)),
            ]
        )

    def _now_ms(self) -> int:
        return self._source.clock.now_ms()


def _levels(held: Position, price: Decimal) -> list[str]:
    found = []
    if held.stop is not None and price <= held.stop:
        found.append(f"stop {held.stop}")
    if held.target is not None and price >= held.target:
        found.append(f"target {held.target}")
    return found


def _levels_of(order: Order, price: Decimal) -> list[str]:
    """Its level is crossed at the touch, and once more beyond it: few limit orders are filled at the touch."""
    level, name = order.trigger_price if order.type is OrderType.STOP else order.price, order.client_order_id
    if level is None or order.type is OrderType.MARKET or price == level:
        return [name]
    is_from_above = (order.side is Side.BUY) is (order.type is OrderType.LIMIT)
    is_beyond = price < level if is_from_above else price > level
    return [name, f"beyond {name}"] if is_beyond else []
