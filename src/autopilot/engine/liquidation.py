"""The user's commands for a whole account, whether or not its symbols run: cancel orders, sell positions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from autopilot.domain.decision import Denied
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
from autopilot.risk.evaluation import first_failure
from autopilot.risk.preflight import could_be_sold, exit_checks

LOCK_TIMEOUT_S = 30.0
"""How long to wait for a running cycle: it asks a few times, and each answer comes within about 10 s or never."""
POLLS = 10
POLL_S = 0.5
"""How often a sale that is not filled at once is looked up, and the pause before each time."""
TRY_AGAIN = "run the command again; autopilot orders --open shows the orders that are left"
TRY_PROTECT = "nothing while the symbol runs: every cycle tries again; else autopilot start"
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


@dataclass(slots=True)
class ExitResult:
    """One symbol's exit. ``denied``: why nothing was done, None otherwise. ``sold``: in base currency, what canceled
    orders sold until they were over included. ``position``: what stays."""

    outcome: AccountResult
    denied: Denied | None = None
    sold: Decimal = ZERO
    position: Position | None = None


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
        market, result = await self._source.market(symbol), ExitResult(AccountResult(self._account.name))

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

    async def _sell(self, position: Position, outcome: AccountResult, rest: Decimal = ZERO) -> None:
        """Sell the position at market down to ``rest``."""
        symbol, is_dust, trouble = position.symbol, False, "the sell order is not filled yet"
        try:
            market = await self._source.market(symbol)
            await self._desk.flatten(self._account.sale_price(position), market, self._exits, rest)
            await self._follow(market)
            is_dust = self._is_dust(symbol, market, rest)
        except ExchangeError as error:
            trouble = str(error)
        unsold = _quantity(self._account.position(symbol)) - rest
        if unsold <= ZERO:
            outcome.sold.append(symbol)
        elif is_dust:
            outcome.dust.append(symbol)
        else:
            outcome.left.append(
                Remainder(symbol, f"{unsold} {split_symbol(symbol)[0]} are not sold: {trouble}", ACT_THERE)
            )

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
