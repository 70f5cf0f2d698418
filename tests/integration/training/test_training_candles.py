"""Which stored candles a training on `replay` takes, and of what kind its model is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.samples import SqliteSamples
from autopilot.app.training.data import TrainingData
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.candles import Candles
from autopilot.domain.conditions import Regime
from autopilot.domain.errors import ExchangeError, UnknownSymbol
from autopilot.domain.market import CandleKind
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.training.request import TrainingRequest

REQUEST = TrainingRequest("replay", ("BTC/USD",), Timeframe.H1, 10, 10)
COUNT = 1200
PRICES = {"simulated": 10.0, "there": 20.0, "beyond": 30.0}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(tmp_path / "autopilot.db")) as opened:
        yield opened


def store(database: Database, *exchanges: str) -> None:
    """Candles of one price for each exchange."""
    for exchange in exchanges:
        price = np.full(COUNT, PRICES[exchange])
        at_ms = np.arange(COUNT, dtype=np.int64) * HOUR_MS
        SqliteCandles(database).save_candles(
            exchange, "BTC/USD", Candles(Timeframe.H1, at_ms, price, price, price, price, np.ones(COUNT))
        )


async def price_of(database: Database, **replay: Any) -> float:
    """Of the candles that are trained on."""
    config = AutopilotConfig.of({"replay": replay})
    (history,) = await TrainingData(config, database, lambda: 0).histories(REQUEST, lambda *_: None)
    return float(history.candles.close[-1])


async def test_without_a_source_a_replay_is_of_real_candles(database: Database) -> None:
    store(database, "simulated", "there")
    assert await price_of(database) == PRICES["there"]
    assert AutopilotConfig().candle_kind("replay") is CandleKind.REAL


async def test_simulated_candles_alone_are_no_replay_until_they_are_asked_for(database: Database) -> None:
    store(database, "simulated")
    with pytest.raises(UnknownSymbol):
        await price_of(database)
    assert await price_of(database, source="simulated") == PRICES["simulated"]


async def test_what_a_replay_recorded_may_be_of_other_candles_and_is_not_taken(database: Database) -> None:
    store(database, "there")
    sample = PerformanceSample("replay", "BTC/USD", Timeframe.H1, HOUR_MS, 2 * HOUR_MS, Regime.QUIET, {"macd": 0.5})
    SqliteSamples(database).save_samples([sample, replace(sample, exchange="there")])
    training = TrainingData(AutopilotConfig(), database, lambda: 0)
    (history,) = await training.histories(REQUEST, lambda *_: None)
    assert history.recorded == ()


async def test_of_two_exchanges_one_must_be_named(database: Database) -> None:
    store(database, "there", "beyond")
    with pytest.raises(ExchangeError, match="several exchanges"):
        await price_of(database)
    assert await price_of(database, source="beyond") == PRICES["beyond"]


@pytest.mark.parametrize(
    ("exchange", "source", "kind"),
    [
        ("coinbase", "", CandleKind.REAL),
        ("coinbase", "simulated", CandleKind.REAL),
        ("simulated", "", CandleKind.SIMULATED),
        ("simulated", "kraken", CandleKind.SIMULATED),
        ("replay", "", CandleKind.REAL),
        ("replay", "kraken", CandleKind.REAL),
        ("replay", "simulated", CandleKind.SIMULATED),
    ],
)
def test_the_kind_of_candles_is_that_of_their_source(exchange: str, source: str, kind: CandleKind) -> None:
    config = AutopilotConfig.of({"exchange": exchange, "timeframe": "5m", "replay": {"source": source}})
    assert config.candle_kind(exchange) is kind
    assert (config.scope().kind, config.scope().timeframe) == (kind, Timeframe.M5)
