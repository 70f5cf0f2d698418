"""The figures of a trading period. An undefined figure is None, never infinite."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.money import ZERO
from autopilot.domain.timeframe import DAY_MS, HOUR_MS
from autopilot.performance.account_record import AccountRecord, ClosedTrade
from autopilot.performance.evidence import daily_sharpe
from autopilot.performance.intervals import Interval, quantiles, stationary_bootstrap

DAYS_A_YEAR = 365
"""Crypto trades every day."""
DAYS_TO_ANNUALIZE = 28
"""A shorter period says nothing about a year: its annual figures are None."""
REPLICATES = 1000
MEAN_BLOCK = 10.0


@dataclass(frozen=True, slots=True)
class Drawdown:
    """Max drawdown ``depth`` in [0, 1] of the peak, and ``days`` of the longest drawdown: from its peak until the peak
    is reached again or the period ends."""

    depth: float
    days: float


@dataclass(frozen=True, slots=True)
class Metrics:
    """Returns and volatility are fractions; money is in quote currency. ``days``: the length of the period.

    Annual figures go by the calendar: a day without a candle has a return of zero. ``annual_return``: the growth of
    365 days with the same total return; ``sharpe``: mean UTC day over its standard deviation (ddof 1), times √365;
    ``sortino``: over the root mean square of the losing days; ``calmar``: annual return over max drawdown;
    ``turnover``: value traded per year over mean equity. ``unrealized``: the part of ``net`` in open positions.
    ``profit_factor``: sum of the winning trades over sum of the losing trades; ``expectancy``: mean result of a trade.
    ``exposure``: mean share of equity in positions; ``time_in_market``: share of the time with a position.
    Sources: Sharpe (1994), Journal of Portfolio Management 21; Sortino & Price (1994), Journal of Investing 3; Young
    (1991), Futures 20.
    """

    days: float
    trades: int
    won: int
    win_rate: float | None
    net: Decimal
    unrealized: Decimal
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
    """Result of the trades of one symbol, strategy, group, regime or month; with ``is_open`` the unrealized result of
    the open positions, which are no trades yet."""

    name: str
    trades: int
    won: int
    net: Decimal
    fees: Decimal
    profit_factor: float | None
    expectancy: Decimal | None
    is_open: bool = False


KEYS: Mapping[str, Callable[[ClosedTrade], str]] = {
    "symbol": lambda trade: trade.round_trip.symbol,
    "strategy": lambda trade: trade.round_trip.strategy,
    "group": lambda trade: trade.group,
    "regime": lambda trade: trade.regime,
    "month": lambda trade: datetime.fromtimestamp(trade.round_trip.closed_at_ms / 1000, UTC).strftime("%Y-%m"),
}
"""The attributes by which trades are grouped."""
STILL_OPEN, WRITTEN_OFF, OPEN_BEFORE = "open positions", "written off", "open before"


def account_metrics(record: AccountRecord) -> Metrics:
    """The figures of a record, which must have at least one time."""
    trips = [trade.round_trip for trade in record.trades]
    nets = [trip.net for trip in trips]
    start, end, days = float(record.start_equity), float(record.equity[-1]), period_days(record)
    daily = daily_returns(record) if days >= DAYS_TO_ANNUALIZE else np.empty(0)
    growth, drawdown = annual_return(end / start, days), drawdown_of(record)
    weights = _durations(record)
    return Metrics(
        days=days,
        trades=len(trips),
        won=sum(net > ZERO for net in nets),
        win_rate=sum(net > ZERO for net in nets) / len(nets) if nets else None,
        net=record.net,
        unrealized=record.unrealized,
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
        exposure=float(np.average(record.held / np.where(record.equity > 0.0, record.equity, np.inf), weights=weights)),
        time_in_market=float(np.average(record.held > 0.0, weights=weights)),
        turnover=_turnover(record, float(np.average(record.equity, weights=weights)), days),
    )


def period_days(record: AccountRecord) -> float:
    """The length of the period."""
    return (int(record.at_ms[-1]) - record.from_ms) / DAY_MS


def daily_returns(record: AccountRecord, from_ms: int | None = None, until_ms: int | None = None) -> FloatArray:
    """float64[days]: the returns of all UTC days of the record or of [from_ms, until_ms), those without a candle and
    parts of days included."""
    if not len(record.at_ms):
        return np.empty(0)
    begin_ms = record.from_ms if from_ms is None else from_ms
    end_ms = int(record.at_ms[-1]) if until_ms is None else until_ms
    # A close at midnight is the last moment of the day before.
    midnights = (np.arange(begin_ms // DAY_MS, (end_ms - 1) // DAY_MS + 1) + 1) * DAY_MS
    last = np.searchsorted(record.at_ms, midnights, side="right")
    start = float(record.start_equity)
    equity = np.concatenate([[start], np.concatenate([[start], record.equity])[last]])
    ruined = equity[:-1] <= 0.0
    return np.where(ruined, 0.0, equity[1:] / np.where(ruined, 1.0, equity[:-1]) - 1.0)


def annual_return(growth: float, days: float) -> float | None:
    """The return of 365 days at the rate of this ``growth``, end over start, in ``days``; None for a short period."""
    if days < DAYS_TO_ANNUALIZE:
        return None
    with np.errstate(over="ignore"):
        yearly = float(np.float64(growth) ** (DAYS_A_YEAR / days) - 1.0) if growth > 0.0 else -1.0
    return yearly if math.isfinite(yearly) else None


def annual_sharpe(daily: FloatArray) -> float | None:
    """Annualized Sharpe ratio; None without variation."""
    return daily_sharpe(daily) * math.sqrt(DAYS_A_YEAR) if len(daily) > 1 and np.ptp(daily) != 0.0 else None


def sortino(daily: FloatArray) -> float | None:
    """Annualized Sortino ratio; None without a losing day."""
    if len(daily) < 2:
        return None
    downside = float(np.sqrt(np.mean(np.minimum(daily, 0.0) ** 2)))
    return float(daily.mean()) / downside * math.sqrt(DAYS_A_YEAR) if downside > 0.0 else None


def drawdown_of(record: AccountRecord) -> Drawdown:
    """The drawdown of the equity; the start counts as a first peak. Where candles are missing, the equity stays until
    the next candle opens."""
    equity = np.concatenate([[float(record.start_equity)], record.equity])
    at_ms = np.concatenate([[record.from_ms], record.at_ms])
    peak = np.maximum.accumulate(equity)
    below = np.concatenate([equity < peak, [False]])
    edges = np.flatnonzero(np.diff(below))
    # Pairs of the last moment at a peak and the last one below it.
    first, last = edges[::2] + 1, edges[1::2]
    begun_ms = np.maximum(at_ms[first] - record.step_ms, at_ms[first - 1])
    ended_ms = at_ms[np.minimum(last + 1, len(at_ms) - 1)]
    longest = int(np.max(ended_ms - begun_ms, initial=0))
    return Drawdown(float(np.max(1.0 - equity / peak, initial=0.0)), longest / DAY_MS)


def profit_factor(nets: Iterable[Decimal]) -> float | None:
    """Gains over losses; None without a loss."""
    won = lost = ZERO
    for net in nets:
        won, lost = won + max(net, ZERO), lost - min(net, ZERO)
    return float(won / lost) if lost > ZERO else None


def breakdown(record: AccountRecord, key: str) -> tuple[TradeGroup, ...]:
    """The trades grouped by one of `KEYS`, months in order of time, other groups best first; then the open positions.
    The rows add up to the net result and the fees of the record."""
    grouped: defaultdict[str, list[ClosedTrade]] = defaultdict(list)
    for trade in record.trades:
        grouped[KEYS[key](trade)].append(trade)
    rows = [_group(name, trades) for name, trades in sorted(grouped.items())]
    return (*(rows if key == "month" else sorted(rows, key=lambda row: -row.net)), *_open_rows(record))


def _open_rows(record: AccountRecord) -> Iterator[TradeGroup]:
    """The result of positions that are open or were written off, less the earlier result of those open before."""
    held, gone = ([each for each in record.still_open if bool(each.quantity) is is_held] for is_held in (True, False))
    for name, sign, positions in ((STILL_OPEN, 1, held), (WRITTEN_OFF, 1, gone), (OPEN_BEFORE, -1, record.open_before)):
        if positions:
            net = sum((each.net for each in positions), ZERO)
            fees = sum((each.fees for each in positions), ZERO)
            yield TradeGroup(name, 0, 0, sign * net, sign * fees, None, None, is_open=True)


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
    over days with a mean block length of 10; empty for a period too short to annualize."""
    days = period_days(record)
    if days < DAYS_TO_ANNUALIZE:
        return {}
    daily = daily_returns(record)
    parts = [
        _path_figures(daily[indices])
        for indices in stationary_bootstrap(len(daily), REPLICATES, MEAN_BLOCK, np.random.default_rng(seed))
    ]
    growth, mean, deviation, drawdown = np.concatenate(parts, axis=1)
    resampled = {
        "total_return": growth - 1.0,
        "annual_return": np.maximum(growth, 0.0) ** (DAYS_A_YEAR / days) - 1.0,
        "sharpe": np.where(deviation > 0.0, mean / np.where(deviation > 0.0, deviation, 1.0), 0.0)
        * math.sqrt(DAYS_A_YEAR),
        "drawdown": drawdown,
    }
    own = account_metrics(record)
    points = {
        "total_return": own.total_return,
        "annual_return": own.annual_return or 0.0,
        "sharpe": own.sharpe or 0.0,
        "drawdown": own.drawdown.depth,
    }
    bounds = {name: quantiles(values, (0.025, 0.975)) for name, values in resampled.items()}
    return {name: Interval(points[name], lower, upper, 0.95) for name, (lower, upper) in bounds.items()}


def _path_figures(daily: FloatArray) -> FloatArray:
    """Growth, mean, standard deviation and max drawdown of each row of daily returns: float64[4, rows]."""
    growth = np.cumprod(1.0 + daily, axis=1)
    peak = np.maximum(np.maximum.accumulate(growth, axis=1), 1.0)
    return np.stack([growth[:, -1], daily.mean(axis=1), daily.std(axis=1, ddof=1), np.max(1.0 - growth / peak, axis=1)])


def _durations(record: AccountRecord) -> IntArray:
    """int64[n]: how long each moment's holdings lasted."""
    return np.diff(record.at_ms, append=record.at_ms[-1] + record.step_ms)


def _turnover(record: AccountRecord, mean_equity: float, days: float) -> float | None:
    if days < DAYS_TO_ANNUALIZE or mean_equity <= 0.0:
        return None
    return float(record.traded_value) / mean_equity / (days / DAYS_A_YEAR)
