"""The user's commands for a whole account, whether or not its symbols run: cancel orders, sell positions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from autopilot.domain.errors import ExchangeError
from autopilot.domain.market import Market, split_symbol
from autopilot.domain.money import ZERO
from autopilot.domain.order import Order, OrderStatus, OrderType, Purpose, Side
from autopilot.domain.portfolio import Position
from autopilot.domain.timeframe import Timeframe
from autopilot.engine.account import TradingAccount
from autopilot.execution.exits import ExitSettings
from autopilot.execution.order_desk import OrderDesk
from autopilot.ports.ledger import Ledger, WriteOffs
from autopilot.ports.market_data import CandleSource
from autopilot.risk.preflight import could_be_sold

LOCK_TIMEOUT_S = 30.0
"""How long to wait for a running cycle: it asks a few times, and each answer comes within about 10 s or never."""
POLLS = 10
POLL_S = 0.5
"""How often a sale that is not filled at once is looked up, and the pause before each time."""
TRY_AGAIN = "run the command again; autopilot orders --open shows the orders that are left"
ACT_THERE = "check the exchange's own page, cancel or sell there if it is urgent, then run the command again"


@dataclass(frozen=True, slots=True)
class Remainder:
    """Something that could not be done, in words, with advice for the user."""

    symbol: str
    what: str
    hint: str


@dataclass(slots=True)
class AccountResult:
    """``canceled``: orders that are over now, late fills included. ``kept``: symbols whose stop order stays on the
    exchange. ``sold``: symbols whose position is gone. ``dust``: symbols of which less is left than the market
    allows to sell. ``written_off``: the quantity of each symbol that was taken out of the books."""

    account: str
    canceled: list[Order] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    sold: list[str] = field(default_factory=list)
    dust: list[str] = field(default_factory=list)
    written_off: dict[str, Decimal] = field(default_factory=dict)
    left: list[Remainder] = field(default_factory=list)


class Books(Ledger, WriteOffs, Protocol):
    """A ledger in which users can write something off."""


class Liquidation:
    """One account's. A symbol that fails keeps no other waiting. Methods raise StoreError."""

    def __init__(
        self, account: TradingAccount, desk: OrderDesk, ledger: Books, source: CandleSource, exits: ExitSettings
    ) -> None:
        self._account = account
        self._desk = desk
        self._ledger = ledger
        self._source = source
        self._exits = exits

    @property
    def account(self) -> str:
        return self._account.name

    async def cancel(self, purposes: Collection[Purpose], why: str) -> AccountResult:
        """Cancel our own open orders of these purposes; ``why`` is the detail of orders that were never sent. A stop
        order that rests on the exchange stays: it protects a position while nobody else does."""

        async def cancel(outcome: AccountResult) -> None:
            resting = self._ledger.open_orders(self._account.name)
            outcome.kept += [order.symbol for order in resting if order.type is OrderType.STOP]
            chosen = [each for each in resting if each.purpose in purposes and each.type is not OrderType.STOP]
            await self._cancel(chosen, why, outcome)

        return await self._with_lock(cancel)

    async def flatten(self, why: str) -> AccountResult:
        """Cancel all our own open orders, then sell all positions at market."""

        async def flatten(outcome: AccountResult) -> None:
            await self._cancel(self._ledger.open_orders(self._account.name), why, outcome)
            held = self._ledger.positions(self._account.name)
            await asyncio.gather(*(self._sell(position, outcome) for position in held))

        return await self._with_lock(flatten)

    async def write_off(self, missing: Mapping[str, Decimal]) -> AccountResult:
        """Take the missing quantities, by base currency, out of the books. Orders that sell them are canceled first;
        if that fails, the position stays."""
        left = dict(missing)

        async def write_off(outcome: AccountResult) -> None:
            for held in self._ledger.positions(self._account.name):
                base = split_symbol(held.symbol)[0]
                gone = min(left.get(base, ZERO), held.quantity)
                if gone > ZERO and await self._cancel_sales(held.symbol, outcome):
                    price, now_ms = self._account.sale_price(held), self._source.clock.now_ms()
                    self._ledger.write_off(held, gone, price, now_ms)
                    outcome.written_off[held.symbol] = gone
                    left[base] -= gone

        return await self._with_lock(write_off)

    async def _cancel_sales(self, symbol: str, outcome: AccountResult) -> bool:
        """Cancel the symbol's sell orders. True if all of them are over and none sold anything meanwhile."""
        held = self._account.position(symbol)
        orders = self._ledger.open_orders(self._account.name, symbol)
        await self._cancel([order for order in orders if order.side is Side.SELL], "not sent: written off", outcome)
        still = any(order.side is Side.SELL for order in self._ledger.open_orders(self._account.name, symbol))
        return not still and self._account.position(symbol) == held

    async def _with_lock(self, work: Callable[[AccountResult], Awaitable[None]]) -> AccountResult:
        """The result that ``work`` fills in while the account's lock is held. Nothing is done if a cycle has kept the
        lock for too long: trading beside that cycle could sell something twice."""
        outcome = AccountResult(self._account.name)
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(LOCK_TIMEOUT_S):
                    await stack.enter_async_context(self._account.lock.for_user())
            except TimeoutError:
                outcome.left.append(
                    Remainder("*", f"a cycle has kept the account busy for {LOCK_TIMEOUT_S:.0f} s", TRY_AGAIN)
                )
                return outcome
            self._wake_clock()
            await work(outcome)
        return outcome

    def _wake_clock(self) -> None:
        """A market with a clock of its own that no symbol runs on starts where the books end."""
        name = self._account.name
        symbols = [order.symbol for order in self._ledger.open_orders(name)]
        symbols += [position.symbol for position in self._ledger.positions(name)]
        marks = [self._ledger.equity_mark(name, currency) for currency in {split_symbol(each)[1] for each in symbols}]
        self._source.subscribe((), Timeframe.H1, max((mark.at_ms for mark in marks if mark), default=None))

    async def _cancel(self, wanted: Sequence[Order], why: str, outcome: AccountResult) -> None:
        failures = await asyncio.gather(*(self._cancel_order(order, why) for order in wanted))
        for order, failure in zip(wanted, failures, strict=True):
            now = self._ledger.order(order.client_order_id) or order
            if now.status.is_final:
                outcome.canceled.append(now)
            else:
                hint = ACT_THERE if now.status is OrderStatus.UNKNOWN else TRY_AGAIN
                words = f"{now.side} order {now.client_order_id[:8]} is still {now.status}: {failure}"
                outcome.left.append(Remainder(order.symbol, words, hint))

    async def _cancel_order(self, order: Order, why: str) -> ExchangeError | None:
        try:
            await self._desk.cancel_order(order, why)
        except ExchangeError as error:
            return error
        return None

    async def _sell(self, position: Position, outcome: AccountResult) -> None:
        symbol, is_dust, trouble = position.symbol, False, "the sell order is not filled yet"
        try:
            market = await self._source.market(symbol)
            await self._desk.flatten(self._account.sale_price(position), market, self._exits)
            await self._follow(market)
            is_dust = self._is_dust(symbol, market)
        except ExchangeError as error:
            trouble = str(error)
        held = self._account.position(symbol)
        if held is None:
            outcome.sold.append(symbol)
        elif is_dust:
            outcome.dust.append(symbol)
        else:
            outcome.left.append(
                Remainder(symbol, f"{held.quantity} {split_symbol(symbol)[0]} are not sold: {trouble}", ACT_THERE)
            )

    async def _follow(self, market: Market) -> None:
        for _ in range(POLLS):
            if not self._ledger.open_orders(self._account.name, market.symbol):
                return
            await asyncio.sleep(POLL_S)
            await self._desk.follow(market)

    def _is_dust(self, symbol: str, market: Market) -> bool:
        held = self._account.position(symbol)
        if held is None or self._ledger.open_orders(self._account.name, symbol):
            return False
        return not could_be_sold(market, held.quantity, self._account.sale_price(held))
