"""Settings of the test run, and candles for every test: real ones from AUTOPILOT_TEST_DATA, and random ones."""

from __future__ import annotations

import gzip
import os
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import Timeframe

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts jobs in the background so, and every program that the tests start would ignore Ctrl-C as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test reaches a real exchange: candles that a test lacks would be downloaded.
os.environ["HTTPS_PROXY"] = "http://127.0.0.1:9"

settings.register_profile("a busy machine proves nothing", deadline=None)
settings.load_profile("a busy machine proves nothing")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from scheduling import Scheduling

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def real_candles() -> Callable[[str], Candles]:
    """Candles by the name of a file in the data's ohlcv folder, such as ``KRAKEN_BTC-USD_1h.csv.gz``."""
    folder = os.environ.get("AUTOPILOT_TEST_DATA")

    @cache
    def load(name: str) -> Candles:
        if not folder:
            pytest.skip("AUTOPILOT_TEST_DATA is not set: no real candles")
        path = Path(folder) / "ohlcv" / name
        if not path.exists():
            pytest.fail(f"AUTOPILOT_TEST_DATA has no {path}")
        timeframe = Timeframe.parse(name.removesuffix(".csv.gz").rsplit("_", 1)[1])
        with gzip.open(path, "rt") as lines:
            table = np.loadtxt(lines, delimiter=",", skiprows=1)
        return Candles.from_arrays(timeframe, table[:, 0].astype(np.int64), *np.ascontiguousarray(table[:, 1:].T))

    return load


@pytest.fixture(scope="session")
def random_candles() -> Callable[..., Candles]:
    """A seeded random walk: ``length`` candles whose volatility clusters and whose volume follows the moves."""

    def walk(seed: int, length: int, *, timeframe: Timeframe = Timeframe.H1, price: float = 30_000.0) -> Candles:
        random = np.random.default_rng(seed)
        volatility = 0.005 * np.exp(0.6 * np.sin(np.arange(length) / 97.0 + random.uniform(0, 6)))
        steps = volatility * random.standard_t(4, size=length)
        close = price * np.exp(np.cumsum(steps))
        opened = np.concatenate([[price], close[:-1]])
        high = np.maximum(opened, close) * np.exp(volatility * random.exponential(0.5, size=length))
        low = np.minimum(opened, close) * np.exp(-volatility * random.exponential(0.5, size=length))
        volume = np.exp(random.normal(size=length)) * (1.0 + np.abs(steps) / volatility)
        start = 1_700_006_400_000 // timeframe.ms
        return Candles.from_arrays(
            timeframe, (start + np.arange(length)) * timeframe.ms, opened, high, low, close, volume
        )

    return walk
