"""A download killed at random pages goes on where it ended: no stored page is fetched again, and none is missing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from candle_exchange import CandleExchange
from download_child import download_here
from killed_downloads import Child, run, words_of

KILLS = 5
MOST_UNDER_WAY = 16
"""Of Coinbase: 9.8 requests a second, for 1.5 seconds."""


def test_no_stored_page_is_fetched_again(tmp_path: Path) -> None:
    processes = get_context("forkserver")
    processes.set_forkserver_preload(["download_child"])
    exchange = CandleExchange(delay_s=0.005)

    def start() -> tuple[Child, Callable[[], int]]:
        child = processes.Process(target=partial(download_here, exchange.url, words_of(tmp_path, 3)))
        child.start()

        def wait() -> int:
            child.join()
            return child.exitcode or 0

        return child, wait

    with exchange.answering():
        found = run(start, tmp_path, 3, exchange, KILLS)
    assert (found.candles, found.wrong) == (2 * 3 * 1440, 0)
    assert found.again == 0
    assert len(found.lost) == KILLS
    assert max(found.lost) <= MOST_UNDER_WAY
