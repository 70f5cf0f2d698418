"""A Dask cluster of two worker processes computes the same bytes as this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from autopilot.adapters.exchange.offline_markets.settings import SimulatedSettings
from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange
from autopilot.app.compute import InProcess, compute
from autopilot.domain.errors import ConfigError
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelScope
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.performance.outcomes import TradingCost
from autopilot.strategies.registry import StrategySet, builtin_strategies
from autopilot.training.data.history import candles_before
from autopilot.training.data.series import SymbolData
from autopilot.training.model.fit import FitSettings
from autopilot.training.request import Acting, TrainingRequest
from autopilot.training.train import TrainingSettings, train

SYMBOLS = ("BTC/USD", "ETH/USD")
DAYS = 40
SCOPE = ModelScope(CandleKind.SIMULATED, Timeframe.H1)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        yield cluster.scheduler_address


async def _histories() -> list[SymbolData]:
    exchange = SimulatedExchange(SimulatedSettings(seed=5))
    exchange.subscribe(SYMBOLS, Timeframe.H1, None)
    length, now_ms = DAYS * 24 + candles_before(Timeframe.H1), exchange.clock.now_ms()
    candles = [await exchange.history(symbol, Timeframe.H1, now_ms, length) for symbol in SYMBOLS]
    return [
        SymbolData(symbol, own, other, None, (), own.last_at_ms - DAYS * DAY_MS)
        for symbol, own, other in zip(SYMBOLS, candles, candles[::-1], strict=True)
    ]


def test_a_cluster_gives_the_same_model_and_figures(scheduler: str) -> None:
    histories, strategies = asyncio.run(_histories()), StrategySet(builtin_strategies())
    request = TrainingRequest("simulated", SYMBOLS, Timeframe.H1, DAYS, 10)
    settings = TrainingSettings(Acting(0.75, 0.0), TradingCost(0.0015), 1, SCOPE, FitSettings(members=2, rounds=4))
    with compute(scheduler, candles=1) as cluster:
        there = train(histories, strategies, request, settings, cluster, lambda *_: None)
    here = train(histories, strategies, request, settings, InProcess(), lambda *_: None)
    assert there == here


def test_a_cluster_that_is_not_there_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autopilot.app.compute.CONNECT_S", 1)
    with (
        pytest.raises(ConfigError, match=r"127\.0\.0\.1:9 cannot be reached") as caught,
        compute("tcp://127.0.0.1:9", candles=1),
    ):
        pass
    assert "compute.scheduler" in caught.value.hint
