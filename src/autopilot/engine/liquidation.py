"""The user's commands for a whole account, whether or not its symbols run: cancel orders, sell positions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack

from autopilot.domain.errors import ExchangeError, UnknownSymbol
from autopilot.domain.market import Market, split_symbol
from autopilot.domain.order import Order, OrderStatus, OrderType, Purpose
from autopilot.domain.portfolio import Position
from autopilot.domain.timeframe import Timeframe
from autopilot.domain.trading_mode import WRITE_OFF
from autopilot.engine.account import TradingAccount
from autopilot.engine.account_result import ACT_THERE, TRY_AGAIN, AccountResult, Remainder
from autopilot.engine.comparison import Comparison, compare_books
from autopilot.engine.write_off import Books, WriteOff
from autopilot.execution.exits import ExitSettings
from autopilot.execution.order_desk import OrderDesk
from autopilot.ports.market_data import CandleSource
from autopilot.risk.preflight import could_be_sold

LOCK_TIMEOUT_S = 30.0
"""How long to wait for a running cycle: it asks a few times, and each answer comes within about 10 s or never."""
POLLS = 10
POLL_S = 0.5
"""How often a sale that is not filled at once is looked up, and the pause before each time."""


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
        self._write_off = WriteOff(account, desk, ledger, source.clock)

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

    async def compare(self) -> Comparison:
        """Compare the books with the exchange. Raises MarketUnavailable."""
        async with self._account.lock.for_cycle():
            return await self._compare()

    async def write_off(self) -> AccountResult:
        """Compare the books with the exchange, then take out of them what is missing there, and what is held or ordered
        on a market that it no longer has. Nothing is written off on a guess: if the comparison fails, nothing is."""

        async def write_off(outcome: AccountResult) -> None:
            try:
                await self._write_off.write_off(await self._compare(), self._cancel, outcome)
            except ExchangeError as error:
                words = f"nothing was written off, because the books could not be compared: {error}"
                outcome.left.append(Remainder("*", words, "run the command again when the exchange answers"))

        return await self._with_lock(write_off)

    async def _compare(self) -> Comparison:
        return await compare_books(self._account.name, self._ledger, self._desk, self._source)

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
                if isinstance(failure, UnknownSymbol):
                    hint = WRITE_OFF
                words = f"{now.side} order {now.client_order_id[:8]} is still {now.status}: {failure}"
                outcome.left.append(Remainder(order.symbol, words, hint))

    async def _cancel_order(self, order: Order, why: str) -> ExchangeError | None:
        try:
            await self._desk.cancel_order(order, why)
        except ExchangeError as error:
            return error
        return None

    async def _sell(self, position: Position, outcome: AccountResult) -> None:
        symbol, is_dust = position.symbol, False
        trouble, hint = "the sell order is not filled yet", ACT_THERE
        try:
            market = await self._source.market(symbol)
            await self._desk.flatten(self._account.sale_price(position), market, self._exits)
            await self._follow(market)
            is_dust = self._is_dust(symbol, market)
        except UnknownSymbol as error:
            trouble, hint = str(error), WRITE_OFF
        except ExchangeError as error:
            trouble = str(error)
        held = self._account.position(symbol)
        if held is None:
            outcome.sold.append(symbol)
        elif is_dust:
            outcome.dust.append(symbol)
        else:
            outcome.left.append(
                Remainder(symbol, f"{held.quantity} {split_symbol(symbol)[0]} are not sold: {trouble}", hint)
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
