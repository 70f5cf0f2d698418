"""Stored series that an older version may have imported wrongly: their symbols or volumes look like it."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.adapters.imports.currencies import COINS, QUOTES
from autopilot.adapters.imports.sense import volume_is_price
from autopilot.domain.candles import Candles


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What looks wrong about a series, and the command that mends it."""

    words: str
    mend: str


def suspicion_of(exchange: str, symbol: str, timeframe: str, latest: Candles) -> Suspicion | None:
    """None for a series that looks right. ``latest``: some of its candles."""
    base, _, quote = symbol.partition("/")
    series = f"--exchange {exchange} --symbol {symbol} --timeframe {timeframe}"
    delete = f"autopilot data delete {series}, then import the files again"
    right = _right_symbol(base, quote)
    if right:
        return Suspicion(f"{symbol} is probably {right}", f"autopilot data rename {series} --to-symbol {right}")
    if base not in COINS and base + quote in QUOTES:
        return Suspicion(f"{symbol} is probably a part of a name that ends in {base}{quote}", delete)
    if quote not in QUOTES and quote not in COINS and quote[:1].isdigit():
        return Suspicion(f"{quote} is no currency", delete)
    if volume_is_price(latest.low, latest.high, latest.volume):
        return Suspicion("its volumes are prices: an average was read as the volume", delete)
    return None


def _right_symbol(base: str, quote: str) -> str | None:
    """``BTCFD/USD`` → ``BTC/FDUSD``; None for a base that is known, or has no known coin and quote in it."""
    if base in COINS or base in QUOTES:
        return None
    splits = [(base[:at], base[at:] + quote) for at in range(2, len(base))]
    return next((f"{coin}/{whole}" for coin, whole in splits if coin in COINS and whole in QUOTES), None)
