"""The user's commands for a whole account, whether or not its symbols run: cancel orders, sell positions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal

from autopilot.domain.errors import ExchangeError, UnknownSymbol
from autopilot.domain.market import Market, split_symbol
from autopilot.domain.money import ZERO
from autopilot.domain.order import Order, OrderStatus, OrderType, Purpose
from autopilot.domain.portfolio import Position
from autopilot.domain.timeframe import Timeframe
from autopilot.domain.trading_mode import WRITE_OFF
from autopilot.engine.account import TradingAccount
from autopilot.engine.account_result import ACT_THERE, TRY_AGAIN, AccountResult, ExitResult, Remainder
from autopilot.engine.comparison import Comparison, compare_books
from autopilot.engine.write_off import Books, WriteOff
from autopilot.execution.exits import ExitSettings
from autopilot.execution.order_desk import OrderDesk
from autopilot.ports.market_data import CandleSource
from autopilot.risk.evaluation import first_failure
from autopilot.risk.preflight import could_be_sold, exit_checks

LOCK_TIMEOUT_S = 30.0
"""How long to wait for a running cycle: it asks a few times, and each answer comes within about 10 s or never."""
POLLS = 10
POLL_S = 0.5
"""How often a sale that is not filled at once is looked up, and the pause before each time."""
TRY_PROTECT = "nothing while the symbol runs: every cycle tries again; else autopilot start"


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

    async def flatten(self, why: str, symbol: str | None = None) -> AccountResult:
        """Cancel all our own open orders, then sell all positions at market; only those of ``symbol`` if it is
        given."""

        async def flatten(outcome: AccountResult) -> None:
            await self._cancel(self._ledger.open_orders(self._account.name, symbol), why, outcome)
            held = [each for each in self._ledger.positions(self._account.name) if symbol in (None, each.symbol)]
            await asyncio.gather(*(self._sell(position, outcome) for position in held))

        return await self._with_lock(flatten)

    async def exit(self, symbol: str, quantity: Decimal | None = None) -> ExitResult:
        """Cancel the symbol's open orders, and sell ``quantity`` of its position at market (None: all of it). Where
        stops rest on the exchange, the rest has its stop there again. Raises ExchangeError if the market's rules are
        not known."""
        try:
            market = await self._source.market(symbol)
        except UnknownSymbol as error:
            raise UnknownSymbol(str(error), hint=WRITE_OFF) from error
        result = ExitResult(AccountResult(self._account.name))

        async def exit_symbol(outcome: AccountResult) -> None:
            before = self._account.position(symbol)
            if before is not None or quantity is not None:
                price = self._account.sale_price(before) if before else ZERO
                selling = _quantity(before) if quantity is None else quantity
                result.denied = first_failure(exit_checks(market, before, selling, price))
            if result.denied is None:
                result.sold = await self._exit(market, before, quantity, outcome)

        result.outcome = await self._with_lock(exit_symbol)
        result.position = self._account.position(symbol)
        return result

    async def _exit(
        self, market: Market, before: Position | None, quantity: Decimal | None, outcome: AccountResult
    ) -> Decimal:
        """The quantity that was sold."""
        orders = self._ledger.open_orders(self._account.name, market.symbol)
        await self._cancel(orders, "not sent: the user closed the position", outcome)
        held = self._account.position(market.symbol)
        if held is None:
            return _quantity(before)
        # A canceled order may have sold or bought a part first; never is more sold than the user wants.
        most = max(_quantity(before), held.quantity)
        await self._sell(held, outcome, ZERO if quantity is None else most - quantity)
        await self._protect_rest(market, outcome)
        return most - _quantity(self._account.position(market.symbol))

    async def compare(self) -> Comparison:
        """Compare the books with the exchange. Raises MarketUnavailable."""
        async with self._account.lock.for_cycle():
            return await self._compare()

    async def write_off(self) -> AccountResult:
        """Compare the books with the exchange, then remove missing coins, and positions and orders on vanished markets.
        If the comparison fails, nothing is written off."""

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

    async def _sell(self, position: Position, outcome: AccountResult, rest: Decimal = ZERO) -> None:
        """Sell the position at market down to ``rest``."""
        symbol, is_dust = position.symbol, False
        trouble, hint = "the sell order is not filled yet", ACT_THERE
        try:
            market = await self._source.market(symbol)
            await self._desk.flatten(self._account.sale_price(position), market, self._exits, rest)
            await self._follow(market)
            is_dust = self._is_dust(symbol, market, rest)
            trouble, hint = self._refusal(symbol) or (trouble, hint)
        except UnknownSymbol as error:
            trouble, hint = str(error), WRITE_OFF
        except ExchangeError as error:
            trouble = str(error)
        unsold = _quantity(self._account.position(symbol)) - rest
        if unsold <= ZERO:
            outcome.sold.append(symbol)
        elif is_dust:
            outcome.dust.append(symbol)
        else:
            outcome.left.append(Remainder(symbol, f"{unsold} {split_symbol(symbol)[0]} are not sold: {trouble}", hint))

    def _refusal(self, symbol: str) -> tuple[str, str] | None:
        """The exchange's words and advice if it refuses the exit."""
        held = self._account.position(symbol)
        refused = self._ledger.refused_exit(held) if held else None
        if refused is None or refused.is_stop:
            return None
        return refused.words, refused.hint

    async def _protect_rest(self, market: Market, outcome: AccountResult) -> None:
        try:
            await self._desk.protect(market, self._exits)
        except ExchangeError as error:
            what = f"the stop of the rest is not on the exchange yet: {error}"
            outcome.left.append(Remainder(market.symbol, what, TRY_PROTECT))

    async def _follow(self, market: Market) -> None:
        for _ in range(POLLS):
            if not self._ledger.open_orders(self._account.name, market.symbol):
                return
            await asyncio.sleep(POLL_S)
            await self._desk.follow(market)

    def _is_dust(self, symbol: str, market: Market, rest: Decimal) -> bool:
        held = self._account.position(symbol)
        if held is None or self._ledger.open_orders(self._account.name, symbol):
            return False
        return not could_be_sold(market, held.quantity - rest, self._account.sale_price(held))


def _quantity(held: Position | None) -> Decimal:
    return held.quantity if held else ZERO
