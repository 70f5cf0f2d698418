"""What an account did over a period: its equity candle by candle, and its round trips."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.portfolio import RoundTrip


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A round trip, and what the decision that began it saw. ``group`` and ``regime`` are "" where not known."""

    round_trip: RoundTrip
    group: str
    regime: str


@dataclass(frozen=True, slots=True, eq=False)
class AccountRecord:
    """One quote currency of one account over n moments.

    ``at_ms`` int64[n]: when the equity was taken, ascending, as a rule the closes of the candles of one timeframe;
    ``equity`` float64[n]: cash and positions at the last price; ``held`` float64[n]: the value of the positions among
    it. ``start_equity`` is the equity before the first moment. ``trades``: the round trips that ended within the
    period, in the order in which they ended; ``fees`` and ``traded_value``: of all fills, those of positions still
    open among them.
    """

    currency: str
    start_equity: Decimal
    at_ms: IntArray
    equity: FloatArray
    held: FloatArray
    trades: tuple[ClosedTrade, ...]
    fees: Decimal
    traded_value: Decimal
