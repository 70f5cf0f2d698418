"""The types of documents have the fields of the values that the documents are made of."""

from __future__ import annotations

import dataclasses
import json
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from document_shapes import disagreements

from autopilot.domain import card_types as cards
from autopilot.domain import document_types as types
from autopilot.domain import status_types
from autopilot.domain.conditions import MarketConditions
from autopilot.domain.decision import AccountState, Action, CandleBasis, Check, Decision, Denied, OrderState, Provenance
from autopilot.domain.order import Order, Side
from autopilot.domain.passed_candles import PassedCandles
from autopilot.domain.portfolio import Position, RoundTrip
from autopilot.domain.selection import (
    Contribution,
    DecidedBy,
    GroupScore,
    ModelOpinion,
    Selection,
    StrategyScore,
)
from autopilot.domain.signal import SignalType, StrategySignal
from autopilot.domain.trading_mode import Restriction, TradingMode
from autopilot.performance.intervals import Interval
from autopilot.training.evidence.checks import CombinatorialPaths, LeakTest
from autopilot.training.evidence.drift import Drift
from autopilot.training.evidence.gate import GateRule
from autopilot.training.model.scoring import ReliabilityBin

GOLDEN = Path(__file__).parents[2] / "golden" / "cli" / "documents"


@pytest.mark.parametrize(
    ("value", "document", "more"),
    [
        (Order, types.OrderDocument, set()),
        (Position, types.PositionDocument, set()),
        (RoundTrip, types.TradeDocument, {"net_pct"}),
        (Check, types.CheckDocument, set()),
        (Denied, types.DeniedDocument, set()),
        (StrategySignal, types.SignalDocument, set()),
        (MarketConditions, types.ConditionsDocument, set()),
        (GroupScore, types.GroupScoreDocument, set()),
        (StrategyScore, types.StrategyScoreDocument, set()),
        (Contribution, types.ContributionDocument, set()),
        (ModelOpinion, types.OpinionDocument, set()),
        (Selection, types.SelectionDocument, set()),
        (Decision, types.DecisionDocument, {"exits", "passed", "candles_changed"}),
        (CandleBasis, types.BasisDocument, set()),
        (Provenance, types.ProvenanceDocument, set()),
        (AccountState, types.AccountStateDocument, set()),
        (OrderState, types.OrderStateDocument, set()),
        (PassedCandles, types.PassedDocument, set()),
        (Restriction, status_types.RestrictionDocument, set()),
        (GateRule, cards.GateRuleDocument, set()),
        (LeakTest, cards.LeakTestDocument, set()),
        (CombinatorialPaths, cards.PathsDocument, set()),
        (ReliabilityBin, cards.ReliabilityDocument, set()),
        (Interval, cards.IntervalDocument, set()),
        (Drift, cards.DriftDocument, set()),
    ],
)
def test_a_document_has_the_fields_of_its_value(value: Any, document: Any, more: set[str]) -> None:
    assert get_type_hints(document).keys() == {field.name for field in dataclasses.fields(value)} | more


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (Side, types.SideName),
        (SignalType, types.SignalName),
        (Action, types.ActionName),
        (DecidedBy, types.DecidedByName),
        (TradingMode, types.ModeName),
    ],
)
def test_names_are_the_values_of_their_enum(values: type[StrEnum], names: Any) -> None:
    assert get_args(names) == tuple(values)


@pytest.mark.parametrize(
    ("name", "key", "document"),
    [
        *((f"decision_{came_to}", None, types.DecisionDocument) for came_to in ("denied", "hold", "order", "signal")),
        ("decision_model", None, types.DecisionDocument),
        ("decisions", "decisions", list[types.BriefDecisionDocument]),
        ("signals", "signals", list[types.BriefDecisionDocument]),
        ("orders", "orders", list[types.OrderDocument]),
        ("positions", "positions", list[types.PositionDocument]),
        ("trades", "trades", list[types.TradeDocument]),
        ("status", None, status_types.StatusDocument),
        ("status_nothing", None, status_types.StatusDocument),
        ("model_card", None, cards.CardDocument),
    ],
)
def test_the_documents_that_screens_are_tested_with_are_of_their_types(
    name: str, key: str | None, document: Any
) -> None:
    found = json.loads((GOLDEN / f"{name}.json").read_text())
    assert disagreements(found[key] if key else found, document) == []


def test_a_wrong_document_is_noticed() -> None:
    check = {"code": "A", "passed": 1, "actual": None, "limit": "1", "detail": "", "more": 0}
    assert disagreements(check, types.CheckDocument) == [
        ".unit is missing",
        ".more is not declared in CheckDocument",
        ".passed: 1 is no bool",
        ".limit: '1' is no float",
    ]
