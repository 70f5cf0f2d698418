"""Orders, fills and reports. The table of legal status changes is here, in one place."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from autopilot.domain.errors import AutopilotError
from autopilot.domain.market import split_symbol
from autopilot.domain.money import ZERO


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    """Rests on the exchange, which sells at market when the trigger price is touched."""


class Purpose(StrEnum):
    """The purpose of an order."""

    ENTRY = "entry"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    FLATTEN = "flatten"
    """A user command sells the position."""
    PROTECTION = "protection"
    """A loss limit of the account closes its positions."""


class OrderStatus(StrEnum):
    """The life of an order."""

    NEW = "new"
    """Stored, and nothing was sent yet."""
    SUBMITTED = "submitted"
    """Sending has started; the exchange may or may not have the order."""
    UNKNOWN = "unknown"
    """Sent, but the answer was lost. The order is looked up and never sent again."""
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    """Rejected by the exchange."""
    EXPIRED = "expired"
    """It reached its end of life before it was filled, or it never reached the exchange."""

    @property
    def is_final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED})
_AT_EXCHANGE = _FINAL | {OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED}
_STEPS: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.NEW: frozenset({OrderStatus.SUBMITTED, OrderStatus.EXPIRED}),
    OrderStatus.SUBMITTED: _AT_EXCHANGE | {OrderStatus.UNKNOWN, OrderStatus.NEW},
    OrderStatus.UNKNOWN: _AT_EXCHANGE | {OrderStatus.NEW},
    OrderStatus.OPEN: _AT_EXCHANGE,
    OrderStatus.PARTIALLY_FILLED: _AT_EXCHANGE - {OrderStatus.OPEN, OrderStatus.REJECTED},
}


class IllegalOrderStep(AutopilotError):
    """An order cannot change to the requested status."""


@dataclass(frozen=True, slots=True)
class Order:
    """One of our orders. Quantities in base currency, prices in quote currency.

    ``price`` is the limit and ``expires_at_ms`` the end of its life, both of LIMIT orders only. ``stop`` and ``target``
    are those that an entry gives its position. ``decision_id`` is None for an order without a decision (a stop, a
    user's flatten). ``reference_price``: the price at the decision. ``trigger_price``: the level that the price touched
    before the order was created, if any; of a STOP order the level at which the exchange sells.
    """

    client_order_id: str
    account: str
    symbol: str
    side: Side
    type: OrderType
    purpose: Purpose
    quantity: Decimal
    price: Decimal | None
    reference_price: Decimal
    created_at_ms: int
    expires_at_ms: int | None
    strategy: str
    reason: str
    decision_id: str | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    trigger_price: Decimal | None = None
    status: OrderStatus = OrderStatus.NEW
    filled: Decimal = ZERO
    exchange_order_id: str | None = None
    updated_at_ms: int = 0
    detail: str = ""

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def is_working_exit(self) -> bool:
        """Whether this is a sale that has begun. A resting stop order has not: it only waits for its trigger."""
        return self.side is Side.SELL and self.type is not OrderType.STOP

    @property
    def sells_at_once(self) -> bool:
        """Whether this is a sale that must not wait for a better price: at market, or with a limit below the price of
        its creation."""
        is_below = self.price is not None and self.price < self.reference_price
        return self.is_working_exit and (self.type is OrderType.MARKET or is_below)

    def can_become(self, status: OrderStatus) -> bool:
        return status is self.status or status in _STEPS.get(self.status, frozenset())

    def to(self, status: OrderStatus, at_ms: int, **changes: object) -> Order:
        """The order with the new status; the same status again changes nothing. Raises IllegalOrderStep."""
        if not self.can_become(status):
            raise IllegalOrderStep(
                f"order {self.client_order_id} is {self.status} and cannot become {status}",
                hint="see autopilot orders; please report this",
            )
        return replace(self, status=status, updated_at_ms=at_ms, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Fill:
    """A traded part of an order. ``fill_id`` is the exchange's and unique per account and symbol.

    ``fee`` is in ``fee_currency``: the quote currency, on some exchanges the base currency, or a third one, paid with
    coins that are not in our books. The broker converts a fee in a third currency to quote currency if it can;
    otherwise it counts as nothing.
    """

    fill_id: str
    client_order_id: str
    account: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    is_maker: bool
    at_ms: int

    @property
    def value(self) -> Decimal:
        """Quantity × price, in quote currency."""
        return self.quantity * self.price

    @property
    def cash(self) -> Decimal:
        """The change of the quote currency balance: positive for a sale, negative for a purchase."""
        return (self.value if self.side is Side.SELL else -self.value) - self.fee_in_quote

    @property
    def fee_in_base(self) -> Decimal:
        """The part of the fee paid in base currency."""
        return self.fee if self.fee_currency == split_symbol(self.symbol)[0] else ZERO

    @property
    def fee_in_quote(self) -> Decimal:
        """The part of the fee paid in quote currency."""
        return self.fee if self.fee_currency == split_symbol(self.symbol)[1] else ZERO

    @property
    def fee_value(self) -> Decimal:
        """The whole fee in quote currency, without fees in a third currency."""
        return self.fee_in_quote + self.fee_in_base * self.price


@dataclass(frozen=True, slots=True)
class OrderReport:
    """The exchange's report on one order: its state and all its fills so far. ``exchange_order_id`` is empty if the
    exchange does not have the order."""

    client_order_id: str
    exchange_order_id: str
    status: OrderStatus
    filled: Decimal
    fills: tuple[Fill, ...]
    at_ms: int
    detail: str = ""


_NAMESPACE = uuid.UUID("6f1e4a52-8d0c-5b64-9c3e-1b7f2a90c8d1")


def client_order_id(account: str, symbol: str, at_ms: int, purpose: Purpose, attempt: int = 0) -> str:
    """The only id that this intent can ever have: the same intent after a restart gets the same id."""
    return str(uuid.uuid5(_NAMESPACE, f"{account}|{symbol}|{at_ms}|{purpose}|{attempt}"))
