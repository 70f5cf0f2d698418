"""What is traded: a market's rules, and where its prices come from."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from autopilot.domain.errors import UnknownSymbol
from autopilot.domain.money import ceil_to_step


class MarketKind(StrEnum):
    """A real market, past candles of a real market, or a made-up market. Every screen says which."""

    REAL = "real"
    REPLAY = "replay"
    SIMULATED = "simulated"

    @classmethod
    def of(cls, exchange: str) -> MarketKind:
        """The kind of an exchange's markets: the two exchanges of our own are named as their kinds."""
        return cls(exchange) if exchange in (cls.REPLAY, cls.SIMULATED) else cls.REAL


@dataclass(frozen=True, slots=True)
class Market:
    """A market's own rules. Steps, amounts in base currency; costs and prices in quote currency; fees as
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
        """The least that can be ordered. Cut to the amount step, what is less is nothing or below the market's minimum,
        at every price."""
        return max(self.amount_step, ceil_to_step(self.min_amount, self.amount_step))


def split_symbol(symbol: str) -> tuple[str, str]:
    """``BTC/USD`` → (base, quote). Raises UnknownSymbol when it is not a spot symbol."""
    base, slash, quote = symbol.partition("/")
    if not (base and slash and quote) or not (base + quote).isalnum() or symbol != symbol.upper():
        raise UnknownSymbol(f"{symbol!r} is not a spot symbol", hint="write it as BTC/USD: base, slash, quote")
    return base, quote


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of a symbol at a moment, as seen by us. Quote currency."""

    symbol: str
    price: float
    at_ms: int


def reference_of(symbol: str) -> str:
    """What a symbol is compared with: Bitcoin in the same money, and Bitcoin with Ether."""
    base, quote = split_symbol(symbol)
    return f"ETH/{quote}" if base == "BTC" else f"BTC/{quote}"
