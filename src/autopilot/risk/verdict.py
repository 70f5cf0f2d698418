"""The verdict on an order: `Approved`, which only this module can create, or `Denied` with its code."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from decimal import Decimal

from autopilot.domain.decision import Check, Denied
from autopilot.domain.market import Market
from autopilot.domain.money import ZERO, floor_to_step, to_decimal
from autopilot.domain.order import Order, OrderType, Purpose, Side, client_order_id
from autopilot.domain.portfolio import Position
from autopilot.domain.signal import StrategySignal
from autopilot.risk.decision_context import DecisionContext
from autopilot.risk.evaluation import first_failure
from autopilot.risk.preflight import balance_check, exit_check, order_checks, position_check, stop_check
from autopilot.risk.rules import rules_of
from autopilot.risk.sizing import entry_quantity

_SEAL = object()


@dataclass(frozen=True, slots=True)
class Approved:
    """An order that passed every rule; execution takes nothing else. Only `review_entry` and `review_exit` build it.

    The seal is not stored, so that a copy with another order, as `dataclasses.replace` makes it, is refused.
    """

    order: Order
    checks: tuple[Check, ...]
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("an Approved comes from a review in autopilot.risk.verdict, nowhere else")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDraft:
    """How to send an order. ``limit`` and ``expires_at_ms`` are None for MARKET. ``attempt`` distinguishes orders with
    the same time and purpose; it is 0 for a decision's."""

    type: OrderType
    limit: Decimal | None
    expires_at_ms: int | None
    strategy: str
    reason: str
    decision_id: str | None
    attempt: int = 0


def review_entry(entry: DecisionContext, signal: StrategySignal, size: Decimal, draft: OrderDraft) -> Approved | Denied:
    """The approved entry, or its denial. ``size`` is the strategy's own size in base currency. All rules are checked,
    even after one failed."""
    market = entry.market
    price = draft.limit or entry.price
    stop = market.price_below(to_decimal(signal.stop))
    target = market.price_above(to_decimal(signal.target))
    quantity = entry_quantity(entry, size, price, stop)
    checks = [rule(entry) for rule in rules_of(entry)]
    checks.append(stop_check(market, stop, price))
    checks += order_checks(market, quantity, price, entry.limits.min_order_value)
    checks.append(exit_check(market, quantity, stop))
    checks.append(balance_check(market, quantity, price, entry.portfolio.free))
    order = Order(
        client_order_id=client_order_id(entry.portfolio.account, market.symbol, entry.closed_at_ms, Purpose.ENTRY),
        account=entry.portfolio.account,
        symbol=market.symbol,
        side=Side.BUY,
        type=draft.type,
        purpose=Purpose.ENTRY,
        quantity=quantity,
        price=draft.limit,
        reference_price=entry.price,
        created_at_ms=entry.now_ms,
        expires_at_ms=draft.expires_at_ms,
        strategy=draft.strategy,
        reason=draft.reason,
        decision_id=draft.decision_id,
        stop=stop,
        target=target,
        updated_at_ms=entry.now_ms,
    )
    return first_failure(checks) or Approved(order, tuple(checks), _SEAL)


def review_exit(
    market: Market,
    position: Position | None,
    *,
    account: str,
    purpose: Purpose,
    price: Decimal,
    draft: OrderDraft,
    at_ms: int,
    now_ms: int,
    trigger_price: Decimal | None = None,
    quantity: Decimal | None = None,
) -> Approved | Denied:
    """The approved sale of ``quantity`` (None: the whole position), or its denial. The same exit at the same ``at_ms``
    has the same client order id. Limits on entries do not hold exits back."""
    held = position.quantity if position else ZERO
    selling = floor_to_step(held if quantity is None else quantity, market.amount_step)
    covered = position_check(market, position, selling)
    checks = [covered]
    if covered.passed:
        checks += order_checks(market, selling, draft.limit or price)
    order = Order(
        client_order_id=client_order_id(account, market.symbol, at_ms, purpose, draft.attempt),
        account=account,
        symbol=market.symbol,
        side=Side.SELL,
        type=draft.type,
        purpose=purpose,
        quantity=selling,
        price=draft.limit,
        reference_price=price,
        created_at_ms=now_ms,
        expires_at_ms=draft.expires_at_ms,
        strategy=draft.strategy,
        reason=draft.reason,
        decision_id=draft.decision_id,
        trigger_price=trigger_price,
        updated_at_ms=now_ms,
    )
    return first_failure(checks) or Approved(order, tuple(checks), _SEAL)
