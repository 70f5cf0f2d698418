"""One exchange account, shared by all of its symbols: equity, marks, latest prices, and its lock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

from autopilot.domain.arming import Allowance
from autopilot.domain.market import Market, split_symbol
from autopilot.domain.money import ZERO, to_decimal
from autopilot.domain.order import Order, OrderStatus, OrderType
from autopilot.domain.portfolio import Portfolio, Position, RoundTrip, pending_cost
from autopilot.domain.timeframe import DAY_MS, Timeframe, day_of
from autopilot.engine.equity_marks import AccountValue, first_mark, follow_money, next_mark
from autopilot.ports.broker import Balance, Broker
from autopilot.ports.ledger import EquityMark, Ledger
from autopilot.ports.restrictions import RestrictionSource
from autopilot.risk.limits import RiskLimits
from autopilot.risk.losses import drawdown_is_over


class AccountLock:
    """One holder at a time; user commands come before waiting cycles."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._users = 0
        self._no_user = asyncio.Event()
        self._no_user.set()

    @asynccontextmanager
    async def for_cycle(self) -> AsyncIterator[None]:
        """Hold the account for a cycle."""
        await self._lock.acquire()
        while self._users:
            self._lock.release()
            await self._no_user.wait()
            await self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    @asynccontextmanager
    async def for_user(self) -> AsyncIterator[None]:
        """Hold the account for a user's command."""
        self._users += 1
        self._no_user.clear()
        try:
            async with self._lock:
                yield
        finally:
            self._users -= 1
            if not self._users:
                self._no_user.set()


class TradingAccount:
    """Whoever trades on the account holds its ``lock``. ``allowance``: how much of a currency the user allows to be
    invested at a moment in milliseconds; None for paper money."""

    def __init__(
        self,
        name: str,
        broker: Broker,
        ledger: Ledger,
        restrictions: RestrictionSource,
        allowance: Callable[[str, int], Allowance] | None = None,
    ) -> None:
        self.name = name
        self.lock = AccountLock()
        self._broker = broker
        self._ledger = ledger
        self._restrictions = restrictions
        self._allowance = allowance
        self._prices = {
            held.symbol: to_decimal(price)
            for held in ledger.positions(name)
            if (price := ledger.last_price(name, held.symbol)) is not None
        }
        self._marks: dict[str, EquityMark] = {}

    def see_price(self, symbol: str, price: float) -> None:
        """The symbol's latest price, in quote currency."""
        self._prices[symbol] = to_decimal(price)

    def price(self, symbol: str) -> Decimal | None:
        return self._prices.get(symbol)

    def sale_price(self, position: Position) -> Decimal:
        """The price to value a sale at: the latest one, or the entry price before any was seen."""
        return self._prices.get(position.symbol, position.entry_price)

    def position(self, symbol: str) -> Position | None:
        return next((held for held in self._ledger.positions(self.name) if held.symbol == symbol), None)

    async def portfolio(
        self, market: Market, now_ms: int, limits: RiskLimits, timeframe: Timeframe
    ) -> tuple[Portfolio, EquityMark]:
        """The account in the market's quote currency, and the equity mark to store with the decision. Its round trips
        go as far back as ``limits`` look in ``timeframe``.

        Raises MarketUnavailable if the balances cannot be fetched, StoreError.
        """
        balances = await self._broker.balances()
        positions = {position.symbol: position for position in self._ledger.positions(self.name)}
        open_orders = self._ledger.open_orders(self.name)
        balance = balances.get(market.quote, Balance(ZERO, ZERO))
        held = self._value(positions, market.quote)
        mark = self._mark(market.quote, balance, held, open_orders, now_ms)
        day_start_ms = day_of(now_ms) * DAY_MS
        portfolio = Portfolio(
            account=self.name,
            currency=market.quote,
            free=balance.free,
            equity=mark.equity,
            day_start_equity=mark.day_start_equity,
            peak_equity=mark.peak_equity,
            exposure=held + pending_cost(open_orders, market.quote),
            positions=positions,
            open_orders=open_orders,
            history={market.symbol: self._ledger.symbol_history(self.name, market.symbol, day_start_ms)},
            restrictions=self._restrictions.restrictions(self.name),
            allowance=self._allowance(market.quote, now_ms) if self._allowance else None,
            refused_exit=self._ledger.refused_exit(positions[market.symbol]) if market.symbol in positions else None,
            recent=self._recent(market.quote, now_ms, limits.reach_ms(timeframe)),
        )
        if drawdown_is_over(portfolio, limits, now_ms):
            portfolio, mark = replace(portfolio, peak_equity=mark.equity), replace(mark, peak_equity=mark.equity)
        return portfolio, mark

    def keep(self, mark: EquityMark) -> None:
        """The mark was stored."""
        self._marks[mark.currency] = mark

    def forget_marks(self) -> None:
        """What was stored may be lost: look it up again."""
        self._marks.clear()

    def _recent(self, currency: str, now_ms: int, reach_ms: int) -> tuple[RoundTrip, ...]:
        trips = self._ledger.round_trips_since(self.name, now_ms - reach_ms) if reach_ms else ()
        return tuple(trip for trip in trips if split_symbol(trip.symbol)[1] == currency)

    def _value(self, positions: Mapping[str, Position], currency: str) -> Decimal:
        return sum(
            (
                position.quantity * self._prices.get(symbol, position.entry_price)
                for symbol, position in positions.items()
                if split_symbol(symbol)[1] == currency
            ),
            ZERO,
        )

    def _mark(
        self, currency: str, balance: Balance, held: Decimal, open_orders: Sequence[Order], now_ms: int
    ) -> EquityMark:
        last = self._marks.get(currency) or self._ledger.equity_mark(self.name, currency)
        traded = self._ledger.traded_cash(self.name, currency)
        own_cash = balance.total - traded
        if last and last.own_cash is not None and _may_have_traded(open_orders, currency):
            own_cash = last.own_cash
        now = AccountValue(now_ms, balance.free, own_cash + traded + held, own_cash)
        if last is None:
            return first_mark(self.name, currency, now)
        self._marks[currency] = follow_money(last, now)
        return next_mark(self._marks[currency], now)


def _may_have_traded(orders: Sequence[Order], currency: str) -> bool:
    """Whether the exchange's cash may already include fills that our books do not have yet. A resting stop order does
    not count: it would say so as long as the position is held, and it is followed in the cycle that touches it."""
    return any(
        order.status is not OrderStatus.NEW
        and order.type is not OrderType.STOP
        and split_symbol(order.symbol)[1] == currency
        for order in orders
    )
