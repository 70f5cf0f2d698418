"""An account of 10,000 USD that may buy BTC at 100 USD, and what it is asked to judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from orders import an_order

from autopilot.domain.market import Market
from autopilot.domain.order import Order, OrderType
from autopilot.domain.portfolio import Portfolio, Position
from autopilot.domain.signal import SignalType, StrategyGroup, StrategySignal
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.risk.decision_context import DecisionContext
from autopilot.risk.limits import RiskLimits
from autopilot.risk.verdict import OrderDraft

NOW_MS = 1_714_521_600_000
ACCOUNT = "paper:test"


@pytest.fixture
def market() -> Market:
    return Market("BTC/USD", "BTC", "USD", *map(Decimal, ("0.0001", "0.01", "0.001", "5", "0.001", "0.002")))


@pytest.fixture
def portfolio() -> Portfolio:
    ten_thousand = Decimal(10_000)
    return Portfolio(
        account=ACCOUNT,
        currency="USD",
        free=ten_thousand,
        equity=ten_thousand,
        day_start_equity=ten_thousand,
        peak_equity=ten_thousand,
        exposure=Decimal(0),
        positions={},
    )


@pytest.fixture
def make_entry(market: Market, portfolio: Portfolio) -> Callable[..., DecisionContext]:
    """Changes of the portfolio and of the limits by name, of the context itself as a mapping."""

    def make(
        *, limits: dict[str, Any] | None = None, context: dict[str, Any] | None = None, **changes: Any
    ) -> DecisionContext:
        entry = DecisionContext(
            market=market,
            timeframe=Timeframe.H1,
            portfolio=replace(portfolio, **changes),
            limits=RiskLimits(**(limits or {})),
            last_close=Decimal(100),
            price=Decimal(100),
            closed_at_ms=NOW_MS,
            now_ms=NOW_MS,
        )
        return replace(entry, **(context or {}))

    return make


@pytest.fixture
def make_position() -> Callable[..., Position]:
    def make(symbol: str = "BTC/USD", quantity: str = "1") -> Position:
        return Position(
            account=ACCOUNT,
            symbol=symbol,
            quantity=Decimal(quantity),
            entry_price=Decimal(100),
            cost=Decimal(100),
            fees=Decimal(0),
            realized=Decimal(0),
            stop=Decimal(95),
            target=Decimal(110),
            strategy="macd",
            decision_id=None,
            opened_at_ms=NOW_MS - HOUR_MS,
            entry_quantity=Decimal(quantity),
            entry_value=Decimal(100),
            exit_value=Decimal(0),
        )

    return make


@pytest.fixture
def make_order() -> Callable[..., Order]:
    def make(symbol: str = "BTC/USD", **changes: Any) -> Order:
        order = an_order(
            f"entry of {symbol}",
            account=ACCOUNT,
            symbol=symbol,
            type=OrderType.LIMIT,
            price=Decimal("99.9"),
            created_at_ms=NOW_MS,
            expires_at_ms=NOW_MS + HOUR_MS,
        )
        return replace(order, **changes)

    return make


@pytest.fixture
def make_signal() -> Callable[..., StrategySignal]:
    def make(**changes: Any) -> StrategySignal:
        signal = StrategySignal(
            "BTC/USD", SignalType.BUY, 0.5, 0.9, 100.0, 95.0, 110.0, "macd", StrategyGroup.TREND_FOLLOWING, "it crossed"
        )
        return replace(signal, **changes)

    return make


@pytest.fixture
def draft() -> OrderDraft:
    return OrderDraft(
        type=OrderType.MARKET, limit=None, expires_at_ms=None, strategy="macd", reason="it crossed", decision_id="d1"
    )
