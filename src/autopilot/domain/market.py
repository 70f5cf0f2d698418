"""Markets and their rules, and where prices come from."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from autopilot.domain.errors import UnknownSymbol
from autopilot.domain.money import ZERO, ceil_to_step, floor_to_step


class MarketKind(StrEnum):
    """A real market, past candles of a real market, or a made-up market. Every screen says which."""

    REAL = "real"
    REPLAY = "replay"
    SIMULATED = "simulated"

    @classmethod
    def of(cls, exchange: str) -> MarketKind:
        """The kind of an exchange's markets: the two exchanges of our own are named as their kinds."""
        return cls(exchange) if exchange in (cls.REPLAY, cls.SIMULATED) else cls.REAL


class CandleKind(StrEnum):
    """Whether candles are those of a real market, present or replayed, or made up. A model knows one kind only."""

    REAL = "real"
    SIMULATED = "simulated"

    @classmethod
    def of(cls, source: str) -> CandleKind:
        """The kind of the candles that are stored under the name of an exchange."""
        return cls.SIMULATED if MarketKind.of(source) is MarketKind.SIMULATED else cls.REAL


@dataclass(frozen=True, slots=True)
class Market:
    """The rules of a market. Amounts and their step in base currency; costs, prices and their step in quote
    currency; fees as fractions of the order's value (0.001 = 0.1 %). ``price_digits``: the most significant digits that
    a price may have, so that its step grows with it; None without such a rule."""

    symbol: str
    base: str
    quote: str
    amount_step: Decimal
    price_step: Decimal
    min_amount: Decimal
    min_cost: Decimal
    maker_fee: Decimal
    taker_fee: Decimal
    price_digits: int | None = None

    def price_below(self, price: Decimal) -> Decimal:
        """The highest price of the market's grid that is not above ``price``."""
        return floor_to_step(price, self._step_at(price))

    def price_above(self, price: Decimal) -> Decimal:
        """The lowest price of the market's grid that is not below ``price``."""
        return ceil_to_step(price, self._step_at(price))

    def _step_at(self, price: Decimal) -> Decimal:
        if self.price_digits is None or price <= ZERO:
            return self.price_step
        return max(self.price_step, Decimal(1).scaleb(price.adjusted() + 1 - self.price_digits))

    @property
    def least_amount(self) -> Decimal:
        """The smallest amount that can be ordered at any price, in base currency."""
        return max(self.amount_step, ceil_to_step(self.min_amount, self.amount_step))


def split_symbol(symbol: str) -> tuple[str, str]:
    """``BTC/USD`` → (base, quote). Raises UnknownSymbol if it is not a spot symbol."""
    base, slash, quote = symbol.partition("/")
    if not (base and slash and quote) or not (base + quote).isalnum() or symbol != symbol.upper():
        raise UnknownSymbol(f"{symbol!r} is not a spot symbol", hint="write it as BTC/USD: base, slash, quote")
    return base, quote


@dataclass(frozen=True, slots=True)
class Quote:
    """The latest price of a symbol that we have seen, in quote currency, and when."""

    symbol: str
    price: float
    at_ms: int


def reference_of(symbol: str) -> str:
    """The symbol to compare with: Bitcoin in the same quote currency, and Ether for Bitcoin itself."""
    base, quote = split_symbol(symbol)
    return f"ETH/{quote}" if base == "BTC" else f"BTC/{quote}"
