"""Symbols as people type them."""

from __future__ import annotations

from collections.abc import Iterable

from autopilot.domain.market import split_symbol


def symbol_of(text: str) -> str:
    """``btc-usd`` → ``BTC/USD``, as the daemon reads it too. Raises UnknownSymbol when it is no spot symbol."""
    symbol = text.upper().replace("-", "/")
    split_symbol(symbol)
    return symbol


def symbol_or_none(text: str | None) -> str | None:
    """For an option that may be left out."""
    return None if text is None else symbol_of(text)


def symbols_of(texts: Iterable[str] | None) -> list[str]:
    """For an option that may be repeated."""
    return [symbol_of(text) for text in texts or ()]
