"""The card of a model: its training data, its figures beside their baselines, and the verdict of the gate.

docs/model-card.md explains every field. The same training gives the same card.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from autopilot.distribution import installed_version
from autopilot.domain.candles import BoolArray, FloatArray
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document
from autopilot.domain.market import CandleKind
from autopilot.domain.signal import STRATEGY_GROUPS
from autopilot.performance.evidence import superior_predictive_ability
from autopilot.performance.intervals import Interval, mean_interval
from autopilot.training.data.history import SymbolRows
from autopilot.training.data.training_set import NO_GROUP, TrainingSet
from autopilot.training.evidence.checks import CombinatorialPaths, LeakTest
from autopilot.training.evidence.evaluation import CASH, LEVEL, MODEL, RULES, Judged
from autopilot.training.evidence.gate import GateVerdict, log_loss_skill
from autopilot.training.model.ensemble import Ensemble
from autopilot.training.model.scoring import accuracy, brier, calibration_error, rank_correlation, reliability
from autopilot.training.request import TrainingRequest

THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
FEATURES_SHOWN = 20
NO_GROUP_NAME = "none"


def training_part(
    request: TrainingRequest, kind: CandleKind, data: TrainingSet, rows: Sequence[SymbolRows]
) -> Document:
    """The part of the card about request, versions and training data."""
    matured = np.isfinite(data.returns).sum(axis=0).tolist()
    with_candles = [each for each in rows if each.candles]
    return {
        "exchange": request.exchange,
        "kind": kind.value,
        "timeframe": request.timeframe.value,
        "symbols": [each.symbol for each in rows],
        "days": request.days,
        "seed": request.seed,
        "versions": {
            "autopilot": installed_version(),
            "lightgbm": version("lightgbm"),
            "numpy": version("numpy"),
            "python": platform.python_version(),
        },
        "data": {
            "first_at_ms": min((each.first_at_ms for each in with_candles), default=None),
            "last_at_ms": max((each.last_at_ms for each in with_candles), default=None),
            "candles": {each.symbol: each.candles for each in rows},
            "lent": {each.symbol: each.lent for each in rows if each.lent},
            "lender": request.source if any(each.lent for each in rows) else None,
            "samples": len(data),
            "samples_by_symbol": {each.symbol: len(each) for each in rows},
            "recorded": sum(each.recorded for each in rows),
            "matured": dict(zip((each.name for each in data.strategies), matured, strict=True)),
            "sha256": data.digest(),
        },
        "classes": _shares(data),
    }


def evidence_part(
    judged: Judged | None,
    verdict: GateVerdict,
    leaks: Sequence[LeakTest],
    paths: CombinatorialPaths | None,
    trials: int,
) -> Document:
    """The part of the card about the figures out of sample and the verdict of the gate."""
    return {
        "state": verdict.state.value,
        "verdict": verdict.sentence,
        "trials": trials,
        "gate": document(verdict.rules),
        "leak_tests": document(leaks),
        "paths": document(paths),
        "metrics": _metrics(judged) if judged else [],
        "comparison": [_compared(judged, name) for name in judged.earned] if judged else [],
        "thresholds": [_threshold(judged, each) for each in THRESHOLDS] if judged else [],
        "reliability": _reliability(judged) if judged else [],
        "groups": [_group(judged, at) for at in range(len(STRATEGY_GROUPS))] if judged else [],
        "strategies": [_strategy(judged, at) for at in range(len(judged.data.strategies))] if judged else [],
    }


def importance_part(ensemble: Ensemble, names: Sequence[str]) -> list[Document]:
    """The most important features, by their share of the gain."""
    shares = ensemble.importance()
    leading = np.argsort(-shares, kind="stable")[:FEATURES_SHOWN]
    return [{"feature": names[at], "share": round(float(shares[at]), 6)} for at in leading if shares[at] > 0.0]


def _shares(data: TrainingSet) -> Document:
    counts = np.bincount(data.classes, minlength=NO_GROUP + 1) / max(len(data), 1)
    return {name: round(float(share), 6) for name, share in zip((*STRATEGY_GROUPS, NO_GROUP_NAME), counts, strict=True)}


def _metrics(judged: Judged) -> list[Document]:
    classes = judged.data.classes[judged.oof.rows]
    skill = log_loss_skill(judged, 0.95)
    best = judged.probabilities.argmax(axis=1)
    stated = judged.probabilities.max(axis=1)
    group_returns = judged.data.group_returns[judged.oof.rows]
    ranks = rank_correlation(judged.votes.edges_bps, group_returns)
    ranked = (
        mean_interval(judged.daily(ranks)) if np.isfinite(ranks).any() else Interval(0.0, -math.inf, math.inf, 0.95)
    )
    base_accuracy = accuracy(judged.oof.base, classes)
    return (
        [
            _metric("log-loss skill", "share", skill, "base rates", 0.0),
            _metric("within-decision rank correlation", "", ranked, "no order", 0.0),
            _metric(
                "accuracy of the class", "share", accuracy(judged.probabilities, classes), "base rates", base_accuracy
            ),
            _metric(
                "Brier score",
                "",
                brier(judged.probabilities, classes),
                "base rates",
                brier(judged.oof.base, classes),
                "lower",
            ),
            _metric("calibration error", "share", calibration_error(stated, best == classes), "perfect", 0.0, "lower"),
            _metric("decisions acted on", "share", float(judged.followed.mean()), "all", 1.0),
            _metric("novel samples", "share", float(judged.oof.novel.mean()), "none", 0.0, "lower"),
            _metric(
                "SPA p-value, cash",
                "",
                superior_predictive_ability(_column(judged, CASH)),
                "chance",
                0.05,
                "lower",
            ),
            _metric(
                "SPA p-value, rule table",
                "",
                superior_predictive_ability(_column(judged, RULES)),
                "chance",
                0.05,
                "lower",
            ),
        ]
        if len(judged.oof)
        else []
    )


def _column(judged: Judged, against: str) -> FloatArray:
    return judged.daily(judged.earned[MODEL] - judged.earned[against])[:, None]


def _metric(
    name: str, unit: str, found: Interval | float, baseline: str, baseline_value: float, better: str = "higher"
) -> Document:
    interval = found if isinstance(found, Interval) else Interval(found, math.nan, math.nan, math.nan)
    return {
        "name": name,
        "unit": unit,
        "value": _number(interval.point),
        "lower": _number(interval.lower),
        "upper": _number(interval.upper),
        "level": _number(interval.level),
        "baseline": baseline,
        "baseline_value": _number(baseline_value),
        "better": better,
    }


def _compared(judged: Judged, name: str) -> Document:
    own, ahead = judged.mean(name), None if name == MODEL else judged.ahead(name)
    return {
        "name": name,
        **_bps(own, "bps", "lower", "upper"),
        **_bps(ahead, "ahead_bps", "ahead_lower", "ahead_upper"),
        "level": LEVEL,
        "days": len(judged.daily(judged.earned[name])),
    }


def _threshold(judged: Judged, threshold: float) -> Document:
    acted = judged.choices.confidence >= threshold
    return {"threshold": threshold, "share": _number(float(acted.mean())), **_among(judged, acted)}


def _among(judged: Judged, acted: BoolArray) -> Document:
    count = int(acted.sum())
    edge = judged.per_decision(judged.chosen_return, acted) if count else None
    hits = float((judged.chosen_return[acted] > 0.0).mean()) if count else None
    return {"decisions": count, "hit_rate": _number(hits), **_bps(edge, "edge_bps", "lower", "upper")}


def _reliability(judged: Judged) -> list[Document]:
    classes = judged.data.classes[judged.oof.rows]
    stated, right = judged.probabilities.max(axis=1), judged.probabilities.argmax(axis=1) == classes
    return [document(each) for each in reliability(stated, right) if each.count]


def _group(judged: Judged, group: int) -> Document:
    chosen = judged.choices.group == group
    acted = chosen & judged.followed
    found = _among(judged, acted)
    expected = float(judged.choices.edge_bps[acted].mean()) if acted.any() else None
    return {
        "group": STRATEGY_GROUPS[group].value,
        "chosen": int(chosen.sum()),
        "acted": found.pop("decisions"),
        **found,
        "expected_bps": _number(expected),
    }


def _strategy(judged: Judged, strategy: int) -> Document:
    data, profile = judged.data, judged.data.strategies[strategy]
    returns = data.returns[:, strategy]
    known = np.isfinite(returns)
    expected = judged.oof.raw.strategies[:, :, strategy].mean(axis=0) * data.unit[judged.oof.rows]
    return {
        "strategy": profile.name,
        "group": profile.group.value,
        "matured": int(known.sum()),
        "mean_bps": _number(float(returns[known].mean()) * 1e4) if known.any() else None,
        "sd_bps": _number(float(returns[known].std()) * 1e4) if known.any() else None,
        "rank_correlation": _number(float(rank_correlation(expected[None], returns[judged.oof.rows][None])[0])),
        "chosen": int((judged.choices.strategy == strategy).sum()),
    }


def _bps(found: Interval | None, point: str, lower: str, upper: str) -> Document:
    if found is None:
        return {point: None, lower: None, upper: None}
    return {point: _number(1e4 * found.point), lower: _number(1e4 * found.lower), upper: _number(1e4 * found.upper)}


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 6)
