"""The lines of a running demo."""

from __future__ import annotations

import pytest

from autopilot.cli.render.demo import decision_line, fill_line
from autopilot.cli.render.layout import plain

DECISION = {
    "candle_at_ms": 1_704_092_400_000,
    "decided_at_ms": 1_704_096_000_000,
    "signal_type": "buy",
    "symbol": "ETH/USD",
    "strategy": "macd",
    "action": "order",
    "confidence": 0.9,
    "denied_code": None,
}
FILL = {
    "at_ms": 1_704_099_600_000,
    "side": "buy",
    "quantity": "0.3461",
    "symbol": "ETH/USD",
    "price": "5777.11",
    "purpose": "entry",
    "strategy": "macd",
}


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [({}, "order, confidence 0.90"), ({"action": "denied", "denied_code": "POSITION_OPEN"}, "POSITION_OPEN")],
)
def test_a_decision_stands_at_the_time_it_was_made(changed, outcome) -> None:
    (shown,) = plain((decision_line(DECISION | changed),))
    assert shown == f"2024-01-01 08:00Z  decided buy   ETH/USD by macd: {outcome}"


def test_a_fill_stands_under_its_decision() -> None:
    (decided,), (filled,) = plain((decision_line(DECISION),)), plain((fill_line(FILL),))
    assert filled == "2024-01-01 09:00Z  filled  buy   0.3461 ETH/USD at 5,777.11  entry, macd"
    assert decided.index("buy") == filled.index("buy")
