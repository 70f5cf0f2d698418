"""The memory over many reconnects; then twelve faults of the feeds of two exchanges, one after the other, and what came
of each. Exit code 1 if anything went wrong.

``feed_faults.py [RECONNECTS]``
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from feed_world import FAULTS, FIRST, SYMBOLS, FeedWorld, feed_world, struck

from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.ports.streams import StreamState

HOURS = (4, 3, 5)
RECONNECTS = 1_000


def walk(length: int) -> Candles:
    """A seeded random walk in steps of a tenth."""
    random = np.random.default_rng(3)
    close = np.round(30_000 * np.exp(np.cumsum(0.004 * random.standard_t(4, size=length))), 1)
    opened = np.concatenate([[30_000.0], close[:-1]])
    high, low = np.round(np.maximum(opened, close) * 1.002, 1), np.round(np.minimum(opened, close) * 0.998, 1)
    at_ms = (1_700_006_400_000 // HOUR_MS + np.arange(length)) * HOUR_MS
    return Candles.from_arrays(Timeframe.H1, at_ms, opened, high, low, close, np.full(length, 2.0))


@asynccontextmanager
async def fresh(exchange: str) -> AsyncIterator[FeedWorld]:
    """A world of its own."""
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        async with feed_world(exchange, Path(directory), walk(FIRST + sum(HOURS) + 1), patch) as world:
            yield world


async def main(reconnects: int) -> int:
    failed = 0
    await reconnected(reconnects)  # first, because the memory of what ran before is not given back
    for exchange in SYMBOLS:
        for name, fault in FAULTS.items():
            async with fresh(exchange) as world:
                end = await struck(world, fault, HOURS)
                wrong, missing = len(world.wrong) + world.unlike(), len(world.missing(FIRST, end - 1))
                is_good = not wrong and not missing and world.holds and world.state is StreamState.LIVE
                failed += not is_good
                _say(
                    f"{exchange:<8} {name:<28} {world.counts['decisions']:>3} decisions, {wrong} on wrong candles, "
                    f"{missing} missing, position {'kept' if world.holds else 'SOLD'}, stream {world.state} again, "
                    f"{world.server.opened} connections"
                )
    return 1 if failed else 0


async def reconnected(count: int) -> None:
    """Print the memory while connections are lost so often."""
    async with fresh("kraken") as world:
        world.follow()
        await world.server.subscribed(2)
        for number in range(count + 1):
            if number in {count // 10, count // 2, count}:
                gc.collect()
                memory = f"{_resident_mib():.1f} MiB resident, {len(gc.get_objects()):,} objects"
                left = f"{len(asyncio.all_tasks())} tasks, {len(world.server.connections)} connections"
                _say(f"after {number:>5} reconnects: {memory}, {left}")
            await world.server.ticker(world.symbol, 30_000.0 + number, world.clock.at_ms)
            await world.settled()
            await world.server.cut()
            await world.server.subscribed(2)
            world.clock.at_ms += 120_000  # the connection was a good one


def _say(words: str) -> None:
    sys.stdout.write(f"  {words}\n")
    sys.stdout.flush()


def _resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else RECONNECTS)))
