"""What is asked of a backtest, and how it tells how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from autopilot.app.backtest.data import Period
from autopilot.domain.signal import StrategyGroup
from autopilot.domain.timeframe import Timeframe


class BacktestStage(StrEnum):
    """The stages of a backtest, in their order."""

    CANDLES = "candles"
    SERIES = "indicators and signals"
    MODELS = "models"
    TRADING = "trading"
    COMPARISON = "comparison"


class Report(Protocol):
    """It may raise to end the backtest."""

    def __call__(self, stage: BacktestStage, done: int, total: int, detail: str = "") -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkForward:
    """A model is trained before the first decision and every ``every_days`` from then on. ``is_gated``: one decides
    only if its gate lets it, as live; else each does."""

    every_days: int = 30
    is_gated: bool = True


@dataclass(frozen=True, slots=True)
class StoredModel:
    """``is_in_sample``: even if it was trained on what is tested."""

    model_id: str
    is_in_sample: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestRequest:
    """``model`` None: the rule table decides; with a ``group`` or a ``strategy`` neither does, but always that one.
    ``fee_pct``, ``slippage_bps`` and ``balance`` None: as configured. ``detail``: finer candles tell what came first in
    one of the timeframe. ``compare``: every strategy is run by itself too.
    """

    exchange: str
    symbols: tuple[str, ...]
    timeframe: Timeframe
    period: Period
    model: WalkForward | StoredModel | None
    group: StrategyGroup | None = None
    strategy: str | None = None
    fee_pct: float | None = None
    slippage_bps: float | None = None
    balance: Decimal | None = None
    detail: Timeframe | None = None
    compare: bool = True
