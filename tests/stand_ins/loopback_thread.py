"""An exchange that answers while the test waits for a command: in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from loopback_exchange import LoopbackExchange


@contextmanager
def answering(exchange: LoopbackExchange) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(exchange.start(), loop).result()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(exchange.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
