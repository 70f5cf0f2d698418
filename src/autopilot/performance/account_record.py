"""An account's record over a period: its equity candle by candle, and its round trips."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.portfolio import RoundTrip


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A round trip, with the group and regime of the decision that opened it, "" if unknown."""

    round_trip: RoundTrip
    group: str
    regime: str


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
