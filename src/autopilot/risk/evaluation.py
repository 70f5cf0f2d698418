"""Evaluation: is this signal worth asking the risk rules about?"""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.domain.decision import Check, Denied, Opportunity
from autopilot.domain.selection import Selection
from autopilot.domain.signal import SignalType, StrategySignal


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSettings:
    """``min_confidence_threshold`` in [0, 1]; the day is the UTC day. ``min_edge_bps``: the least net return over the
    horizon that a learned model must expect of an entry."""

    min_confidence_threshold: float
    min_edge_bps: float
    max_trades_per_day: int
    auto_execute: bool


def evaluate(
    signal: StrategySignal, selection: Selection, settings: EvaluationSettings, trades_today: int
) -> Opportunity | Denied:
    """The signal as an opportunity, or the first condition that it fails. What a model must expect and the day's trades
    bound entries only: an exit is never held back by them. Call it for a signal with a side."""
    confidence = selection.confidence
    checks = [
        Check(
            "CONFIDENCE_BELOW_THRESHOLD",
            confidence >= settings.min_confidence_threshold,
            confidence,
            settings.min_confidence_threshold,
            "",
            f"confidence {confidence:.2f}, at least {settings.min_confidence_threshold:.2f} is asked for",
        )
    ]
    if signal.signal_type is SignalType.BUY:
        checks += _model_checks(selection, settings)
        checks.append(
            Check(
                "TRADES_PER_DAY_REACHED",
                trades_today < settings.max_trades_per_day,
                trades_today,
                settings.max_trades_per_day,
                "trades",
                f"{trades_today} entries today, at most {settings.max_trades_per_day} are allowed",
            )
        )
    return first_failure(checks) or Opportunity(signal, confidence, settings.auto_execute, tuple(checks))


def _model_checks(selection: Selection, settings: EvaluationSettings) -> list[Check]:
    """Of a learned model's choice: enough is expected of it, and the market is one that it knows."""
    opinion, edge = selection.model, selection.edge_bps
    if opinion is None or edge is None:
        return []
    return [
        Check(
            "EDGE_BELOW_MINIMUM",
            edge > 0.0 and edge >= settings.min_edge_bps,
            edge,
            settings.min_edge_bps,
            "bp",
            f"the model expects {edge:+.1f} bp net, at least {settings.min_edge_bps:g} and more than 0 are asked for",
        ),
        Check(
            "MARKET_NOVEL",
            opinion.novelty <= opinion.novelty_limit,
            opinion.novelty,
            opinion.novelty_limit,
            "",
            f"{100 * opinion.novelty:.0f} % of the features lie outside what the model was trained on, "
            f"at most {100 * opinion.novelty_limit:.0f} % may",
        ),
    ]


def first_failure(checks: list[Check]) -> Denied | None:
    """The refusal that the first failed check makes."""
    failed = next((check for check in checks if not check.passed), None)
    return Denied(failed.code, failed.detail, tuple(checks)) if failed else None
