"""A model's decisions since its training and their outcomes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autopilot.adapters.store.compact_documents import DOCUMENT, decision_document
from autopilot.adapters.store.compact_returns import RETURNS, StoredReturns
from autopilot.adapters.store.decision_columns import MODEL_ID
from autopilot.adapters.store.rows import IS_COMPLETE, to_row
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.training.evidence.drift import ServedDecisions

# CROSS keeps the order of the joins: each decision looks its sample up by the key. One decision an hour is enough of
# timeframes that have more.
_SERVED = f"""
SELECT d.candle_at_ms, {DOCUMENT}, {RETURNS}
FROM decisions AS d CROSS JOIN performance_samples AS s
    ON s.exchange = d.exchange AND s.timeframe = d.timeframe AND s.symbol = d.symbol AND s.candle_at_ms = d.candle_at_ms
WHERE d.candle_at_ms >= :since_ms AND d.decided_by = 'model' AND d.candle_at_ms % {HOUR_MS} = 0
    AND {MODEL_ID} = :model_id
    AND d.timeframe = coalesce(:timeframe, d.timeframe) AND d.market IN (SELECT value FROM json_each(:markets))
    AND {IS_COMPLETE}
ORDER BY d.candle_at_ms, d.symbol
"""


@dataclass(frozen=True, slots=True)
class Served:
    """Which decisions are read: those of the model since then, of this timeframe (None: of any) on these markets."""

    model_id: str
    since_ms: int
    timeframe: Timeframe | None
    markets: tuple[MarketKind, ...]


def served_decisions(connection: sqlite3.Connection, wanted: Served, classes: Sequence[str]) -> ServedDecisions:
    """The matured decisions of a model. ``classes``: the groups in the model's order, then the class "no group".
    Raises StoreCorrupt."""
    stored = StoredReturns(connection)
    rows = [
        (at_ms, _served(decision_document(document)["selection"], stored.of(*returns), classes))
        for at_ms, document, *returns in connection.execute(
            _SERVED, {**to_row(wanted), "markets": json.dumps(wanted.markets)}
        )
    ]
    columns = list(zip(*(row for _, row in rows), strict=True)) or [()] * 7
    probabilities, came, confidence, edge_bps, novel, chosen, by_rules = columns
    return ServedDecisions(
        at_ms=np.array([at_ms for at_ms, _ in rows], dtype=np.int64),
        probabilities=np.array(probabilities, dtype=np.float64).reshape(len(rows), len(classes)),
        classes=np.array(came, dtype=np.int64),
        confidence=np.array(confidence, dtype=np.float64),
        edge_bps=np.array(edge_bps, dtype=np.float64),
        novel=np.array(novel, dtype=np.bool_),
        chosen=np.array(chosen, dtype=np.float64),
        by_rules=np.array(by_rules, dtype=np.float64),
    )


def _served(selection: Mapping[str, Any], returns: Mapping[str, float], classes: Sequence[str]) -> tuple[Any, ...]:
    """(probabilities, observed class, confidence, edge, novel, return, return of the rule table's choice)."""
    opinion, groups = selection["model"], {each["group"]: each for each in selection["groups"]}
    return (
        [opinion["probabilities"][name] for name in classes],
        _came(selection["strategies"], returns, classes),
        selection["group_confidence"] * selection["strategy_confidence"],
        groups[selection["group"]]["expected_edge_bps"],
        opinion["novelty"] > opinion["novelty_limit"],
        returns.get(selection["strategy"], 0.0),
        returns.get(selection["rule_choice"], 0.0),
    )


def _came(ranked: Sequence[Mapping[str, Any]], returns: Mapping[str, float], classes: Sequence[str]) -> int:
    """The group whose best-ranked strategy earned most; the last class if no group earned anything."""
    picks: dict[str, str] = {}
    for score in ranked:
        picks.setdefault(score["group"], score["strategy"])
    earned = [returns.get(picks.get(group, ""), -np.inf) for group in classes[:-1]]
    best = int(np.argmax(earned))
    return best if earned[best] > 0.0 else len(classes) - 1
