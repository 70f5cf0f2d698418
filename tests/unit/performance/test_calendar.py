"""Annual figures go by the calendar: a day without a candle is a day without a return, whatever the data hold."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import empyrical
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records import START, record_at

from autopilot.domain.timeframe import DAY_MS, HOUR_MS, Timeframe
from autopilot.performance.account_record import AccountRecord
from autopilot.performance.metrics import DAYS_TO_ANNUALIZE, account_metrics, daily_returns, intervals, period_days

LEAP_MS = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1000)
ANNUAL = ("annual_return", "annual_volatility", "sharpe", "sortino", "calmar")


@st.composite
def sparse(draw: st.DrawFn) -> AccountRecord:
    """Candles of any timeframe, from any time of a day on, of which many or long stretches are missing."""
    timeframe = draw(st.sampled_from(list(Timeframe)))
    per_day = DAY_MS // timeframe.ms
    seed = draw(st.integers(0, 10_000))
    random = np.random.default_rng(seed)
    slots = draw(st.integers(2, 400 if per_day == 1 else 90 * min(per_day, 24)))
    grid = LEAP_MS // timeframe.ms + draw(st.integers(0, 5 * per_day)) + np.arange(slots, dtype=np.int64)
    kept = random.random(slots) < draw(st.sampled_from([0.05, 0.4, 0.9, 1.0]))
    hole = draw(st.integers(0, slots - 1))
    kept[hole : hole + draw(st.integers(0, slots // 2))] = False
    kept[0] = kept[-1] = True
    equity = float(START) * np.exp(np.cumsum(random.normal(0.0, 0.01, slots)))
    return record_at((grid[kept] + 1) * timeframe.ms, equity[kept], step_ms=timeframe.ms)


def by_day(record: AccountRecord) -> np.ndarray:
    """The reference: walk through the calendar, day by day, with the last equity known at its end."""
    day = date(1970, 1, 1) + timedelta(days=record.from_ms // DAY_MS)
    known, found, at = float(record.start_equity), [], 0
    while True:
        end_ms = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000) + DAY_MS
        before = known
        while at < len(record.at_ms) and record.at_ms[at] <= end_ms:
            known, at = float(record.equity[at]), at + 1
        found.append(known / before - 1.0)
        if at == len(record.at_ms):
            return np.array(found)
        day += timedelta(days=1)


@settings(deadline=None)
@given(sparse())
def test_the_days_are_those_of_the_calendar_and_the_ratios_empyrical_s(record: AccountRecord) -> None:
    daily, found = daily_returns(record), account_metrics(record)
    np.testing.assert_allclose(daily, by_day(record), rtol=1e-9, atol=1e-12)
    days = (record.at_ms[-1] - record.from_ms) / DAY_MS
    assert found.days == days
    if days < DAYS_TO_ANNUALIZE:
        assert [getattr(found, name) for name in (*ANNUAL, "turnover")] == [None] * 6
        assert intervals(record) == {}
        return
    growth = record.equity[-1] / float(record.start_equity)
    assert found.annual_return == pytest.approx(growth ** (365 / days) - 1.0, rel=1e-9)
    theirs = {
        "annual_volatility": empyrical.annual_volatility(daily, annualization=365),
        "sharpe": empyrical.sharpe_ratio(daily, annualization=365),
        "sortino": empyrical.sortino_ratio(daily, annualization=365),
    }
    for name, their in theirs.items():
        if math.isfinite(their):
            assert getattr(found, name) == pytest.approx(their, rel=1e-9, abs=1e-12)


def filled(record: AccountRecord) -> AccountRecord:
    """The same with every missing candle, flat at the last price."""
    at_ms = np.arange(record.from_ms + record.step_ms, record.at_ms[-1] + 1, record.step_ms)
    last = np.searchsorted(record.at_ms, at_ms, side="right")
    equity = np.concatenate([[float(record.start_equity)], record.equity])[last]
    return record_at(at_ms, equity, step_ms=record.step_ms, from_ms=record.from_ms)


@settings(deadline=None)
@given(sparse())
def test_flat_candles_in_place_of_missing_ones_change_nothing(record: AccountRecord) -> None:
    ours, theirs = account_metrics(record), account_metrics(filled(record))
    for name in ("days", "total_return", *ANNUAL, "turnover", "exposure", "time_in_market"):
        own, their = getattr(ours, name), getattr(theirs, name)
        assert own is their or own == pytest.approx(their, rel=1e-9, abs=1e-12), name
    assert ours.drawdown.depth == pytest.approx(theirs.drawdown.depth)
    assert ours.drawdown.days == theirs.drawdown.days


@settings(deadline=None)
@given(sparse())
def test_a_drawdown_lasts_from_its_peak_to_its_end_by_the_clock(record: AccountRecord) -> None:
    whole = filled(record)
    equity = [float(whole.start_equity), *whole.equity]
    at_ms = [whole.from_ms, *whole.at_ms.tolist()]
    peak, begun_ms, longest = equity[0], at_ms[0], 0
    for value, when in zip(equity, at_ms, strict=True):
        if value < peak:
            longest = max(longest, when - begun_ms)
        else:
            was_below = begun_ms < when - whole.step_ms
            longest = max(longest, when - begun_ms) if was_below else longest
            peak, begun_ms = value, when
    assert account_metrics(record).drawdown.days == pytest.approx(longest / DAY_MS)


def test_a_leap_year_has_366_days_and_a_year_of_growth_365() -> None:
    at_ms = LEAP_MS + (np.arange(366, dtype=np.int64) + 1) * DAY_MS
    record = record_at(at_ms, 1000.0 * 1.001 ** np.arange(1, 367))
    assert len(daily_returns(record)) == period_days(record) == 366
    assert account_metrics(record).annual_return == pytest.approx(1.001**365 - 1.0)


@pytest.mark.parametrize(
    ("from_hour", "to_hour", "parts"),
    [(0, 24, 1), (3, 21, 1), (23, 25, 2), (12, 36, 2), (0, 48, 2), (0, 49, 3), (1, 49, 3)],
)
def test_parts_of_days_at_the_ends_are_days(from_hour: int, to_hour: int, parts: int) -> None:
    at_ms = LEAP_MS + np.arange(from_hour + 1, to_hour + 1, dtype=np.int64) * HOUR_MS
    record = record_at(at_ms, np.full(len(at_ms), 1001.0), step_ms=HOUR_MS)
    assert len(daily_returns(record)) == parts
    assert period_days(record) == (to_hour - from_hour) / 24


@pytest.mark.parametrize(("days", "known"), [(1, False), (7, False), (27, False), (28, True), (84, True)])
def test_a_period_that_is_too_short_has_no_annual_figures(days: int, known: bool) -> None:
    at_ms = LEAP_MS + (np.arange(days * 24, dtype=np.int64) + 1) * HOUR_MS
    record = record_at(at_ms, 1000.0 - 10.0 * np.sin(np.arange(days * 24) / 30.0), step_ms=HOUR_MS)
    found = account_metrics(record)
    assert [getattr(found, name) is not None for name in (*ANNUAL, "turnover")] == [known] * 6
    assert (found.total_return != 0.0, found.drawdown.depth > 0.0) == (True, True)
