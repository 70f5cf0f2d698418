"""What is read for the regret ledger: decisions that have matured, joined to what every strategy earned."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autopilot.adapters.store.database import Database, open_readonly
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.regret_rows import DecidedMarket, decided_markets, matured_decisions
from autopilot.adapters.store.samples import SqliteSamples
from autopilot.domain.conditions import Regime
from autopilot.domain.market import MarketKind
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.selection import DecidedBy
from autopilot.domain.timeframe import HOUR_MS, Timeframe

START_MS = 1_714_521_600_000
HORIZON = 24
SIMULATED = DecidedMarket("simulated", "simulated", Timeframe.H1, 0, START_MS)


def sample(hour: int, symbol: str = "BTC/USD", exchange: str = "simulated", **returns: float) -> PerformanceSample:
    at_ms = START_MS + hour * HOUR_MS
    matured_at_ms = at_ms + (HORIZON + 1) * HOUR_MS
    return PerformanceSample(exchange, symbol, Timeframe.H1, at_ms, matured_at_ms, Regime.QUIET, returns)


@pytest.fixture
def decide(ledger: SqliteLedger, make_decision: Callable[..., Any], make_mark: Callable[..., Any]) -> Any:
    """Record the decision of an hour; keywords after the symbol change its selection."""

    def record(hour: int, symbol: str = "BTC/USD", *, changes: dict[str, Any] | None = None, **selected: Any) -> None:
        decision = make_decision(hour, symbol, **(changes or {}))
        decision = replace(decision, selection=replace(decision.selection, **selected))
        assert ledger.record_decision(decision, make_mark(decision.decided_at_ms))

    return record


def test_only_what_has_matured_is_read_and_all_its_columns(path: Path, database: Database, decide: Any) -> None:
    for hour in range(30):
        decide(hour)
    SqliteSamples(database).save_samples([sample(hour, macd=0.01 * hour, rsi=-0.02) for hour in range(-3, 5)])
    with open_readonly(path) as connection:
        rows = matured_decisions(connection, SIMULATED, None)
    assert sorted(rows.candle_at_ms.tolist()) == [START_MS + hour * HOUR_MS for hour in range(5)]
    assert rows.strategies == ("macd", "rsi")
    np.testing.assert_array_equal(rows.returns, [[0.01 * hour, -0.02] for hour in range(5)])
    assert set(rows.symbol.tolist()) == {"BTC/USD"}
    assert set(rows.regime.tolist()) == {"trending_up"}, "the decision's, not the sample's"
    assert set(rows.decided_by.tolist()) == {"rules"}
    assert rows.chosen.tolist() == rows.rule_choice.tolist() == [0] * 5
    np.testing.assert_allclose(rows.confidence, 0.82 * 0.75)


def test_holding_is_measured_from_the_decisions_price_to_that_of_the_last_candle_of_the_horizon(
    path: Path, database: Database, decide: Any
) -> None:
    decide(0)
    decide(1)
    decide(HORIZON)
    SqliteSamples(database).save_samples([sample(0, macd=0.0), sample(1, macd=0.0)])
    with open_readonly(path) as connection:
        rows = matured_decisions(connection, SIMULATED, None)
    held = dict(zip(((rows.candle_at_ms - START_MS) // HOUR_MS).tolist(), rows.buy_and_hold.tolist(), strict=True))
    assert held[0] == pytest.approx(124.0 / 100.0 - 1)
    assert math.isnan(held[1]), "nothing was decided at the end of its horizon"


def test_what_the_rules_would_have_taken_comes_from_the_document_where_a_model_decided(
    path: Path, database: Database, decide: Any
) -> None:
    decide(0, strategy="rsi", decided_by=DecidedBy.MODEL, rule_choice="macd")
    decide(1, strategy="rsi", decided_by=DecidedBy.MODEL)
    decide(2, strategy="rsi")
    decide(3, strategy="gone")
    SqliteSamples(database).save_samples([sample(hour, macd=0.01, rsi=0.02) for hour in range(4)])
    with open_readonly(path) as connection:
        rows = matured_decisions(connection, SIMULATED, None)
    order = np.argsort(rows.candle_at_ms)
    assert rows.chosen[order].tolist() == [1, 1, 1, -1]
    assert rows.rule_choice[order].tolist() == [0, -1, 1, -1]


def test_markets_and_symbols_are_kept_apart(path: Path, database: Database, decide: Any) -> None:
    decide(0)
    decide(1)
    decide(2, "ETH/USD")
    kraken = {"exchange": "kraken", "market": MarketKind.REAL, "account": "paper:kraken"}
    decide(0, changes=kraken)
    SqliteSamples(database).save_samples(
        [sample(0, macd=0.1), sample(2, "ETH/USD", rsi=0.2), sample(0, exchange="kraken", macd=0.3)]
    )
    with open_readonly(path) as connection:
        markets = decided_markets(connection, None)
        assert markets == (
            DecidedMarket("simulated", "simulated", Timeframe.H1, 3, START_MS),
            DecidedMarket("kraken", "real", Timeframe.H1, 1, START_MS),
        )
        assert decided_markets(connection, "ETH/USD") == (
            DecidedMarket("simulated", "simulated", Timeframe.H1, 1, START_MS + 2 * HOUR_MS),
        )
        assert decided_markets(connection, "SOL/USD") == ()
        assert matured_decisions(connection, markets[1], None).returns.tolist() == [[0.3]]
        ether = matured_decisions(connection, markets[0], "ETH/USD")
        both = matured_decisions(connection, markets[0], None)
    assert (ether.strategies, ether.returns.tolist()) == (("rsi",), [[0.2]])
    np.testing.assert_array_equal(both.returns[np.argsort(both.candle_at_ms)], [[0.1, np.nan], [np.nan, 0.2]])


def test_nothing_has_matured(path: Path, decide: Any) -> None:
    decide(0)
    with open_readonly(path) as connection:
        rows = matured_decisions(connection, SIMULATED, None)
    assert len(rows) == 0
    assert rows.returns.shape == (0, 0)
