"""Marks that losses are measured from: what trading earned or lost moves the equity away from them, money that is paid
in or taken out takes them along."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.domain.timeframe import DAY_MS, HOUR_MS
from autopilot.engine.equity_marks import AccountValue, first_mark, follow_money, next_mark
from autopilot.ports.ledger import EquityMark

NOON = 20_000 * DAY_MS + 12 * HOUR_MS


def standing(equity: int | str, own_cash: int | str, hours: int = 1) -> AccountValue:
    return AccountValue(NOON + hours * HOUR_MS, Decimal(0), Decimal(equity), Decimal(own_cash))


def goes_on(last: EquityMark, now: AccountValue) -> EquityMark:
    return next_mark(follow_money(last, now), now)


def after_a_loss() -> EquityMark:
    """Of 10,000, once 12,000, there are 9,000 left; the day began with 9,500."""
    begun = first_mark("live:kraken", "USD", standing(10_000, 10_000, hours=0))
    return replace(begun, equity=Decimal(9_000), day_start_equity=Decimal(9_500), peak_equity=Decimal(12_000))


@pytest.mark.parametrize(
    ("now", "day_start", "peak", "start"),
    [
        pytest.param(standing(8_000, 10_000), 9_500, 12_000, 10_000, id="a loss"),
        pytest.param(standing(13_000, 10_000), 9_500, 13_000, 10_000, id="a new peak"),
        pytest.param(standing(9_100, 10_000, hours=12), 9_000, 12_000, 10_000, id="a new day"),
        pytest.param(standing(9_100, 10_000, hours=-13), 9_500, 12_000, 10_000, id="a clock set back over midnight"),
        pytest.param(standing(4_500, 5_500), 4_750, 6_000, 5_500, id="half taken out"),
        pytest.param(standing(18_000, 19_000), 19_000, 24_000, 19_000, id="as much again paid in"),
        pytest.param(standing(4_000, 5_500), "4470.5882352941", "5647.0588235294", 5_500, id="taken out and lost"),
        pytest.param(standing(4_500, 5_500, hours=12), 4_500, 6_000, 5_500, id="taken out over night"),
        pytest.param(standing(0, 1_000), 0, 0, 1_000, id="all taken out"),
    ],
)
def test_the_marks_after(now: AccountValue, day_start: int | str, peak: int | str, start: int) -> None:
    mark = goes_on(after_a_loss(), now)
    assert (mark.equity, mark.at_ms, mark.own_cash) == (now.equity, now.at_ms, now.own_cash)
    assert mark.day_start_equity == Decimal(day_start)
    assert mark.peak_equity == Decimal(peak)
    assert mark.start_equity == start


def test_what_is_paid_into_an_empty_account_is_where_losses_begin() -> None:
    empty = goes_on(after_a_loss(), standing(0, 1_000))
    mark = goes_on(empty, standing(500, 1_500))
    assert (mark.day_start_equity, mark.peak_equity) == (500, 500)


def test_a_mark_of_before_this_was_kept_is_taken_as_it_is() -> None:
    mark = goes_on(replace(after_a_loss(), own_cash=None), standing(8_000, 123))
    assert (mark.day_start_equity, mark.peak_equity, mark.start_equity) == (9_500, 12_000, 10_000)
    assert mark.own_cash == 123


@given(
    steps=st.lists(st.tuples(st.integers(-300, 300), st.integers(-4_000, 10_000)), min_size=1, max_size=20),
)
def test_drawdown_is_that_of_the_time_weighted_return(steps: list[tuple[int, int]]) -> None:
    """The twin chain-links what trading did between two payments, as if nothing had been paid."""
    equity, own_cash = Decimal(10_000), Decimal(10_000)
    mark, index, highest = first_mark("live:kraken", "USD", standing("10000", "10000", hours=0)), 1.0, 1.0
    for earned_pm, wanted in steps:
        earned = equity * earned_pm / 1_000
        index *= 1 + earned_pm / 1_000
        highest = max(highest, index)
        mark = goes_on(mark, standing(equity + earned, own_cash))
        paid_in = max(Decimal(wanted), -(equity + earned) / 2)
        equity, own_cash = equity + earned + paid_in, own_cash + paid_in
        mark = goes_on(mark, standing(equity, own_cash))
        assert float(mark.equity / mark.peak_equity) == pytest.approx(index / highest, rel=1e-6)
