"""A recorded period compared with the same period run again: the decisions that differ, and their cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from autopilot.domain.money import ZERO
from autopilot.domain.order import Fill, Side

CONFIDENCE_STEP = 1e-6
"""The precision of recorded confidences."""


@dataclass(frozen=True, slots=True)
class ComparedDecision:
    """The compared fields of a decision."""

    id: str
    symbol: str
    candle_at_ms: int
    group: str
    strategy: str
    decided_by: str
    confidence: float
    signal_type: str
    action: str
    denied_code: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """``fields``: the names of the fields that differ; "missing" if one side has no decision, and "candles" if those of
    the recorded decision have changed since."""

    recorded: ComparedDecision | None
    again: ComparedDecision | None
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CostOfDifference:
    """How much more the recorded period earned than the repeated one, in quote currency, by cause: orders that only one
    side sent (``signal``), other prices, other fees, and quantities that only one side filled (``missed_fill``).
    ``total`` is their sum. Open positions are valued at the last price."""

    signal: Decimal
    price: Decimal
    fee: Decimal
    missed_fill: Decimal

    @property
    def total(self) -> Decimal:
        return self.signal + self.price + self.fee + self.missed_fill


def differing(recorded: Sequence[ComparedDecision], again: Sequence[ComparedDecision]) -> tuple[Difference, ...]:
    """The differences, ordered by time and symbol."""
    theirs, ours = {each.id: each for each in recorded}, {each.id: each for each in again}
    found = []
    for name in theirs.keys() | ours.keys():
        one, other = theirs.get(name), ours.get(name)
        fields = ("missing",) if one is None or other is None else _fields(one, other)
        if fields:
            found.append(Difference(one, other, fields))
    return tuple(sorted(found, key=_moment))


def _fields(one: ComparedDecision, other: ComparedDecision) -> tuple[str, ...]:
    names = ("group", "strategy", "decided_by", "signal_type", "action", "denied_code")
    differ = [name for name in names if getattr(one, name) != getattr(other, name)]
    if abs(one.confidence - other.confidence) > CONFIDENCE_STEP:
        differ.insert(min(2, len(differ)), "confidence")
    return tuple(differ)


def _moment(difference: Difference) -> tuple[int, str]:
    decision = difference.recorded or difference.again
    assert decision is not None, "a difference has a side"
    return decision.candle_at_ms, decision.symbol


def cost_of(recorded: Iterable[Fill], again: Iterable[Fill], last_prices: Mapping[str, Decimal]) -> CostOfDifference:
    """``last_prices``: by symbol, at which open positions are valued."""
    theirs, ours = _by_order(recorded), _by_order(again)
    signal = price = fee = missed = ZERO
    for name in theirs.keys() | ours.keys():
        one, other = theirs.get(name), ours.get(name)
        if one is None or other is None:
            signal += one.worth(last_prices) if one else -other.worth(last_prices) if other else ZERO
            continue
        common = min(one.quantity, other.quantity)
        price += one.sign * common * (other.mean_price - one.mean_price)
        fee += other.fee - one.fee
        last = last_prices[one.symbol]
        missed += one.sign * (one.quantity - common) * (last - one.mean_price)
        missed -= other.sign * (other.quantity - common) * (last - other.mean_price)
    return CostOfDifference(signal, price, fee, missed)


@dataclass(slots=True)
class _Filled:
    """All fills of one order. ``sign``: 1 for a buy, -1 for a sell."""

    symbol: str
    sign: int
    quantity: Decimal = ZERO
    value: Decimal = ZERO
    fee: Decimal = ZERO

    @property
    def mean_price(self) -> Decimal:
        return self.value / self.quantity

    def worth(self, last_prices: Mapping[str, Decimal]) -> Decimal:
        return self.sign * self.quantity * (last_prices[self.symbol] - self.mean_price) - self.fee


def _by_order(fills: Iterable[Fill]) -> dict[str, _Filled]:
    orders: dict[str, _Filled] = {}
    for each in fills:
        order = orders.setdefault(each.client_order_id, _Filled(each.symbol, 1 if each.side is Side.BUY else -1))
        order.quantity += each.quantity
        order.value += each.value
        order.fee += each.fee_value
    return orders
