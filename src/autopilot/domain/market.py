"""Markets: their rules and prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from autopilot.domain.errors import UnknownSymbol
from autopilot.domain.money import ceil_to_step


class MarketKind(StrEnum):
    """A real market, stored candles of one, or a simulated market. Every screen names it."""

    REAL = "real"
    REPLAY = "replay"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class Market:
    """A market's own rules. Amounts and their step in base currency, costs and prices in quote currency, fees as
    fractions of the order's value (0.001 = 0.1 %)."""

    symbol: str
    base: str
    quote: str
    amount_step: Decimal
    price_step: Decimal
    min_amount: Decimal
    min_cost: Decimal
    maker_fee: Decimal
    taker_fee: Decimal

    @property
    def least_amount(self) -> Decimal:
        """The smallest amount that can be ordered at any price, a multiple of the amount step."""
        return max(self.amount_step, ceil_to_step(self.min_amount, self.amount_step))


def split_symbol(symbol: str) -> tuple[str, str]:
    """``BTC/USD`` → (base, quote). Raises UnknownSymbol if it is not a spot symbol."""
    base, slash, quote = symbol.partition("/")
    if not (base and slash and quote) or not (base + quote).isalnum() or symbol != symbol.upper():
        raise UnknownSymbol(f"{symbol!r} is not a spot symbol", hint="write it as BTC/USD: base, slash, quote")
    return base, quote


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of a symbol at one time, in quote currency."""

    symbol: str
    price: float
    at_ms: int


def reference_of(symbol: str) -> str:
    """The reference symbol: Bitcoin in the same quote currency; Ether for Bitcoin itself."""
    base, quote = split_symbol(symbol)
    return f"ETH/{quote}" if base == "BTC" else f"BTC/{quote}"
