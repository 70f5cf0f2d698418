"""The request for a backtest."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from autopilot.app.backtest.data import Period
from autopilot.domain.signal import StrategyGroup
from autopilot.domain.timeframe import Timeframe


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkForward:
    """A model is trained before the first decision and then every ``every_days``. ``is_gated``: a model decides only if
    its gate permits, as in live trading; otherwise every model decides."""

    every_days: int = 30
    is_gated: bool = True


@dataclass(frozen=True, slots=True)
class StoredModel:
    """``is_in_sample``: use it even if it was trained on the tested candles."""

    model_id: str
    is_in_sample: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestRequest:
    """The rule table decides if ``model`` is None; a ``group`` or a ``strategy`` replaces both.

    ``fee_pct``, ``slippage_bps`` and ``balance`` default to the configuration. ``detail``: the timeframe of finer
    candles that show the order of events within a candle. ``compare``: also run every strategy by itself. ``source``:
    the exchange whose stored candles stand before the first own one.
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
    source: str | None = None
