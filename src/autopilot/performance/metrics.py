"""The figures of a trading period. An undefined figure is None, never infinite."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.money import ZERO
from autopilot.domain.timeframe import DAY_MS, HOUR_MS
from autopilot.performance.account_record import AccountRecord, ClosedTrade
from autopilot.performance.evidence import daily_sharpe
from autopilot.performance.intervals import Interval, stationary_bootstrap

DAYS_A_YEAR = 365
"""Crypto trades every day."""
REPLICATES = 1000
MEAN_BLOCK = 10.0


@dataclass(frozen=True, slots=True)
class Drawdown:
    """Max drawdown ``depth`` in [0, 1] of the peak, and ``days`` of the longest drawdown, which ends with the period if
    the peak was not reached again."""

    depth: float
    days: float


@dataclass(frozen=True, slots=True)
class Metrics:
    """Returns and volatility are fractions by UTC days, annualized if the name says so; money is in quote currency.

    ``sharpe``: mean day over its standard deviation (ddof 1), times √365; ``sortino``: over the root mean square of the
    losing days; ``calmar``: annual return over max drawdown. ``profit_factor``: sum of the winning trades over sum of
    the losing trades; ``expectancy``: mean result of a trade. ``exposure``: mean share of equity in positions;
    ``time_in_market``: share of times with a position; ``turnover``: value traded per year over mean equity.
    Sources: Sharpe (1994), Journal of Portfolio Management 21; Sortino & Price (1994), Journal of Investing 3; Young
    (1991), Futures 20.
    """

    trades: int
    won: int
    win_rate: float | None
    net: Decimal
    total_return: float
    fees: Decimal
    annual_return: float | None
    annual_volatility: float | None
    drawdown: Drawdown
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    profit_factor: float | None
    expectancy: Decimal | None
    best_trade: Decimal | None
    worst_trade: Decimal | None
    holding_hours: float | None
    exposure: float
    time_in_market: float
    turnover: float | None


@dataclass(frozen=True, slots=True)
class TradeGroup:
    """Result of the trades of one symbol, strategy, group, regime or month."""

    name: str
    trades: int
    won: int
    net: Decimal
    fees: Decimal
    profit_factor: float | None
    expectancy: Decimal


KEYS: Mapping[str, Callable[[ClosedTrade], str]] = {
    "symbol": lambda trade: trade.round_trip.symbol,
    "strategy": lambda trade: trade.round_trip.strategy,
    "group": lambda trade: trade.group,
    "regime": lambda trade: trade.regime,
    "month": lambda trade: datetime.fromtimestamp(trade.round_trip.closed_at_ms / 1000, UTC).strftime("%Y-%m"),
}
"""The attributes by which trades are grouped."""


def account_metrics(record: AccountRecord) -> Metrics:
    """The figures of a record, which must have at least one time."""
    trips = [trade.round_trip for trade in record.trades]
    nets = [trip.net for trip in trips]
    start, end = float(record.start_equity), float(record.equity[-1])
    daily = daily_returns(record)
    growth, drawdown = annual_return(daily), drawdown_of(record.at_ms, record.equity, start)
    mean_equity = float(record.equity.mean())
    return Metrics(
        trades=len(trips),
        won=sum(net > ZERO for net in nets),
        win_rate=sum(net > ZERO for net in nets) / len(nets) if nets else None,
        net=Decimal(repr(end)) - record.start_equity,
        total_return=end / start - 1.0,
        fees=record.fees,
        annual_return=growth,
        annual_volatility=float(daily.std(ddof=1)) * math.sqrt(DAYS_A_YEAR) if len(daily) > 1 else None,
        drawdown=drawdown,
        sharpe=annual_sharpe(daily),
        sortino=sortino(daily),
        calmar=growth / drawdown.depth if growth is not None and drawdown.depth > 0.0 else None,
        profit_factor=profit_factor(nets),
        expectancy=sum(nets, ZERO) / len(nets) if nets else None,
        best_trade=max(nets, default=None),
        worst_trade=min(nets, default=None),
        holding_hours=float(np.mean([trip.closed_at_ms - trip.opened_at_ms for trip in trips])) / HOUR_MS
        if trips
        else None,
        exposure=float((record.held / np.where(record.equity > 0.0, record.equity, np.inf)).mean()),
        time_in_market=float((record.held > 0.0).mean()),
        turnover=_turnover(record, mean_equity),
    )


def daily_returns(record: AccountRecord) -> FloatArray:
    """float64[days]: from the last equity of each UTC day to that of the next one; the first from the start."""
    if not len(record.at_ms):
        return np.empty(0)
    # A close at midnight is the last moment of the day before.
    day = (record.at_ms - 1) // DAY_MS
    last = np.append(np.flatnonzero(np.diff(day)), len(day) - 1)
    equity = np.concatenate([[float(record.start_equity)], record.equity[last]])
    ruined = equity[:-1] <= 0.0
    return np.where(ruined, 0.0, equity[1:] / np.where(ruined, 1.0, equity[:-1]) - 1.0)


def annual_return(daily: FloatArray) -> float | None:
    """The constant yearly growth with the same total return."""
    if not len(daily):
        return None
    end = float(np.prod(1.0 + daily))
    with np.errstate(over="ignore"):
        growth = float(np.float64(end) ** (DAYS_A_YEAR / len(daily)) - 1.0) if end > 0.0 else -1.0
    return growth if math.isfinite(growth) else None


def annual_sharpe(daily: FloatArray) -> float | None:
    """Annualized Sharpe ratio; None without variation."""
    return daily_sharpe(daily) * math.sqrt(DAYS_A_YEAR) if len(daily) > 1 and np.ptp(daily) != 0.0 else None


def sortino(daily: FloatArray) -> float | None:
    """Annualized Sortino ratio; None without a losing day."""
    if len(daily) < 2:
        return None
    downside = float(np.sqrt(np.mean(np.minimum(daily, 0.0) ** 2)))
    return float(daily.mean()) / downside * math.sqrt(DAYS_A_YEAR) if downside > 0.0 else None


def drawdown_of(at_ms: IntArray, equity: FloatArray, start: float) -> Drawdown:
    """The drawdown of equity; the start counts as a first peak."""
    peak = np.maximum(np.maximum.accumulate(equity), start)
    depth = float(np.max(1.0 - equity / peak, initial=0.0))
    at_peak = np.where(equity >= peak, np.arange(len(equity)), 0)
    since = at_ms - at_ms[np.maximum.accumulate(at_peak)]
    return Drawdown(depth, float(since.max(initial=0)) / DAY_MS)


def profit_factor(nets: Iterable[Decimal]) -> float | None:
    """Gains over losses; None without a loss."""
    won = lost = ZERO
    for net in nets:
        won, lost = won + max(net, ZERO), lost - min(net, ZERO)
    return float(won / lost) if lost > ZERO else None


def breakdown(record: AccountRecord, key: str) -> tuple[TradeGroup, ...]:
    """The trades grouped by one of `KEYS`: months in order of time, other groups best first."""
    grouped: defaultdict[str, list[ClosedTrade]] = defaultdict(list)
    for trade in record.trades:
        grouped[KEYS[key](trade)].append(trade)
    rows = [_group(name, trades) for name, trades in sorted(grouped.items())]
    return tuple(rows if key == "month" else sorted(rows, key=lambda row: -row.net))


def _group(name: str, trades: list[ClosedTrade]) -> TradeGroup:
    nets = [trade.round_trip.net for trade in trades]
    return TradeGroup(
        name=name,
        trades=len(trades),
        won=sum(net > ZERO for net in nets),
        net=sum(nets, ZERO),
        fees=sum((trade.round_trip.fees for trade in trades), ZERO),
        profit_factor=profit_factor(nets),
        expectancy=sum(nets, ZERO) / len(nets),
    )


def intervals(record: AccountRecord, seed: int = 1) -> Mapping[str, Interval]:
    """95 % intervals of ``annual_return``, ``sharpe``, ``total_return`` and ``drawdown``, by a stationary bootstrap
    over days with a mean block length of 10; empty with fewer than 20 days."""
    daily = daily_returns(record)
    if len(daily) < 20:
        return {}
    drawn = daily[stationary_bootstrap(len(daily), REPLICATES, MEAN_BLOCK, np.random.default_rng(seed))]
    growth = np.cumprod(1.0 + drawn, axis=1)
    deviation = drawn.std(axis=1, ddof=1)
    peak = np.maximum(np.maximum.accumulate(growth, axis=1), 1.0)
    resampled = {
        "total_return": growth[:, -1] - 1.0,
        "annual_return": np.maximum(growth[:, -1], 0.0) ** (DAYS_A_YEAR / len(daily)) - 1.0,
        "sharpe": np.where(deviation > 0.0, drawn.mean(axis=1) / np.where(deviation > 0.0, deviation, 1.0), 0.0)
        * math.sqrt(DAYS_A_YEAR),
        "drawdown": np.max(1.0 - growth / peak, axis=1),
    }
    own = account_metrics(record)
    points = {
        "total_return": own.total_return,
        "annual_return": own.annual_return or 0.0,
        "sharpe": own.sharpe or 0.0,
        "drawdown": own.drawdown.depth,
    }
    bounds = {name: np.quantile(values, [0.025, 0.975]).tolist() for name, values in resampled.items()}
    return {name: Interval(points[name], lower, upper, 0.95) for name, (lower, upper) in bounds.items()}


def _turnover(record: AccountRecord, mean_equity: float) -> float | None:
    years = (int(record.at_ms[-1]) - int(record.at_ms[0])) / (DAYS_A_YEAR * DAY_MS)
    return float(record.traded_value) / mean_equity / years if years > 0.0 and mean_equity > 0.0 else None
