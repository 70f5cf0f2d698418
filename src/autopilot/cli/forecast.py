"""The cost of long commands, stage by stage, and the options that make them shorter.

The weights were measured on years of hourly candles; their unit is the time to compute the indicators and signals of
all candles. Only their ratios matter: the pace is measured in every run.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from autopilot.backtest.stages import BacktestStage
from autopilot.cli.render.progress import Forecast
from autopilot.cli.render.remaining import Cost
from autopilot.domain.timeframe import DAY_MS

if TYPE_CHECKING:
    from autopilot.app.backtest.data import Period
    from autopilot.app.backtest.request import BacktestRequest
    from autopilot.app.sweep.run import SweepRequest

USUAL_DAYS = 1500
"""The length of history that is assumed as long as it is not known."""
USUAL_TRAINING_DAYS = 365
LOADING = Cost(0.5)


def backtest_forecast(request: BacktestRequest, strategies: int) -> Forecast:
    """``strategies``: how many there are to compare with."""
    from autopilot.app.backtest.request import WalkForward

    walk = request.model if isinstance(request.model, WalkForward) else None
    days = _days(request.period)
    trainings = math.ceil((days or USUAL_DAYS) / walk.every_days) if walk else 0
    tested = min(1.0, days / USUAL_DAYS) if days else 1.0
    shorter = ["--no-model", "a longer --retrain-every"] if walk else []
    shorter += ["--no-compare"] if request.compare else []
    return Forecast(
        {
            BacktestStage.CANDLES: LOADING,
            BacktestStage.SERIES: Cost(1.0),
            BacktestStage.JUDGING: Cost(3.0 if walk else 0.0, power=0.7),
            BacktestStage.MODELS: Cost(0.9 * trainings),
            BacktestStage.TRADING: Cost(1.2 * tested),
            BacktestStage.COMPARISON: Cost(1.0 * tested * strategies if request.compare else 0.0),
        },
        (*shorter, *_less_data(request.symbols, request.period)),
    )


def sweep_forecast(request: SweepRequest) -> Forecast:
    of = request.backtest
    each = 1.1 if of.strategy is None else 4.0
    return Forecast(
        {
            BacktestStage.CANDLES: LOADING,
            BacktestStage.TRIES: Cost(each * request.tries * (request.folds + 2) / 2),
            BacktestStage.FOLLOWING: Cost(each * request.folds / 4),
        },
        ("fewer --tries", "fewer --folds", *_less_data(of.symbols, of.period)),
    )


def check_forecast(symbols: int) -> Forecast:
    """Of the proofs about look-ahead."""
    return Forecast(
        {BacktestStage.CANDLES: Cost(0.1), BacktestStage.PROOFS: Cost(1.0)},
        ("fewer --cuts", *(["fewer symbols"] if symbols > 1 else [])),
    )


def training_forecast(symbols: int | None, days: int | None) -> Forecast:
    """``symbols`` and ``days`` as requested; None for those of the configuration. The stages are those of
    `training.request.Stage`. Candles may come from an exchange, whose pace says nothing about the rest."""
    span = days or USUAL_TRAINING_DAYS
    return Forecast(
        {
            "candles": Cost(0.5, is_guide=False),
            "samples": Cost(1.5),
            "folds": Cost(0.055 * span, power=0.8),
            "checks": Cost(0.01 * span),
            "fit": Cost(0.0085 * span),
            "promotion": Cost(1.4),
        },
        ("fewer --days", *(["fewer symbols (--symbol)"] if symbols is None or symbols > 1 else [])),
    )


def _days(period: Period) -> float | None:
    if period.from_ms is not None and period.to_ms is not None:
        return (period.to_ms - period.from_ms) / DAY_MS
    return period.days


def _less_data(symbols: tuple[str, ...], period: Period) -> list[str]:
    if period.days is not None:
        days = "fewer --days"
    else:
        days = "a shorter period" if period.from_ms is not None else "a shorter period (--days)"
    return [*(["fewer symbols"] if len(symbols) > 1 else []), days]
