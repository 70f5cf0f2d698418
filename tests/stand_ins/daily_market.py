"""A market of daily candles as Kraken shows them."""

from __future__ import annotations

import random
import time
from typing import Any

CALM, RISING = 0, 1
"""Seeds of a market that is left alone at its last close, and of one that is bought."""
DAYS = 2_000


def daily_market(seed: int) -> list[list[Any]]:
    """So many days up to today."""
    today_s, drawn, price, rows = int(time.time()) // 86_400 * 86_400, random.Random(seed), 30_000.0, []
    for number in range(DAYS):
        opened = price
        price *= 1 + drawn.gauss(0.0003, 0.001)
        high, low = max(opened, price) * 1.0003, min(opened, price) * 0.9997
        prices = [f"{each:.1f}" for each in (opened, high, low, price, price)]
        rows.append([today_s - (DAYS - 1 - number) * 86_400, *prices, "12.5", 100])
    return rows
