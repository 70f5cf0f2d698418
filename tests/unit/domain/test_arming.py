from __future__ import annotations

from decimal import Decimal

import pytest

from autopilot.domain.arming import NO_ALLOWANCE, Arming, parse_span, phrase
from autopilot.domain.errors import ConfigError
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS

ARMED = Arming("live:kraken", "USD", Decimal(500), True, 1_000, 2_000, "uid 1000 pid 7")


@pytest.mark.parametrize(
    ("currency", "net", "now_ms", "value"),
    [
        ("USD", "0", 1_000, "500"),
        ("USD", "0", 1_999, "500"),
        ("USD", "0", 999, "0"),
        ("USD", "0", 2_000, "0"),
        ("EUR", "0", 1_500, "0"),
        ("USD", "-120.5", 1_500, "379.5"),
        ("USD", "-500", 1_500, "0"),
        ("USD", "-700", 1_500, "0"),
        ("USD", "300", 1_500, "500"),
    ],
)
def test_what_may_be_invested(currency: str, net: str, now_ms: int, value: str) -> None:
    leave = ARMED.allowance(currency, Decimal(net), now_ms)
    assert leave.value == Decimal(value)
    assert leave == NO_ALLOWANCE or leave.unproven


@pytest.mark.parametrize(
    ("text", "span_ms"), [("30m", 30 * MINUTE_MS), ("12h", 12 * HOUR_MS), (" 7D", 7 * DAY_MS), ("2w", 14 * DAY_MS)]
)
def test_a_length_of_time(text: str, span_ms: int) -> None:
    assert parse_span(text) == span_ms


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "1.5d", "7 days", "91d", "9999999d", "7d7d", "\u0667d"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_span(text)
    assert refused.value.hint


def test_the_phrase_names_what_is_at_risk() -> None:
    assert phrase("kraken", Decimal("5E+2"), "USD") == "LIVE kraken 500 USD"
    assert phrase("kraken", Decimal(500), "USD", unproven=True) == "LIVE kraken 500 USD UNPROVEN"
