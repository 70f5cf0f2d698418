"""The request for a backtest."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from autopilot.app.backtest.data import Period
from autopilot.domain.signal import StrategyGroup
from autopilot.domain.timeframe import Timeframe


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
