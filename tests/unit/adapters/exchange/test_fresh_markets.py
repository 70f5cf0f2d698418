"""The list of an exchange's markets that cannot be read."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from fake_clock import FakeClock

from autopilot.adapters.exchange.ccxt_markets import FAILED_LIFE_MS, FreshMarkets
from autopilot.domain.errors import MarketUnavailable


async def test_a_failure_that_took_long_counts_for_all_who_want_the_list_at_once() -> None:
    clock, exchange, reads = FakeClock(), SimpleNamespace(markets=None), 0
    markets = FreshMarkets("kraken", clock)

    async def read() -> None:
        nonlocal reads
        reads += 1
        if reads == 1:
            clock.at_ms += 8_000
            raise MarketUnavailable("down")
        exchange.markets = {"BTC/USD": {}}

    for _ in range(3):
        with pytest.raises(MarketUnavailable, match="down"):
            await markets.ensure(exchange, read)
    assert reads == 1
    clock.at_ms += FAILED_LIFE_MS
    await markets.ensure(exchange, read)
    await markets.ensure(exchange, read)
    assert reads == 2
