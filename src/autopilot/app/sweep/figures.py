"""A parameter search as a document: the best values, their result on later candles, and how much of it is luck."""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np

from autopilot.app.sweep.run import FoldResult, Sweep
from autopilot.backtest.sweep import Luck, Try, Values, best_of, luck_of
from autopilot.domain.candles import FloatArray
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document
from autopilot.performance.intervals import mean_interval
from autopilot.performance.metrics import DAYS_TO_ANNUALIZE, annual_sharpe

BASIS_POINTS = 1e4


class Conclusion(StrEnum):
    """The conclusion of a search."""

    NOTHING = "nothing"
    LUCK = "luck"
    UNPROVEN = "unproven"
    SKILL = "skill"


def sweep_document(sweep: Sweep) -> Document:
    """Everything that the command prints, as JSON. Sharpe ratios are annual, returns are fractions."""
    request = sweep.request.backtest
    best = best_of(sweep.tries)
    luck = luck_of(sweep.tries, best) if best else None
    after, unchanged = (
        np.concatenate([getattr(each, name).daily for each in sweep.folds]) for name in ("after", "unchanged")
    )
    gain = mean_interval(BASIS_POINTS * (after - unchanged))
    conclusion, sentence = conclude(sweep, best, luck, gain.lower)
    return {
        "exchange": request.exchange,
        "symbols": [each.history.symbol for each in sweep.tested],
        "timeframe": request.timeframe.value,
        "strategy": request.strategy,
        "parameters": [
            {
                "name": each.name,
                "is_key": each.is_key,
                "low": each.low,
                "high": each.high,
                "now": sweep.unchanged.values[each.name],
            }
            for each in sweep.request.parameters
        ],
        "seed": sweep.request.seed,
        "tries": len(sweep.tries),
        "tries_wanted": sweep.request.tries,
        "folds": [_fold(each) for each in sweep.folds],
        "walk_forward": {
            "found": _performance(after),
            "as_they_are": _performance(unchanged),
            "gain_bps_a_day": document(gain),
        },
        "as_it_is": _tried(sweep.unchanged),
        "best": _tried(best) if best else None,
        "luck": document(luck) if luck else None,
        "conclusion": conclusion.value,
        "verdict": sentence,
        "all": [_tried(each) for each in sweep.tries],
    }


def conclude(sweep: Sweep, best: Try | None, luck: Luck | None, gain_lower: float) -> tuple[Conclusion, str]:
    """The conclusion, and a sentence with its reason."""
    days = len(sweep.unchanged.daily)
    if days < DAYS_TO_ANNUALIZE:
        return (
            Conclusion.NOTHING,
            f"{days} days are too few to judge; {DAYS_TO_ANNUALIZE} are needed. Try a longer period.",
        )
    if best is None or luck is None:
        return Conclusion.NOTHING, "No values traded often enough to be judged. Try wider ranges or a longer period."
    if (best.score or 0.0) <= (sweep.unchanged.score or -math.inf):
        return Conclusion.NOTHING, "No try did better than the current values."
    probability = f"{100 * luck.deflated:.0f} %"
    if not luck.is_skill:
        return Conclusion.LUCK, (
            f"Luck: the best of {luck.tries} tries has a Sharpe ratio of {luck.best:.2f}; without any skill the best "
            f"of as many tries is expected to reach {luck.expected:.2f}. The probability of skill is {probability}."
        )
    if gain_lower <= 0.0:
        return Conclusion.UNPROVEN, (
            f"Unproven: the best of {luck.tries} tries is more than luck over the whole period (probability "
            f"{probability}), but the values found in each fold did not clearly do better afterwards."
        )
    return Conclusion.SKILL, (
        f"More than luck: probability {probability} after {luck.tries} tries, and the values found in each fold did "
        "better afterwards too. This is still in sample: watch them in paper trading first."
    )


def _fold(result: FoldResult) -> Document:
    chosen = result.chosen
    return {
        "search_until_ms": result.fold.search_until_ms,
        "test_until_ms": result.fold.test_until_ms,
        "tries": len(result.tries),
        "chosen": _plain(chosen.values) if chosen else None,
        "before": _performance(chosen.daily) if chosen else None,
        "after": _performance(result.after.daily),
        "as_they_are": _performance(result.unchanged.daily),
        "trades": result.after.trades,
    }


def _performance(daily: FloatArray) -> Document:
    return {"sharpe": _sharpe(daily), "total_return": float(np.prod(1.0 + daily) - 1.0), "days": len(daily)}


def _sharpe(daily: FloatArray) -> float | None:
    """Annual; None for a period that is too short for it."""
    return annual_sharpe(daily) if len(daily) >= DAYS_TO_ANNUALIZE else None


def _tried(made: Try) -> Document:
    return {
        "values": _plain(made.values),
        "sharpe": None if made.score is None else _sharpe(made.daily),
        "total_return": float(np.prod(1.0 + made.daily) - 1.0),
        "trades": made.trades,
    }


def _plain(values: Values) -> dict[str, float]:
    return {name: value if isinstance(value, int) else float(f"{value:.4g}") for name, value in values.items()}
