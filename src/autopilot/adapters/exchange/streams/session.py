"""One connection to an exchange's streams, from its opening to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import isfinite
from typing import Any

from autopilot.adapters.exchange.streams.subscription import Heard, StreamKind, Subscription

POLITE_S, CLOSING_S = 1.0, 5.0
"""How long a connection may take to say goodbye, and how long until it is closed without that. The other end may be
gone."""
LOOKS, LOOK_S = 50, 0.01
"""How often and at which pauses it is seen whether a connection that was being made has failed."""
METHODS = {StreamKind.CANDLES: "watchOHLCV", StreamKind.TICKER: "watchTicker"}
"""ccxt's name of each kind, as in ``exchange.has``."""


class StreamSession:
    """Reads each subscription in a task of its own: two readers of a stream would lose messages. ``exchange`` is ccxt's
    and belongs to this session. ``hear`` is called with every usable message."""

    def __init__(self, exchange: Any, hear: Callable[[Subscription, Heard], None]) -> None:
        self._exchange = exchange
        self._hear = hear
        self._reading: dict[Subscription, asyncio.Task[None]] = {}

    @property
    def reading(self) -> Mapping[Subscription, asyncio.Task[None]]:
        """The task of each subscription. It ends only with an error."""
        return self._reading

    def start(self, subscription: Subscription) -> None:
        """Read this stream too."""
        self._reading[subscription] = asyncio.create_task(self._read(subscription))

    async def stop(self, subscription: Subscription) -> None:
        """Read it no longer. Its messages still arrive until the connection ends: not every exchange can end one."""
        task = self._reading.pop(subscription, None)
        if task:
            await _canceled([task])

    async def close(self) -> None:
        """End all tasks and the connection, also if the caller is canceled meanwhile. Raises nothing else."""
        closing = asyncio.create_task(self._close())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await closing
            raise

    async def _close(self) -> None:
        tasks, self._reading = list(self._reading.values()), {}
        await _canceled(tasks)
        # ccxt leaves a connection that is being made to itself: it fails once it finds no session, and nothing says so.
        dialing = [each for each in (self._exchange.clients or {}).values() if each.connecting]
        closing = asyncio.create_task(self._exchange.close())
        await asyncio.wait({closing}, timeout=POLITE_S)
        if not closing.done() and self._exchange.session:
            await self._exchange.session.close()
        with suppress(Exception):
            await asyncio.wait_for(closing, CLOSING_S)
        for _ in range(LOOKS):
            if all(each.error or not each.connecting for each in dialing):
                break
            await asyncio.sleep(LOOK_S)

    async def _read(self, subscription: Subscription) -> None:
        symbol, timeframe = subscription.symbol, subscription.timeframe.value
        while True:
            if subscription.kind is StreamKind.CANDLES:
                await self._exchange.watch_ohlcv(symbol, timeframe)
                found = _newest_candle((self._exchange.ohlcvs.get(symbol) or {}).get(timeframe) or ())
            else:
                await self._exchange.watch_ticker(symbol)
                found = _newest_price(self._exchange.tickers.get(symbol) or {})
            if found:
                self._hear(subscription, found)


async def _canceled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _newest_candle(rows: Any) -> Heard | None:
    """Of ccxt's cache, which is in the order of arrival and changes in place. None without a usable row."""
    usable = [tuple(row[:6]) for row in rows if _is_candle(row)]
    if not usable:
        return None
    newest = max(usable)
    return Heard(float(newest[4]), None, int(newest[0]), newest)


def _is_candle(row: Any) -> bool:
    return len(row) >= 6 and all(isinstance(each, int | float) and isfinite(each) for each in row[:6]) and row[4] > 0


def _newest_price(ticker: Mapping[str, Any]) -> Heard | None:
    price, at_ms = ticker.get("last"), ticker.get("timestamp")
    if not isinstance(price, int | float) or not isfinite(price) or price <= 0:
        return None
    return Heard(
        float(price), at_ms if isinstance(at_ms, int) else None, None, (price, at_ms, ticker.get("baseVolume"))
    )
