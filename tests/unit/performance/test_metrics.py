"""The figures of a period, held to empyrical and to their definitions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import empyrical
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import START, record_at

from autopilot.domain.order import Purpose
from autopilot.domain.portfolio import RoundTrip
from autopilot.domain.timeframe import DAY_MS, HOUR_MS
from autopilot.performance.account_record import AccountRecord, ClosedTrade
from autopilot.performance.metrics import KEYS, account_metrics, breakdown, daily_returns, intervals


def trade(net: str, hours: float = 1.0, day: int = 0, **names: str) -> ClosedTrade:
    opened_ms = day * DAY_MS
    trip = RoundTrip(
        account="a",
        symbol=names.get("symbol", "BTC/USD"),
        strategy=names.get("strategy", "rsi"),
        decision_id=None,
        quantity=Decimal(1),
        entry_price=Decimal(100),
        exit_price=Decimal(100) + Decimal(net),
        fees=Decimal("0.5"),
        net=Decimal(net),
        opened_at_ms=opened_ms,
        closed_at_ms=opened_ms + int(hours * HOUR_MS),
        exit_purpose=Purpose.TAKE_PROFIT,
    )
    return ClosedTrade(trip, names.get("group", "momentum"), names.get("regime", "quiet"))


def record(equity: Sequence[float], *trades: ClosedTrade, step_ms: int = DAY_MS, held: float = 0.0) -> AccountRecord:
    """Moments at the closes of candles of ``step_ms``."""
    values = np.array(equity, dtype=np.float64)
    at_ms = (np.arange(len(values), dtype=np.int64) + 1) * step_ms
    return record_at(at_ms, values, *trades, step_ms=step_ms, held=held)


def walk(days: int, seed: int) -> list[float]:
    returns = np.random.default_rng(seed).normal(0.001, 0.02, days)
    return list(float(START) * np.cumprod(1.0 + returns))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("days", [28, 30, 400, 1500])
def test_returns_and_ratios_are_empyrical_s(days: int, seed: int) -> None:
    kept = record(walk(days, seed))
    daily, found = daily_returns(kept), account_metrics(kept)
    assert len(daily) == days
    ours = (
        *(found.annual_return, found.annual_volatility, found.sharpe, found.sortino),
        *(-found.drawdown.depth, found.calmar, found.total_return),
    )
    theirs = (
        empyrical.annual_return(daily, annualization=365),
        empyrical.annual_volatility(daily, annualization=365),
        empyrical.sharpe_ratio(daily, annualization=365),
        empyrical.sortino_ratio(daily, annualization=365),
        empyrical.max_drawdown(daily),
        empyrical.calmar_ratio(daily, annualization=365),
        empyrical.cum_returns_final(daily),
    )
    for own, their in zip(ours, theirs, strict=True):
        if math.isfinite(their):
            assert own == pytest.approx(their, rel=1e-9, abs=1e-12)
        else:
            assert own is None


def test_a_day_is_worth_its_last_moment_and_midnight_belongs_to_the_day_before() -> None:
    kept = record([1000 + hour for hour in range(1, 49)], step_ms=HOUR_MS)
    np.testing.assert_allclose(daily_returns(kept), [1024 / 1000 - 1, 1048 / 1024 - 1])


def test_what_is_not_defined_is_none_and_nothing_is_infinite() -> None:
    found = account_metrics(record([1000.0]))
    assert (found.trades, found.win_rate, found.profit_factor, found.expectancy, found.sharpe) == (0, *[None] * 4)
    assert (found.net, found.total_return, found.drawdown.depth, found.turnover) == (0, 0.0, 0.0, None)
    flat = account_metrics(record([1000.0] * 30))
    assert (flat.sharpe, flat.sortino, flat.calmar, flat.annual_return) == (None, None, None, 0.0)


def test_a_ruined_account_has_figures_too() -> None:
    found = account_metrics(record([500.0, *[0.0] * 30]))
    assert (found.total_return, found.drawdown.depth, found.annual_return) == (-1.0, 1.0, -1.0)


def test_one_lucky_day_does_not_overflow_a_year() -> None:
    assert account_metrics(record([1e30] * 28)).annual_return is None


@given(st.lists(st.floats(1.0, 1e5), min_size=1, max_size=30))
def test_the_drawdown_is_the_deepest_fall_from_a_peak(equity: list[float]) -> None:
    found = account_metrics(record(equity)).drawdown
    known = [float(START), *equity]
    deepest = max(1.0 - after / max(known[: at + 1]) for at, after in enumerate(known))
    assert found.depth == pytest.approx(deepest, abs=1e-12)


def test_a_drawdown_lasts_until_the_peak_is_reached_again_or_the_end() -> None:
    assert account_metrics(record([1100, 900, 1000, 1100, 1050])).drawdown.days == 3.0
    assert account_metrics(record([1100, 900, 1000, 1050, 1050])).drawdown.days == 4.0


def test_trades_in_numbers() -> None:
    found = account_metrics(record([1010.0], trade("30", 2), trade("-10", 4), trade("-5", 6)))
    assert (found.trades, found.won, found.win_rate) == (3, 1, pytest.approx(1 / 3))
    assert (found.profit_factor, found.expectancy) == (2.0, Decimal(5))
    assert (found.best_trade, found.worst_trade, found.holding_hours) == (Decimal(30), Decimal(-10), 4.0)
    assert account_metrics(record([1010.0], trade("3"))).profit_factor is None


def test_exposure_and_turnover() -> None:
    found = account_metrics(record([1000.0] * 365, held=250.0))
    assert (found.exposure, found.time_in_market) == (0.25, 1.0)
    assert found.turnover == pytest.approx(5.0)


@given(
    st.lists(
        st.tuples(st.integers(-50, 50), st.sampled_from(["BTC/USD", "ETH/USD"]), st.sampled_from(["rsi", "macd"])),
        max_size=12,
    ),
    st.sampled_from(sorted(KEYS)),
)
def test_the_parts_make_the_whole(trades: list[tuple[int, str, str]], key: str) -> None:
    kept = record([1000.0], *(trade(str(net), symbol=symbol, strategy=name) for net, symbol, name in trades))
    rows, whole = breakdown(kept, key), account_metrics(kept)
    assert sum(row.trades for row in rows) == whole.trades
    assert sum(row.won for row in rows) == whole.won
    assert sum((row.net for row in rows), Decimal(0)) == sum(net for net, *_ in trades)
    if key != "month":
        assert [row.net for row in rows] == sorted((row.net for row in rows), reverse=True)


def test_months_come_in_their_order() -> None:
    rows = breakdown(record([1000.0], trade("1", day=70), trade("9", day=3), trade("5", day=40)), "month")
    assert [row.name for row in rows] == ["1970-01", "1970-02", "1970-03"]


def test_intervals_hold_the_figure_and_shrink_with_time() -> None:
    short, long = intervals(record(walk(60, 3))), intervals(record(walk(1500, 3)))
    for found in (short, long):
        for interval in found.values():
            assert interval.lower <= interval.point <= interval.upper or interval is found["drawdown"]
    assert long["sharpe"].upper - long["sharpe"].lower < short["sharpe"].upper - short["sharpe"].lower
    assert intervals(record(walk(19, 3))) == {}
