"""Evaluation: whether a signal is good enough to become an order, before the risk rules."""

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
    """The signal as an opportunity, or the first check that it fails. The model's edge and the trades per day limit
    entries only, never an exit. Call it for a signal with a side."""
    confidence = selection.confidence
    required = settings.min_confidence_threshold
    is_enough = confidence >= required
    checks = [
        Check(
            "CONFIDENCE_BELOW_THRESHOLD",
            is_enough,
            confidence,
            required,
            "",
            f"confidence {confidence:.2f} {'reaches' if is_enough else 'is below'} the required {required:.2f}",
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
                f"entries today: {trades_today}, the limit is {settings.max_trades_per_day} per day",
            )
        )
    return first_failure(checks) or Opportunity(signal, confidence, settings.auto_execute, tuple(checks))


def _model_checks(selection: Selection, settings: EvaluationSettings) -> list[Check]:
    """Whether a learned model expects enough, and knows such a market; empty if the rules decided."""
    opinion, edge = selection.model, selection.edge_bps
    if opinion is None or edge is None:
        return []
    required = f"at least {settings.min_edge_bps:g}" if settings.min_edge_bps > 0.0 else "more than 0"
    return [
        Check(
            "EDGE_BELOW_MINIMUM",
            edge > 0.0 and edge >= settings.min_edge_bps,
            edge,
            settings.min_edge_bps,
            "bp",
            f"the model expects {edge:+.1f} bps net, {required} is required",
        ),
        Check(
            "MARKET_NOVEL",
            opinion.novelty <= opinion.novelty_limit,
            opinion.novelty,
            opinion.novelty_limit,
            "",
            f"{100 * opinion.novelty:.0f} % of the features are outside the range that the model was trained on, "
            f"the limit is {100 * opinion.novelty_limit:.0f} %",
        ),
    ]


def first_failure(checks: list[Check]) -> Denied | None:
    """The denial with the first failed check's code; None if all passed."""
    failed = next((check for check in checks if not check.passed), None)
    return Denied(failed.code, failed.detail, tuple(checks)) if failed else None
