"""The small charts and the tables, against figures worked out by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest

from autopilot.performance.account_record import ClosedTrade
from autopilot.report.content import ReportContent, ReportTable
from autopilot.report.drawings import BINS, DOTS, Confidence, strategies_svg
from autopilot.report.tables import LISTED_TRADES, bars_html, table_html, trades_html
from autopilot.report.wording import digits_of, plain_number, signed

Period = Callable[..., ReportContent]
Trade = Callable[..., ClosedTrade]


def test_confidence_is_grouped_by_size_of_the_known_outcomes() -> None:
    said = np.linspace(0.9, 0.1, 33)
    came = np.where(said > 0.5, 20.0, -20.0)
    came[0] = np.nan
    points = Confidence.of(said, came)
    assert points.count.tolist() == [4] * BINS
    assert (np.diff(points.center) > 0).all()
    assert points.mean[0] == -20.0
    assert points.mean[-1] == 20.0
    rows = points.table().rows
    assert rows[-1][1:] == ("4", "+20.0", "± 0.0")


def test_the_interval_is_that_of_the_mean() -> None:
    points = Confidence.of(np.full(2 * BINS, 0.5), np.array([0.0, 10.0] * BINS))
    np.testing.assert_allclose(points.error, 1.96 * np.std([0.0, 10.0], ddof=1) / np.sqrt(2))


@pytest.mark.parametrize("count", [1, 2, DOTS, 10 * DOTS])
def test_dots_lie_within_the_drawing(count: int) -> None:
    rng = np.random.default_rng(2)
    svg = Confidence.of(rng.random(count), rng.standard_t(2, count) * 50).svg()
    places = [(float(x), float(y)) for x, y in re.findall(r'cx="([-\d.]+)" cy="([-\d.]+)"', svg)]
    assert len(places) == min(count, DOTS)
    assert all(0 <= x <= 480 and 0 <= y <= 320 for x, y in places)
    assert "nan" not in svg


def test_strategies_stand_from_best_to_worst(period: Period, trade: Trade) -> None:
    content = period(trades=(trade("bad", "-5", 1, 2), trade("good", "4", 3, 4), trade("bad", "1", 5, 6)))
    cards = strategies_svg(content.accounts[0].record, content.from_ms, content.to_ms)
    assert re.findall(r"<h3>(\w+)</h3>", cards) == ["good", "bad"]
    assert "−4.00 USDT" in cards
    assert "2 trades, 50% won" in cards


def test_one_scale_serves_all_strategies(period: Period, trade: Trade) -> None:
    content = period(candles=10, trades=(trade("up", "10", 0, 5), trade("down", "-10", 0, 5)))
    cards = strategies_svg(content.accounts[0].record, content.from_ms, content.to_ms)
    assert re.findall(r'class="spark" d="([^"]+)"', cards) == ["M0 50.0H100.0V0.0H200", "M0 50.0H100.0V100.0H200"]


def test_columns_of_numbers_stand_to_the_right() -> None:
    html = table_html(ReportTable("T", ("1", "words", "net"), (("2", "a", "+1.5 %"), ("3", "4 b", "–"))))
    assert re.findall(r"<th scope=\"col\"( class=\"number\")?>", html) == ["", "", ' class="number"']


def test_bars_are_sorted_and_share_out_the_sum() -> None:
    html = bars_html("Fees", ("Symbol", "Fees", "Share"), {"A": Decimal(1), "B": Decimal(3), "C": Decimal(0)}, 2)
    assert re.findall(r'scope="row">(\w)', html) == ["B", "A", "C"]
    assert re.findall(r"width:([\d.]+)%", html) == ["100.0", "33.3", "0.0"]
    assert re.findall(r">([\d.]+)%<", html) == ["75.0", "25.0", "0.0"]


def test_rebates_and_nothing_at_all_have_no_bar() -> None:
    html = bars_html("Fees", ("Symbol", "Fees", "Share"), {"A": Decimal(-1), "B": Decimal(0)}, 2)
    assert re.findall(r"width:([\d.]+)%", html) == ["0.0", "0.0"]
    assert "−1.00" in html


def test_only_the_last_round_trips_are_listed(period: Period, trade: Trade) -> None:
    trades = tuple(trade("grid", f"{k}", k, k + 1) for k in range(1, LISTED_TRADES + 11))
    html = trades_html(period(candles=2000, trades=trades))
    assert f"The last 1,000 of {LISTED_TRADES + 10:,} trades" in html
    assert html.count("data-symbol=") == LISTED_TRADES
    assert "+11.00 USDT" in html
    assert "+10.00 USDT" not in html


def test_a_trade_without_a_chart_is_listed_without_a_link(period: Period, trade: Trade) -> None:
    html = trades_html(period(trades=(trade("grid", "1", 1, 2, symbol="DOGE/USDT"),)))
    assert "DOGE/USDT" in html
    assert "<button" not in html


@pytest.mark.parametrize(
    ("amount", "digits"), [("97000", 2), ("97.1", 3), ("0.5", 5), ("0.00001234", 9), ("0", 2), ("-12000", 2)]
)
def test_digits_follow_the_size(amount: str, digits: int) -> None:
    assert digits_of(Decimal(amount)) == digits


def test_numbers_have_a_true_minus_sign() -> None:
    assert plain_number(Decimal("-1234.5"), 2) == "−1,234.50"
    assert signed(2.0, 1) == "+2.0"
