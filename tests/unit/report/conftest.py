"""A small period whose parts a test replaces at will."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from autopilot.domain.candles import Candles
from autopilot.domain.order import Purpose, Side
from autopilot.domain.portfolio import RoundTrip
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.performance.account_record import AccountRecord, ClosedTrade
from autopilot.report.content import AccountChart, Figure, Mark, ReportContent, ReportTable, SymbolChart

START_MS = 1_700_000_000_000 // HOUR_MS * HOUR_MS


def hourly(length: int, seed: int = 1) -> Candles:
    """A seeded walk."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, length)))
    opens = np.concatenate([[100.0], close[:-1]])[:length]
    high, low = np.maximum(opens, close) * 1.002, np.minimum(opens, close) * 0.998
    at = START_MS + HOUR_MS * np.arange(length, dtype=np.int64)
    return Candles.from_arrays(Timeframe.H1, at, opens, high, low, close, np.ones(length))


def closed(strategy: str, net: str, opened: int, ended: int, symbol: str = "BTC/USDT") -> ClosedTrade:
    """A trade between two candles."""
    trip = RoundTrip(
        account="paper",
        symbol=symbol,
        strategy=strategy,
        decision_id=None,
        quantity=Decimal(1),
        entry_price=Decimal(100),
        exit_price=Decimal(100) + Decimal(net),
        fees=Decimal("0.2"),
        net=Decimal(net),
        opened_at_ms=START_MS + opened * HOUR_MS,
        closed_at_ms=START_MS + ended * HOUR_MS,
        exit_purpose=Purpose.STOP_LOSS,
    )
    return ClosedTrade(trip, "momentum", "trending_up")


@pytest.fixture(scope="session")
def period() -> Callable[..., ReportContent]:
    """``period(candles=…, trades=…, **parts)``."""

    def build(candles: int = 50, trades: tuple[ClosedTrade, ...] = (), **parts: Any) -> ReportContent:
        market = hourly(candles)
        record = AccountRecord(
            currency="USDT",
            start_equity=Decimal(1000),
            from_ms=START_MS,
            step_ms=HOUR_MS,
            at_ms=market.open_at_ms + HOUR_MS,
            equity=1000.0 + np.cumsum(np.sin(np.arange(candles))),
            held=np.zeros(candles),
            trades=trades,
            traded_value=Decimal(0),
        )
        marks = [
            mark
            for trade in trades
            for mark in (
                Mark(trade.round_trip.opened_at_ms, 100.0, Side.BUY, Purpose.ENTRY),
                Mark(trade.round_trip.closed_at_ms, 100.0, Side.SELL, Purpose.STOP_LOSS),
            )
        ]
        account = AccountChart(
            record,
            {"Buy and hold": 10.0 * market.close},
            {"BTC/USDT": record.fees} if record.fees else {},
            {"ema_cross": record.fees} if record.fees else {},
        )
        content = ReportContent(
            title="Backtest",
            mode="backtest, rules only",
            from_ms=START_MS,
            to_ms=START_MS + candles * HOUR_MS,
            banners=(),
            headline=(Figure("Net result", "+1.0 %"),),
            accounts=(account,),
            symbols=(SymbolChart("BTC/USDT", market, np.zeros(candles, dtype=np.int8), tuple(marks)),),
            confidence=np.array([0.2, 0.5, 0.7]),
            outcome_bps=np.array([-10.0, 5.0, np.nan]),
            denials={"CONFIDENCE_TOO_LOW": 7},
            metrics=(ReportTable("Metrics", ("Metric", "Value"), (("Sharpe", "0.4"),)),),
            breakdowns=(),
            notes=(),
        )
        return replace(content, **parts)

    return build


@pytest.fixture(scope="session")
def trade() -> Callable[..., ClosedTrade]:
    return closed
