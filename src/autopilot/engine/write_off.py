"""Takes out of an account's books what the user cannot sell any more: coins that are missing, and positions and orders
on markets that the exchange no longer has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from autopilot.domain.errors import ExchangeError
from autopilot.domain.market import Market, split_symbol
from autopilot.domain.money import ZERO
from autopilot.domain.order import Order, Side
from autopilot.domain.portfolio import Position
from autopilot.engine.account import TradingAccount
from autopilot.engine.account_result import TRY_AGAIN, AccountResult, Remainder, WriteOffReason, WrittenOff
from autopilot.engine.comparison import Comparison
from autopilot.execution.order_desk import OrderDesk
from autopilot.ports.clock import Clock
from autopilot.ports.ledger import Ledger, WriteOffs

Cancel = Callable[[Sequence[Order], str, AccountResult], Awaitable[None]]
"""Cancels orders, for the reason given, and adds the results."""
_WHY = "not sent: written off"


class Books(Ledger, WriteOffs, Protocol):
    """A ledger in which users can write something off."""


@dataclass(frozen=True, slots=True)
class WriteOff:
    """One account's. The caller holds its lock. Methods raise StoreError."""

    account: TradingAccount
    desk: OrderDesk
    ledger: Books
    clock: Clock

    async def write_off(self, found: Comparison, cancel: Cancel, outcome: AccountResult) -> None:
        """Positions on markets that are gone are written off altogether, of others the part that is missing. Orders
        that could still sell are canceled first; if that fails, the position stays. Adds the results to ``outcome``.
        Raises MarketUnavailable; then nothing is written off."""
        ended = [symbol for symbol in found.gone if await self._orders_ended(symbol, outcome)]
        # Once more: such an order may have sold what seemed to be missing.
        missing = {each.currency: each.booked - each.owned for each in await self.desk.shortfalls()}
        for symbol in ended:
            held = self.account.position(symbol)
            if held:
                self._take_out(held, held.quantity, missing, WriteOffReason.MARKET_GONE, outcome)
        for symbol, market in found.markets.items():
            held = self.account.position(symbol)
            if held and missing.get(market.base, ZERO) > ZERO and await self._sales_canceled(held, cancel, outcome):
                quantity = _with_unsellable_rest(held, missing[market.base], market)
                self._take_out(held, quantity, missing, WriteOffReason.MISSING, outcome)

    def _take_out(
        self,
        held: Position,
        quantity: Decimal,
        missing: dict[str, Decimal],
        reason: WriteOffReason,
        outcome: AccountResult,
    ) -> None:
        """Write off ``quantity``, and take the part of it that is missing out of ``missing``, by currency."""
        base, _ = split_symbol(held.symbol)
        gone, price = min(missing.get(base, ZERO), quantity), self.account.sale_price(held)
        ended = self.ledger.write_off(held, quantity, price, self.clock.now_ms())
        after = self.account.position(held.symbol)
        cost = held.cost - (after.cost if after else ZERO)
        result, net = quantity * price - cost, ended[-1].net if ended else None
        outcome.write_offs.append(WrittenOff(held.symbol, reason, quantity, gone, cost, price, result, net))
        if base in missing:
            missing[base] -= gone

    async def _orders_ended(self, symbol: str, outcome: AccountResult) -> bool:
        """End every order of a market that is gone. True if all of them are over."""
        for order in self.ledger.open_orders(self.account.name, symbol):
            try:
                outcome.canceled.append(await self.desk.end_without_market(order))
            except ExchangeError as error:
                words = f"the end of {order.side} order {order.client_order_id[:8]} is not certain: {error}"
                outcome.left.append(Remainder(symbol, words, error.hint or TRY_AGAIN))
        return not self.ledger.open_orders(self.account.name, symbol)

    async def _sales_canceled(self, held: Position, cancel: Cancel, outcome: AccountResult) -> bool:
        """Cancel the symbol's sell orders. True if all of them are over and none sold anything meanwhile."""
        await cancel(self._sales(held.symbol), _WHY, outcome)
        return not self._sales(held.symbol) and self.account.position(held.symbol) == held

    def _sales(self, symbol: str) -> list[Order]:
        return [order for order in self.ledger.open_orders(self.account.name, symbol) if order.side is Side.SELL]


def _with_unsellable_rest(held: Position, missing: Decimal, market: Market) -> Decimal:
    """How much of the position to write off: the missing part, or all of it if the rest could not be sold."""
    rest = held.quantity - missing
    return held.quantity if rest < market.least_amount else missing
