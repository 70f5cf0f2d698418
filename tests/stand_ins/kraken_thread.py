"""A Kraken that answers while the test waits for a command: in a thread of its own, at the machine's time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from kraken_exchange import KrakenExchange


@contextmanager
def kraken_thread(exchange: KrakenExchange | None = None) -> Iterator[KrakenExchange]:
    exchange = exchange or KrakenExchange(lambda: int(time.time() * 1000))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(exchange.start(), loop).result()
    try:
        yield exchange
    finally:
        asyncio.run_coroutine_threadsafe(exchange.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
