"""Stored series that an older version may have imported wrongly. Standard library only: `status` names them too."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.adapters.imports.currencies import COINS, QUOTES

AVERAGES = "its volumes are prices: an average was read as the volume"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What looks wrong about a series, and the command that mends it."""

    words: str
    mend: str


def suspicion_of(exchange: str, symbol: str, *, has_averages: bool = False) -> Suspicion | None:
    """None for a series that looks right. ``has_averages``: its volumes look like prices."""
    base, _, quote = symbol.partition("/")
    series = f"--exchange {exchange} --symbol {symbol}"
    delete = f"autopilot data delete {series}, then import the files again"
    right = _right_symbol(base, quote)
    if right:
        return Suspicion(f"{symbol} is probably {right}", f"autopilot data rename {series} --to-symbol {right}")
    if base not in COINS and base + quote in QUOTES:
        return Suspicion(f"{symbol} is probably a part of a name that ends in {base}{quote}", delete)
    if quote not in QUOTES and quote not in COINS and quote[:1].isdigit():
        return Suspicion(f"{quote} is not a currency", delete)
    return Suspicion(AVERAGES, delete) if has_averages else None


def _right_symbol(base: str, quote: str) -> str | None:
    """``BTCFD/USD`` → ``BTC/FDUSD``; None for a base that is known, or has no known coin and quote in it."""
    if base in COINS or base in QUOTES:
        return None
    splits = [(base[:at], base[at:] + quote) for at in range(2, len(base))]
    return next((f"{coin}/{whole}" for coin, whole in splits if coin in COINS and whole in QUOTES), None)
