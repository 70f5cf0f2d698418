"""How far long work is: a bar on a terminal, a line for each stage elsewhere."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.app.backtest.data import Period
from autopilot.app.backtest.request import BacktestRequest, WalkForward
from autopilot.cli.forecast import backtest_forecast
from autopilot.cli.render.progress import Forecast, progress_view
from autopilot.cli.render.remaining import Cost
from autopilot.domain.timeframe import DAY_MS, Timeframe


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")


def test_elsewhere_each_stage_is_a_line() -> None:
    target = io.StringIO()
    with progress_view(target) as progress:
        progress("", 0, 0)
        progress("candles", 0, 2)
        progress("candles", 1, 2, "BTC/USD")
        progress("folds", 0, 9)
    assert target.getvalue() == "candles\nfolds\n"


def test_short_work_says_nothing_elsewhere() -> None:
    target = io.StringIO()
    with progress_view(target, is_short=True) as progress:
        progress("import", 0, 2)
    assert target.getvalue() == ""


def test_a_terminal_shows_a_bar_with_its_detail() -> None:
    target = Terminal()
    with progress_view(target) as progress:
        progress("folds", 8, 16, "[m]2024\x1b[2J")
        shown = target.getvalue()
    assert all(part in shown for part in ("folds", "8/16", "━"))
    assert "[m]2024" in shown, "brackets are no markup"
    assert "\x1b[2J" not in shown, "a name does not steer the terminal"


def test_nothing_is_shown_before_the_first_stage() -> None:
    target = Terminal()
    with progress_view(target) as progress:
        progress("", 0, 0)
    assert "0/0" not in target.getvalue()


def test_a_terminal_shows_the_remaining_time_and_what_would_make_it_shorter() -> None:
    target, now = Terminal(), [0.0]
    forecast = Forecast({"loading": Cost(1.0), "trying": Cost(9.0)}, ("fewer --tries", "fewer symbols"))
    with progress_view(target, forecast, clock=lambda: now[0]) as progress:
        progress("loading", 0, 4)
        now[0] = 1.0
        progress("loading", 1, 4, "BTC/USD")
        early = target.getvalue()
        now[0] = 12.0
        progress("trying", 0, 30)
        now[0] = 60.0
        progress("trying", 10, 30)
    assert "about 40 s left" in early
    assert "shorter with: fewer --tries, fewer symbols" in early
    assert "about 2 min left" in target.getvalue()


def test_short_work_gets_no_advice() -> None:
    target, now = Terminal(), [0.0]
    with progress_view(target, Forecast({}, ("fewer symbols",)), clock=lambda: now[0]) as progress:
        progress("folds", 0, 4)
        now[0] = 1.0
        progress("folds", 1, 4)
    assert "about 5 s left" in target.getvalue()
    assert "shorter" not in target.getvalue()


def test_work_that_cannot_be_estimated_yet_says_so_and_how_to_shorten_it() -> None:
    target, now = Terminal(), [0.0]
    with progress_view(target, Forecast({}, ("fewer --days",)), clock=lambda: now[0]) as progress:
        progress("candles", 0, 1)
        early = target.getvalue()
        now[0] = 4.0
        progress("candles", 0, 1)
    assert "estimating" not in early
    assert "estimating" in target.getvalue()
    assert "shorter with: fewer --days" in target.getvalue()


@pytest.mark.parametrize("is_short", [True, False])
def test_elsewhere_long_work_says_once_how_long_it_takes(is_short: bool) -> None:
    target, now = io.StringIO(), [0.0]
    with progress_view(target, Forecast({}, ("fewer files",)), is_short=is_short, clock=lambda: now[0]) as progress:
        for done in range(8):
            progress("import", done, 8)
            now[0] += 4.0
    stages = "" if is_short else "import\n"
    assert target.getvalue() == f"{stages}about 30 s left; shorter with: fewer files\n"


def test_elsewhere_short_work_does_not() -> None:
    target, now = io.StringIO(), [0.0]
    with progress_view(target, is_short=True, clock=lambda: now[0]) as progress:
        for done in range(8):
            progress("import", done, 8)
            now[0] += 1.0
    assert target.getvalue() == ""


def test_many_steps_are_a_percentage() -> None:
    target = Terminal()
    with progress_view(target) as progress:
        progress("trading", 123_456, 2_905_742)
        assert "4 %" in target.getvalue()


PERIODS = st.sampled_from([Period(), Period(days=90), Period(from_ms=0, to_ms=400 * DAY_MS)])


@given(
    symbols=st.integers(1, 3),
    period=PERIODS,
    walks=st.booleans(),
    compares=st.booleans(),
)
def test_the_advice_suits_the_request(symbols: int, period: Period, walks: bool, compares: bool) -> None:
    request = BacktestRequest(
        exchange="there",
        symbols=("BTC/USD", "ETH/USD", "SOL/USD")[:symbols],
        timeframe=Timeframe.H1,
        period=period,
        model=WalkForward() if walks else None,
        compare=compares,
    )
    advice = ", ".join(backtest_forecast(request, 14).shorter)
    assert ("--no-model" in advice) == walks
    assert ("--no-compare" in advice) == compares
    assert ("fewer symbols" in advice) == (symbols > 1)
    assert ("fewer --days" in advice) == (period.days is not None)
    assert ("a shorter period (--days)" in advice) == (period == Period())
