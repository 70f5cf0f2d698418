"""One account in the ledger, market by market."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.domain.market import Market
from autopilot.domain.order import Order, Purpose, client_order_id
from autopilot.domain.portfolio import Position
from autopilot.ports.ledger import Ledger


@dataclass(frozen=True, slots=True)
class AccountBooks:
    """Reads the books of ``account``. Methods raise StoreError."""

    account: str
    ledger: Ledger

    def position(self, market: Market) -> Position | None:
        return next((held for held in self.ledger.positions(self.account) if held.symbol == market.symbol), None)

    def open_orders(self, market: Market) -> tuple[Order, ...]:
        """The market's orders that are not final, oldest first."""
        return self.ledger.open_orders(self.account, market.symbol)

    def last_exit(self, position: Position) -> Order | None:
        """The latest sell order since the position was opened."""
        return self.ledger.last_exit(self.account, position.symbol, position.opened_at_ms)

    def next_attempt(self, market: Market, purpose: Purpose, at_ms: int) -> int:
        """The first number that no exit of this moment has had: an order that is over never lives again. 0 belongs to
        the exit of a decision."""
        attempt = 1
        while self.ledger.order(client_order_id(self.account, market.symbol, at_ms, purpose, attempt)):
            attempt += 1
        return attempt
