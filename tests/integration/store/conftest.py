"""Real SQLite files, and the values that are kept in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bases import WHOLE
from orders import an_order
from ready_database import ready_database

from autopilot.adapters.store.armings import SqliteArmings
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.stored_marks import FIELDS
from autopilot.app.audit_log import audited
from autopilot.domain.conditions import FeatureRow, MarketConditions, Regime
from autopilot.domain.decision import AccountState, Action, Check, Decision, Denied, Provenance, decision_id
from autopilot.domain.market import MarketKind
from autopilot.domain.order import Fill, Order, OrderType
from autopilot.domain.selection import DecidedBy, GroupScore, Selection, StrategyScore
from autopilot.domain.signal import SignalType, StrategyGroup, StrategySignal
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.ports.ledger import EquityMark

ACCOUNT = "paper:simulated"
START_MS = 1_714_521_600_000
GROUP = StrategyGroup.TREND_FOLLOWING


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "autopilot.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = ready_database(path)
    yield opened
    opened.close()


@pytest.fixture
def ledger(database: Database) -> SqliteLedger:
    return SqliteLedger(database)


@pytest.fixture
def armings(path: Path, database: Database) -> Iterator[SqliteArmings]:
    """What is armed there is told to the audit log."""
    with audited(database, path.with_name("audit.head")) as trail:
        yield SqliteArmings(database, trail)


@pytest.fixture
def make_order() -> Callable[..., Order]:
    def make(identity: str, **changes: Any) -> Order:
        order = an_order(
            identity,
            account=ACCOUNT,
            type=OrderType.LIMIT,
            quantity=Decimal("1.50000000"),
            price=Decimal("99.90"),
            created_at_ms=START_MS,
            expires_at_ms=START_MS + 3 * HOUR_MS,
            reason="it crossed – upwards",
            stop=Decimal("97.5"),
            target=Decimal(105),
        )
        return replace(order, **changes)

    return make


@pytest.fixture
def make_fill() -> Callable[..., Fill]:
    def make(order: Order, number: int, quantity: str, price: str, **changes: Any) -> Fill:
        fill = Fill(
            fill_id=f"{order.client_order_id}:{number}",
            client_order_id=order.client_order_id,
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            quantity=Decimal(quantity),
            price=Decimal(price),
            fee=Decimal("0.1"),
            fee_currency="USD",
            is_maker=True,
            at_ms=order.created_at_ms + number,
        )
        return replace(fill, **changes)

    return make


@pytest.fixture
def make_decision() -> Callable[..., Decision]:
    """The ``hour``-th candle's decision: to hold, unless ``changes`` say otherwise."""

    def make(hour: int, symbol: str = "BTC/USD", signal_type: SignalType = SignalType.NONE, **changes: Any) -> Decision:
        at_ms = START_MS + hour * HOUR_MS
        signal = StrategySignal(symbol, signal_type, 0.5, 0.75, 100.0 + hour, 98.0, 104.0, "macd", GROUP, "because")
        decision = Decision(
            id=decision_id(ACCOUNT, symbol, Timeframe.H1, at_ms),
            account=ACCOUNT,
            exchange="simulated",
            market=MarketKind.SIMULATED,
            symbol=symbol,
            timeframe=Timeframe.H1,
            candle_at_ms=at_ms,
            decided_at_ms=at_ms + HOUR_MS,
            conditions=MarketConditions(
                symbol=symbol,
                timeframe=Timeframe.H1,
                candle_at_ms=at_ms,
                price=100.0 + hour,
                regime=Regime.TRENDING_UP,
                regime_strength=0.8,
                candles_in_regime=3,
                adx=31.0,
                rsi=61.0,
                atr=2.0,
                volatility=0.01,
                volatility_ratio=1.6,
                volume_ratio=float("nan"),
                external_signals=False,
                features=FeatureRow(("one", "two"), np.array([1.0, np.nan])),
            ),
            selection=Selection(
                DecidedBy.RULES,
                GROUP,
                "macd",
                0.82,
                0.75,
                (GroupScore(GROUP, 0.82, "ADX 31"),),
                (StrategyScore("macd", GROUP, 0.8, 1.0, 0.0, 0.75),),
            ),
            signal=signal,
            signals={"macd": signal},
            strategy_errors={"grid": "it failed"},
            basis=WHOLE,
            action=Action.HOLD,
            checks=(Check("CONFIDENCE_BELOW_THRESHOLD", False, 0.615, 0.75, "", "too low"),),
        )
        return replace(decision, **changes)

    return make


@pytest.fixture
def denied() -> Denied:
    return Denied("CONFIDENCE_BELOW_THRESHOLD", "confidence 0.62 is below the threshold of 0.75")


@pytest.fixture
def make_mark() -> Callable[..., EquityMark]:
    def make(at_ms: int = START_MS, **changes: Any) -> EquityMark:
        mark = EquityMark(ACCOUNT, "USD", at_ms, *[Decimal("10000.00")] * 5)
        return replace(mark, **changes)

    return make


@pytest.fixture
def make_provenance() -> Callable[[EquityMark], Provenance]:
    """That of a decision on an account that holds nothing, with this mark."""

    def make(mark: EquityMark) -> Provenance:
        values = {name: getattr(mark, name) for name in FIELDS}
        state = AccountState(currency=mark.currency, exposure=Decimal(0), position=None, open_orders=(), **values)
        return Provenance("1.2.3", "0123456789abcdef", "fedcba9876543210", state)

    return make


@pytest.fixture
def contents() -> Callable[[Path], dict[str, list[tuple[Any, ...]]]]:
    """Every row of every table, read without our own code."""
    import sqlite3

    def read(path: Path) -> dict[str, list[tuple[Any, ...]]]:
        connection = sqlite3.connect(path)
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        found = {table: sorted(connection.execute(f"SELECT * FROM {table}"), key=repr) for table in tables}
        connection.close()
        return found

    return read
