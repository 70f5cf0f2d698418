"""Queries without a daemon: the books of one that ran, and exit code 3."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from bases import WHOLE
from orders import an_order

from autopilot.adapters.store.autopilots import AutopilotEntry, SqliteAutopilots
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.domain.conditions import FeatureRow, MarketConditions, Regime
from autopilot.domain.decision import Action, Decision, decision_id
from autopilot.domain.market import MarketKind
from autopilot.domain.order import Fill, Order, OrderStatus, Side
from autopilot.domain.selection import DecidedBy, GroupScore, Selection, StrategyScore
from autopilot.domain.signal import SignalType, StrategyGroup, StrategySignal
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.ports.ledger import EquityMark

AT = 1_714_568_400_000
ACCOUNT = "paper:simulated"
GROUP = StrategyGroup.MOMENTUM


def conditions() -> MarketConditions:
    return MarketConditions(
        symbol="BTC/USD",
        timeframe=Timeframe.H1,
        candle_at_ms=AT,
        price=100.0,
        regime=Regime.VOLATILE,
        regime_strength=0.8,
        candles_in_regime=3,
        adx=22.0,
        rsi=61.0,
        atr=2.0,
        volatility=0.01,
        volatility_ratio=1.6,
        volume_ratio=3.0,
        external_signals=False,
        features=FeatureRow(("one",), np.array([1.0])),
    )


def bought(identity: str) -> tuple[Decision, Order]:
    signal = StrategySignal("BTC/USD", SignalType.BUY, 0.9, 0.9, 100.0, 98.0, 104.0, "momentum", GROUP, "it runs")
    order = an_order(
        "first",
        account=ACCOUNT,
        quantity=Decimal("1.5"),
        created_at_ms=AT + HOUR_MS,
        strategy="momentum",
        reason="it runs",
        decision_id=identity,
        stop=Decimal(98),
        target=Decimal(104),
    )
    decision = Decision(
        id=identity,
        account=ACCOUNT,
        exchange="simulated",
        market=MarketKind.SIMULATED,
        symbol="BTC/USD",
        timeframe=Timeframe.H1,
        candle_at_ms=AT,
        decided_at_ms=AT + HOUR_MS,
        conditions=conditions(),
        selection=Selection(
            DecidedBy.RULES,
            GROUP,
            "momentum",
            0.9,
            0.9,
            (GroupScore(GROUP, 0.9, "volume spikes"),),
            (StrategyScore("momentum", GROUP, 0.8, 1.0, 0.0, 0.9),),
        ),
        signal=signal,
        signals={"momentum": signal},
        strategy_errors={},
        basis=WHOLE,
        action=Action.ORDER,
        checks=(),
        order=order,
    )
    return decision, order


@pytest.fixture
def decided(data_dir: Path) -> str:
    """A data directory in which one order was filled; the decision's id."""
    identity = decision_id(ACCOUNT, "BTC/USD", Timeframe.H1, AT)
    decision, order = bought(identity)
    database = open_database(data_dir / "autopilot.db")
    SqliteAutopilots(database).save_autopilot(
        AutopilotEntry(
            symbol="BTC/USD",
            exchange="simulated",
            market=MarketKind.SIMULATED,
            account=ACCOUNT,
            timeframe=Timeframe.H1,
            interval_s=60.0,
            paper_trading=True,
            auto_execute=True,
            running=True,
            started_at_ms=AT,
        )
    )
    ledger = SqliteLedger(database)
    ten_thousand = Decimal(10_000)
    ledger.record_decision(
        decision,
        EquityMark(
            account=ACCOUNT,
            currency="USD",
            at_ms=AT,
            free=ten_thousand,
            equity=ten_thousand,
            day_start_equity=ten_thousand,
            peak_equity=ten_thousand,
            start_equity=ten_thousand,
        ),
    )
    fill = Fill("f1", "first", ACCOUNT, "BTC/USD", Side.BUY, Decimal("1.5"), Decimal(101), Decimal(1), "USD", False, AT)
    filled = order.to(OrderStatus.SUBMITTED, AT).to(OrderStatus.FILLED, AT, filled=Decimal("1.5"))
    ledger.apply_fills(filled, [fill])
    database.close()
    return identity


NOTICE = "error: the daemon is not running; this is the last known state\ntry: autopilot start\n"


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        (["status"], "not running"),
        (["status"], "10,000.00 USD"),
        (["status", "btc-usd"], "volatile"),
        (["decisions", "--action", "order"], "momentum"),
        (["signals", "--symbol", "BTC/USD"], "buy"),
        (["orders", "--limit", "1"], "filled"),
        (["positions"], "1.5"),
        (["explain"], "BUY 1.5 BTC/USD at the market"),
        (["explain", "BTC/USD"], "volume spikes"),
    ],
)
def test_the_last_known_state_is_shown_and_said_to_be_that(autopilot, decided, arguments, seen) -> None:
    done = autopilot(*arguments)
    assert (done.code, done.err) == (3, NOTICE)
    assert "SIMULATED MARKET" in done.out
    assert seen in done.out


def test_json_is_the_last_known_document(autopilot, decided) -> None:
    status = autopilot("status", "--json")
    assert status.code == 3
    assert status.document["daemon"]["running"] is False
    assert status.document["symbols"][0]["position"]["quantity"] == "1.5"
    assert autopilot("decisions", "--json").document["decisions"][0]["id"] == decided
    assert autopilot("orders", "--open", "--json").document == {"orders": []}
    assert autopilot("trades", "--json").document == {"trades": []}
    assert autopilot("explain", decided[:6], "--json").document["order"]["client_order_id"] == "first"


def test_a_check_fails_while_a_position_is_held_and_not_monitored(autopilot, decided) -> None:
    done = autopilot("status", "--check", "--json")
    assert done.code == 1
    (problem,) = done.document["health"]
    assert (problem["code"], problem["level"], problem["subject"]) == ("POSITION_UNMONITORED", "error", "BTC/USD")
    assert autopilot("status", "--check", "btc-usd").code == 1
    assert autopilot("status", "--check", "--watch").code == 2


def test_filters_hold_without_a_daemon_too(autopilot, decided) -> None:
    assert autopilot("decisions", "--action", "hold", "--json").document == {"decisions": []}
    assert autopilot("signals", "--symbol", "ETH/USD", "--json").document == {"signals": []}


def test_a_symbol_that_never_ran(autopilot, decided) -> None:
    done = autopilot("status", "ETH/USD")
    assert done.code == 3
    assert "the daemon is not running, and ETH/USD was never started" in done.err


def test_a_decision_that_does_not_exist(autopilot, decided) -> None:
    done = autopilot("explain", "ffff")
    assert (done.code, done.out) == (1, "")
    assert "autopilot decisions" in done.err


def test_following_needs_a_daemon(autopilot, decided) -> None:
    assert autopilot("signals", "--follow").code == 3


@pytest.mark.parametrize("name", ["status", "orders"])
def test_a_database_that_is_none_of_ours(autopilot, data_dir, name) -> None:
    (data_dir / "autopilot.db").write_text("this is no database, and long enough to be looked at" * 20)
    done = autopilot(name)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err
