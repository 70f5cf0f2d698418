"""Evaluation: is this signal worth asking the risk rules about?"""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.domain.decision import Check, Denied, Opportunity
from autopilot.domain.signal import SignalType, StrategySignal


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSettings:
    """``min_confidence_threshold`` in [0, 1]; the day is the UTC day."""

    min_confidence_threshold: float = 0.75
    max_trades_per_day: int = 10
    auto_execute: bool = False


def evaluate(
    signal: StrategySignal, confidence: float, settings: EvaluationSettings, trades_today: int
) -> Opportunity | Denied:
    """The signal as an opportunity, or the first condition that it fails. The day's trades bound entries only: an
    exit is never held back by them. Call it for a signal with a side."""
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


def first_failure(checks: list[Check]) -> Denied | None:
    """The refusal that the first failed check makes."""
    failed = next((check for check in checks if not check.passed), None)
    return Denied(failed.code, failed.detail, tuple(checks)) if failed else None
