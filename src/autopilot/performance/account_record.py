"""An account's record over a period: its equity candle by candle, and its round trips."""

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
    return np.unique(np.concatenate([each.at_ms[each.first :] for each in closes]))


def prices_at(closes: Sequence[SymbolCloses], at_ms: IntArray) -> FloatArray:
    """float64[symbols, n]: each symbol's last close at these times; its first close before that."""
    found = []
    for each in closes:
        index = np.searchsorted(each.at_ms, at_ms, side="right") - 1
        found.append(each.candles.close[np.maximum(index, 0)])
    return np.stack(found)


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
    ) -> Holdings:
        """From all fills of an account. A fill counts after its time, not at it: the daemon values the account at a
        close before it acts on that close. A remainder that a round trip wrote off is no longer held."""
        changes: dict[str, list[Change]] = {symbol: [] for symbol in symbols}
        for fill in fills:
            bought = fill.quantity if fill.side is Side.BUY else -fill.quantity
            changes[fill.symbol].append((fill.at_ms, bought - fill.fee_in_base))
        for trip in trips:
            if trip.written_off:
                changes[trip.symbol].append((trip.closed_at_ms, -trip.written_off))
        return cls(
            cash=_totals(start_equity, [(fill.at_ms, fill.cash) for fill in fills], at_ms),
            quantities=np.stack([_totals(ZERO, changes[symbol], at_ms) for symbol in symbols]),
        )


def _totals(start: Decimal, changes: Sequence[Change], at_ms: IntArray) -> FloatArray:
    """float64[n]: ``start`` and the changes before each of these times."""
    ordered = sorted(changes, key=lambda change: change[0])
    sums = accumulate((amount for _, amount in ordered), initial=start)
    count = np.searchsorted(np.array([when for when, _ in ordered], dtype=np.int64), at_ms)
    return np.array([float(total) for total in sums])[count]


@dataclass(frozen=True, slots=True, eq=False)
class AccountRecord:
    """One quote currency of one account over n moments.

    ``at_ms`` int64[n]: times of the equity, ascending, as a rule the closes of one timeframe's candles; ``equity``
    float64[n]: cash and positions at the last price; ``held`` float64[n]: value of the positions in it.
    ``start_equity``: equity before the first time. ``trades``: round trips that ended within the period, ordered by
    their end; ``fees`` and ``traded_value``: sums over all fills, open positions included.
    """

    currency: str
    start_equity: Decimal
    at_ms: IntArray
    equity: FloatArray
    held: FloatArray
    trades: tuple[ClosedTrade, ...]
    fees: Decimal
    traded_value: Decimal

    @classmethod
    def of(
        cls,
        currency: str,
        start_equity: Decimal,
        closes: Sequence[SymbolCloses],
        holdings: Holdings,
        fills: Sequence[Fill],
        trips: Sequence[RoundTrip],
        entries: Mapping[str, Entry],
        since_ms: int | None = None,
    ) -> AccountRecord:
        """The record of the decided closes after ``since_ms``. ``holdings`` at all of the decided closes; ``fills`` and
        ``trips`` are the account's since its start; ``entries`` by decision id."""
        at_ms = decided_closes(closes)
        held = (holdings.quantities * prices_at(closes, at_ms)).sum(axis=0)
        equity = holdings.cash + held
        begin = 0 if since_ms is None else int(np.searchsorted(at_ms, since_ms, side="right"))
        during = [fill for fill in fills if since_ms is None or fill.at_ms >= since_ms]
        ended = [trip for trip in trips if since_ms is None or trip.closed_at_ms >= since_ms]
        return cls(
            currency=currency,
            start_equity=to_decimal(float(equity[begin - 1])) if begin else start_equity,
            at_ms=at_ms[begin:],
            equity=equity[begin:],
            held=held[begin:],
            trades=tuple(ClosedTrade(trip, *entries.get(trip.decision_id or "", ("", ""))) for trip in ended),
            fees=sum((fill.fee_value for fill in during), ZERO),
            traded_value=sum((fill.value for fill in during), ZERO),
        )
