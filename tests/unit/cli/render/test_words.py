"""Numbers and times as people read them."""

from __future__ import annotations

import pytest

from autopilot.cli.render import words
from autopilot.cli.render.blocks import Span, Style


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (64250.0, "64,250.00"),
        ("1234567.891", "1,234,567.89"),
        (100, "100.00"),
        (3.14159, "3.1416"),
        (0.000012345678, "0.0000123457"),
        (0.5, "0.5"),
        (0, "0.00"),
        (None, "-"),
    ],
)
def test_price(value, text) -> None:
    assert words.price(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("0.02500000", "0.025"), ("1000.0", "1,000"), ("1000", "1,000"), ("0", "0"), ("0E-8", "0"), (None, "-")],
)
def test_quantity_drops_only_zeros_that_say_nothing(value, text) -> None:
    assert words.quantity(value) == text


@pytest.mark.parametrize(
    ("value", "span"),
    [
        ("12.345", Span("+12.34", Style.GOOD)),
        (-1234.5, Span("-1,234.50", Style.BAD)),
        ("-0.001", Span("0.00")),
        (None, Span("-")),
    ],
)
def test_a_result_is_signed_and_coloured_unless_it_is_nothing(value, span) -> None:
    assert words.result(value) == span


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.9, "59 s"), (3_660, "1 h 1 min"), (93_784, "1 d 2 h"), (86_405, "1 d 5 s")]
)
def test_duration_has_two_units_at_most(seconds, text) -> None:
    assert words.duration(seconds) == text


def test_times_are_utc_and_say_so() -> None:
    assert words.utc(1_714_568_400_000) == "2024-05-01 13:00Z"
    assert words.utc(None) == "-"


def test_counts_and_codes() -> None:
    assert (words.count(1, "trade"), words.count(2000, "trade")) == ("1 trade", "2,000 trades")
    assert (words.spoken("trending_up"), words.spoken(None), words.money("1234.5")) == ("trending up", "-", "1,234.50")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.61499, "", "0.615"), (12.0, "trades", "12 trades"), (64250.5, "USD", "64,250.50 USD")],
)
def test_a_measure_has_its_unit(value, unit, text) -> None:
    assert words.measure(value, unit) == text
