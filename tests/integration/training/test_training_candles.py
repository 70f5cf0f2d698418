"""Which stored candles a training on `replay` takes, and of what kind its model is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.samples import SqliteSamples
from autopilot.app.training.data import TrainingData, fetch_missing
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


@dataclass
class Exchange:
    """``asked``: the number of the last candle and the count, of each request for its history."""

    candles: Candles
    asked: list[tuple[int, int]] = field(default_factory=list)
    name: str = "coinbase"

    async def history(self, symbol: str, timeframe: Timeframe, until_ms: int, limit: int) -> Candles:
        found = self.candles.until(until_ms)
        self.asked.append((len(found) - 1, limit))
        return found[-limit:]


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ([], [(1_999, 1_500)]),
        ([(500, 2_000)], []),
        ([(600, 1_990)], [(599, 100), (1_999, 10)]),
        ([(400, 900), (1_000, 2_000)], []),
        ([(700, 981), (1_280, 1_561)], [(699, 200), (1_279, 299), (1_999, 439)]),
    ],
    ids=["nothing", "all", "the middle", "all but an outage", "pages for another exchange"],
)
async def test_what_is_not_stored_is_fetched(
    database: Database,
    random_candles: Callable[..., Candles],
    stored: list[tuple[int, int]],
    asked: list[tuple[int, int]],
) -> None:
    candles, store = random_candles(1, 2_000), SqliteCandles(database)
    market = Exchange(candles)
    for first, end in stored:
        store.save_candles("coinbase", "BTC/USD", candles[first:end])
    now_ms = candles.last_at_ms + HOUR_MS
    found = await fetch_missing(market, store, "BTC/USD", Timeframe.H1, 1_500, now_ms)  # type: ignore[arg-type]
    assert market.asked == asked
    assert len(found) == 1_500 - (100 if stored and stored[0] == (400, 900) else 0)
