"""What is read to judge a model in use: its own matured decisions, and which group really did best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autopilot.adapters.store.database import Database, open_readonly
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.model_decisions import Served, served_decisions
from autopilot.adapters.store.samples import SqliteSamples
from autopilot.domain.conditions import Regime
from autopilot.domain.market import CandleKind, MarketKind
from autopilot.domain.model_state import ModelScope, ModelState
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.selection import DecidedBy, GroupScore, ModelOpinion, StrategyScore
from autopilot.domain.signal import StrategyGroup
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.training.evidence.drift import ServedDecisions

START_MS = 1_714_521_600_000
SCOPE = ModelScope(CandleKind.SIMULATED, Timeframe.H1)
TREND, MEAN = StrategyGroup.TREND_FOLLOWING, StrategyGroup.MEAN_REVERSION
CLASSES = ("trend_following", "mean_reversion", "none")
STATED = {"none": 0.5, "trend_following": 0.3, "mean_reversion": 0.2}


def strategy(name: str, group: StrategyGroup, score: float) -> StrategyScore:
    return StrategyScore(name, group, score, 1.0, 0.0, 0.9)


RANKED = (strategy("rsi", MEAN, 3.0), strategy("macd", TREND, 2.0), strategy("moving_average", TREND, 1.0))


@pytest.fixture
def decide(ledger: SqliteLedger, make_decision: Callable[..., Any], make_mark: Callable[..., Any]) -> Any:
    def record(hour: int, model_id: str | None = "m-1", novelty: float = 0.0, **changes: Any) -> None:
        decision = make_decision(hour, "BTC/USD", **changes)
        if model_id:
            decision = replace(
                decision,
                selection=replace(
                    decision.selection,
                    decided_by=DecidedBy.MODEL,
                    group=TREND,
                    strategy="macd",
                    group_confidence=0.9,
                    strategy_confidence=0.8,
                    groups=(GroupScore(TREND, 0.9, "", 25.0), GroupScore(MEAN, 0.4, "", -3.0)),
                    strategies=RANKED,
                    rule_choice="rsi",
                    model=ModelOpinion(model_id, ModelState.SHADOW, SCOPE, STATED, novelty, 0.05),
                ),
            )
        assert ledger.record_decision(decision, make_mark(decision.decided_at_ms))

    return record


@pytest.fixture
def matured(database: Database) -> Any:
    def keep(hour: int, **returns: float) -> None:
        at_ms = START_MS + hour * HOUR_MS
        sample = PerformanceSample(
            "simulated", "BTC/USD", Timeframe.H1, at_ms, at_ms + 25 * HOUR_MS, Regime.QUIET, returns
        )
        SqliteSamples(database).save_samples([sample])

    return keep


def read(
    path: Path,
    since_ms: int = 0,
    markets: tuple[MarketKind, ...] = tuple(MarketKind),
    timeframe: Timeframe | None = None,
) -> ServedDecisions:
    with open_readonly(path) as connection:
        return served_decisions(connection, Served("m-1", since_ms, timeframe, markets), CLASSES)


@pytest.mark.parametrize(
    ("returns", "came"),
    [
        ({"macd": 0.01, "rsi": -0.01, "moving_average": 0.09}, 0),
        ({"macd": 0.01, "rsi": 0.02}, 1),
        ({"macd": -0.01, "rsi": 0.0, "moving_average": 0.05}, 2),
        ({"moving_average": 0.05}, 2),
    ],
    ids=["the pick counts, not the best in hindsight", "the other group", "none earned anything", "not known"],
)
def test_a_group_is_worth_what_its_first_ranked_strategy_earned(
    path: Path, decide: Any, matured: Any, returns: dict[str, float], came: int
) -> None:
    decide(0)
    matured(0, **returns)
    served = read(path)
    assert served.classes.tolist() == [came]
    assert served.chosen.tolist() == [returns.get("macd", 0.0)]
    assert served.by_rules.tolist() == [returns.get("rsi", 0.0)]


def test_what_was_stated_is_read_as_it_was(path: Path, decide: Any, matured: Any) -> None:
    decide(0)
    decide(1, novelty=0.2)
    for hour in (0, 1):
        matured(hour, macd=0.01)
    served = read(path)
    np.testing.assert_allclose(served.probabilities, [[0.3, 0.2, 0.5]] * 2)
    np.testing.assert_allclose(served.confidence, [0.72] * 2)
    assert served.edge_bps.tolist() == [25.0, 25.0]
    assert served.novel.tolist() == [False, True]


def test_only_its_own_matured_decisions_since_then_count(path: Path, decide: Any, matured: Any) -> None:
    decide(0)
    decide(1, model_id="m-2")
    decide(2, model_id=None)
    decide(3)
    decide(4)
    for hour in range(4):
        matured(hour, macd=0.01)
    assert (read(path).at_ms - START_MS).tolist() == [0, 3 * HOUR_MS]
    assert (read(path, START_MS + 1).at_ms - START_MS).tolist() == [3 * HOUR_MS]


def test_a_kind_of_market_and_a_timeframe_may_be_asked_for(path: Path, decide: Any, matured: Any) -> None:
    decide(0)
    decide(1, market=MarketKind.REAL)
    for hour in (0, 1):
        matured(hour, macd=0.01)
    assert (read(path, markets=(MarketKind.REAL,)).at_ms - START_MS).tolist() == [HOUR_MS]
    assert len(read(path, timeframe=Timeframe.H1)) == 2
    assert len(read(path, timeframe=Timeframe.M5)) == 0


def test_before_anything_has_matured_there_is_nothing(path: Path, decide: Any) -> None:
    decide(0)
    served = read(path)
    assert len(served) == 0
    assert served.probabilities.shape == (0, 3)
