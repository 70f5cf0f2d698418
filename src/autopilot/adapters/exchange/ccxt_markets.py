"""The list of an exchange's markets, read again as it ages: steps and least amounts change."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from autopilot.adapters.exchange.ccxt_errors import AGAIN
from autopilot.domain.errors import ExchangeError, MarketUnavailable
from autopilot.domain.timeframe import DAY_MS, MINUTE_MS
from autopilot.ports.clock import Clock

MARKETS_LIFE_MS = DAY_MS
DOUBTED_LIFE_MS = 10 * MINUTE_MS

log = logging.getLogger(__name__)


class FreshMarkets:
    """The markets of an object of ccxt, at most a day old, or ten minutes once they are doubted."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._life_ms = MARKETS_LIFE_MS
        self._at_ms: int | None = None

    def doubt(self) -> None:
        """Something was refused that they allow."""
        self._life_ms = DOUBTED_LIFE_MS

    async def ensure(self, exchange: Any, read: Callable[[], Awaitable[object]]) -> None:
        """``read`` reads them again. Raises ExchangeError while there are none; old ones are better than that."""
        now_ms = self._clock.now_ms()
        if exchange.markets and self._at_ms is not None and now_ms - self._at_ms < self._life_ms:
            return
        before = exchange.markets
        try:
            await read()
            if not exchange.markets:  # ccxt reads a page of HTML as a list of nothing
                raise MarketUnavailable(f"{self._name} gave no list of its markets", hint=AGAIN)
        except ExchangeError as error:
            if not before:
                raise
            exchange.set_markets(before)
            log.warning("%s: its markets could not be read again, the old ones are used: %s", self._name, error)
        self._at_ms, self._life_ms = now_ms, MARKETS_LIFE_MS
