"""An account's record over a period: its equity candle by candle, its round trips, and its open positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

import numpy as np

from autopilot.domain.candles import Candles, FloatArray, IntArray
from autopilot.domain.money import ZERO, to_decimal
from autopilot.domain.order import Fill, Side
from autopilot.domain.portfolio import RoundTrip

Entry = tuple[str, str]
"""The (group, regime) of the decision that opened a position."""
Change = tuple[int, Decimal]
"""(when, by how much)."""


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A round trip, with the group and regime of the decision that opened it, "" if unknown."""

    round_trip: RoundTrip
    group: str
    regime: str


@dataclass(frozen=True, slots=True, eq=False)
class SymbolCloses:
    """The closed candles of one symbol. Decisions begin at candle number ``first``; earlier candles are history."""

    symbol: str
    candles: Candles
    first: int

    @property
    def at_ms(self) -> IntArray:
        """int64[n]: when each candle closed."""
        return self.candles.open_at_ms + self.candles.timeframe.ms


def decided_closes(closes: Sequence[SymbolCloses]) -> IntArray:
    """int64[n], ascending: the close times of all decided candles of all symbols, without duplicates."""
    if len(closes) == 1:
        return closes[0].at_ms[closes[0].first :]
    at_ms = np.sort(np.concatenate([each.at_ms[each.first :] for each in closes]))
    return at_ms[np.diff(at_ms, prepend=-1) > 0]


def prices_at(closes: Sequence[SymbolCloses], at_ms: IntArray) -> FloatArray:
    """float64[symbols, n]: each symbol's last close at these times; its first close before that."""
    found = []
    for each in closes:
        index = np.searchsorted(each.at_ms, at_ms, side="right") - 1
        found.append(each.candles.close[np.maximum(index, 0)])
    return np.stack(found)


@dataclass(frozen=True, slots=True)
class GoneCoins:
    """Coins that left the account in another way than by an order, at the last known price: they count as exchanged
    for quote currency at it."""

    symbol: str
    at_ms: int
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, eq=False)
class Holdings:
    """The account at n times: ``cash`` float64[n] in quote currency, ``quantities`` float64[symbols, n] in base
    currency."""

    cash: FloatArray
    quantities: FloatArray

    @classmethod
    def of(
        cls,
        start_equity: Decimal,
        symbols: Sequence[str],
        fills: Sequence[Fill],
        trips: Sequence[RoundTrip],
        at_ms: IntArray,
        write_offs: Sequence[GoneCoins] = (),
    ) -> Holdings:
        """From all fills of an account. A fill counts after its time, not at it: the daemon values the account at a
        close before it acts on that close. A remainder that a round trip wrote off is no longer held."""
        changes: dict[str, list[Change]] = {symbol: [] for symbol in symbols}
        for fill in fills:
            changes[fill.symbol].append((fill.at_ms, booked_quantity(fill)))
        for trip in trips:
            if trip.written_off:
                changes[trip.symbol].append((trip.closed_at_ms, -trip.written_off))
        cash = [(fill.at_ms, booked_cash(fill)) for fill in fills]
        for gone in write_offs:
            changes[gone.symbol].append((gone.at_ms, -gone.quantity))
            cash.append((gone.at_ms, gone.quantity * gone.price))
        return cls(
            cash=_totals(start_equity, cash, at_ms),
            quantities=np.stack([_totals(ZERO, changes[symbol], at_ms) for symbol in symbols]),
        )


def booked_quantity(fill: Fill) -> Decimal:
    """The change of the position. A fee in base currency is taken from a purchase, but not from the rest of a position
    that is sold: the books value it in quote currency."""
    return fill.quantity - fill.fee_in_base if fill.side is Side.BUY else -fill.quantity


def booked_cash(fill: Fill) -> Decimal:
    """The change of the cash, as a round trip counts it."""
    return fill.cash if fill.side is Side.BUY else fill.value - fill.fee_value


def _totals(start: Decimal, changes: Sequence[Change], at_ms: IntArray) -> FloatArray:
    """float64[n]: ``start`` and the changes before each of these times."""
    ordered = sorted(changes, key=lambda change: change[0])
    sums = accumulate((amount for _, amount in ordered), initial=start)
    count = np.searchsorted(np.array([when for when, _ in ordered], dtype=np.int64), at_ms)
    return np.array([float(total) for total in sums])[count]


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """What a position that is still open has earned so far at the last price, sales and all fees included: its
    unrealized result. ``fees``: those of the position so far. The ``quantity`` is 0 if all of it was written off."""

    symbol: str
    quantity: Decimal
    net: Decimal
    fees: Decimal


def open_positions(
    closes: Sequence[SymbolCloses],
    fills: Sequence[Fill],
    trips: Sequence[RoundTrip],
    write_offs: Sequence[GoneCoins],
    before_ms: int,
) -> tuple[OpenPosition, ...]:
    """The positions that were open after all events before this time, at the last close by then. With the round trips
    that had ended, they make up exactly the change of the account's equity."""
    found = []
    for each in closes:
        own = [fill for fill in fills if fill.symbol == each.symbol and fill.at_ms < before_ms]
        ended = [trip for trip in trips if trip.symbol == each.symbol and trip.closed_at_ms < before_ms]
        gone = [one for one in write_offs if one.symbol == each.symbol and one.at_ms < before_ms]
        quantity = sum(map(booked_quantity, own), ZERO) - sum((trip.written_off for trip in ended), ZERO)
        quantity -= sum((one.quantity for one in gone), ZERO)
        if quantity or gone:
            price = to_decimal(float(prices_at([each], np.array([before_ms]))[0, 0]))
            paid = sum(map(booked_cash, own), ZERO) - sum((trip.net for trip in ended), ZERO)
            paid += sum((one.quantity * one.price for one in gone), ZERO)
            fees = sum((fill.fee_value for fill in own), ZERO) - sum(map(_fees_paid, ended), ZERO)
            found.append(OpenPosition(each.symbol, quantity, paid + quantity * price, fees))
    return tuple(found)


def _fees_paid(trip: RoundTrip) -> Decimal:
    """Without the price of the rest that was written off."""
    return trip.fees - trip.written_off * trip.entry_price


@dataclass(frozen=True, slots=True, eq=False)
class AccountRecord:
    """One quote currency of one account over n moments.

    ``from_ms``: when the period begins, with ``start_equity``. ``at_ms`` int64[n]: times of the equity, ascending, as a
    rule the closes of candles of ``step_ms``; ``equity`` float64[n]: cash and positions at the last price; ``held``
    float64[n]: value of the positions in it. ``trades``: round trips that ended within the period, ordered by their
    end; ``traded_value``: the sum over all fills of the period. ``open_before``, ``still_open``: the open positions at
    its start and at its end.
    """

    currency: str
    start_equity: Decimal
    from_ms: int
    step_ms: int
    at_ms: IntArray
    equity: FloatArray
    held: FloatArray
    trades: tuple[ClosedTrade, ...]
    traded_value: Decimal
    open_before: tuple[OpenPosition, ...] = ()
    still_open: tuple[OpenPosition, ...] = ()

    @property
    def net(self) -> Decimal:
        """The exact result: of the trades, and the change of the unrealized result."""
        return sum((trade.round_trip.net for trade in self.trades), ZERO) + self.unrealized

    @property
    def unrealized(self) -> Decimal:
        """The change of the unrealized result over the period."""
        return _net(self.still_open) - _net(self.open_before)

    @property
    def fees(self) -> Decimal:
        """The fees of the trades, and of the open positions within the period."""
        opened, before = (sum((each.fees for each in many), ZERO) for many in (self.still_open, self.open_before))
        return sum((trade.round_trip.fees for trade in self.trades), opened) - before

    @classmethod
    def of(
        cls,
        currency: str,
        start_equity: Decimal,
        closes: Sequence[SymbolCloses],
        at_ms: IntArray,
        holdings: Holdings,
        fills: Sequence[Fill],
        trips: Sequence[RoundTrip],
        entries: Mapping[str, Entry],
        since_ms: int | None = None,
        write_offs: Sequence[GoneCoins] = (),
    ) -> AccountRecord:
        """The record of those of the moments ``at_ms`` that come after ``since_ms``, by default of all. ``holdings`` at
        all of these moments; ``fills`` and ``trips`` are the account's since its start, the last fill no later than the
        last moment; ``entries`` by decision id."""
        held = (holdings.quantities * prices_at(closes, at_ms)).sum(axis=0)
        equity, step_ms = holdings.cash + held, closes[0].candles.timeframe.ms
        from_ms = int(at_ms[0]) - step_ms if since_ms is None else since_ms
        begin = int(np.searchsorted(at_ms, from_ms, side="right"))
        before = open_positions(closes, fills, trips, write_offs, from_ms)
        earlier = sum((trip.net for trip in trips if trip.closed_at_ms < from_ms), ZERO)
        return cls(
            currency=currency,
            start_equity=start_equity + earlier + _net(before),
            from_ms=from_ms,
            step_ms=step_ms,
            at_ms=at_ms[begin:],
            equity=equity[begin:],
            held=held[begin:],
            trades=tuple(
                ClosedTrade(trip, *entries.get(trip.decision_id or "", ("", "")))
                for trip in trips
                if trip.closed_at_ms >= from_ms
            ),
            traded_value=sum((fill.value for fill in fills if fill.at_ms >= from_ms), ZERO),
            open_before=before,
            still_open=open_positions(closes, fills, trips, write_offs, int(at_ms[-1]) + 1),
        )


def _net(positions: Sequence[OpenPosition]) -> Decimal:
    return sum((each.net for each in positions), ZERO)
