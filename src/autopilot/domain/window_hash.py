"""The hash that tells whether two windows of candles are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

HASH_DIGITS = 16


def window_hash_of(exchange: str, symbol: str, timeframe: str, count: int, columns: Iterable[bytes]) -> str:
    """Of these names and of ``count`` candles. ``columns``: their open times as int64, then open, high, low, close and
    volume as float64, each in the machine's byte order."""
    digest = hashlib.sha256(f"{exchange}|{symbol}|{timeframe}|{count}|".encode())
    for column in columns:
        digest.update(column)
    return digest.hexdigest()[:HASH_DIGITS]
