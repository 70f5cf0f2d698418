"""A process that keeps books until it is killed: ``little_writer.py DATABASE``.

Round trip after round trip, a decision with its order, its fills in two parts, the exit. It says the number of each
step on standard output when the step is committed, and goes on where the books end.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import numpy as np

from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.domain.conditions import FeatureRow, MarketConditions, Regime
from autopilot.domain.decision import Action, CandleBasis, Decision, decision_id
from autopilot.domain.market import MarketKind
from autopilot.domain.order import Fill, Order, OrderStatus, OrderType, Purpose, Side
from autopilot.domain.selection import DecidedBy, Selection
from autopilot.domain.signal import SignalType, StrategyGroup, StrategySignal
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.ports.ledger import EquityMark

ACCOUNT, SYMBOL, GROUP = "paper:simulated", "BTC/USD", StrategyGroup.MOMENTUM
START_MS = 1_714_521_600_000


def order(number: int, side: Side, status: OrderStatus = OrderStatus.NEW, filled: str = "0") -> Order:
    return Order(
        client_order_id=f"{side} {number}",
        account=ACCOUNT,
        symbol=SYMBOL,
        side=side,
        type=OrderType.MARKET,
        purpose=Purpose.ENTRY if side is Side.BUY else Purpose.STOP_LOSS,
        quantity=Decimal("1.5"),
        price=None,
        reference_price=Decimal(100),
        created_at_ms=START_MS + number * HOUR_MS,
        expires_at_ms=None,
        strategy="momentum",
        reason="it rose",
        status=status,
        filled=Decimal(filled),
    )


def fill(of: Order, part: int, quantity: str) -> Fill:
    return Fill(
        fill_id=f"{of.client_order_id}:{part}",
        client_order_id=of.client_order_id,
        account=ACCOUNT,
        symbol=SYMBOL,
        side=of.side,
        quantity=Decimal(quantity),
        price=Decimal(100),
        fee=Decimal("0.1"),
        fee_currency="USD",
        is_maker=False,
        at_ms=of.created_at_ms + part,
    )


def decision(number: int, intent: Order) -> Decision:
    at_ms = START_MS + number * HOUR_MS
    signal = StrategySignal(SYMBOL, SignalType.BUY, 0.5, 0.75, 100.0, 98.0, 104.0, "momentum", GROUP, "it rose")
    conditions = MarketConditions(
        symbol=SYMBOL,
        timeframe=Timeframe.H1,
        candle_at_ms=at_ms,
        price=100.0,
        regime=Regime.VOLATILE,
        regime_strength=0.5,
        candles_in_regime=1,
        adx=20.0,
        rsi=50.0,
        atr=1.0,
        volatility=0.01,
        volatility_ratio=1.0,
        volume_ratio=1.0,
        external_signals=False,
        features=FeatureRow(("one",), np.ones(1)),
    )
    return Decision(
        id=decision_id(ACCOUNT, SYMBOL, Timeframe.H1, at_ms),
        account=ACCOUNT,
        exchange="simulated",
        market=MarketKind.SIMULATED,
        symbol=SYMBOL,
        timeframe=Timeframe.H1,
        candle_at_ms=at_ms,
        decided_at_ms=at_ms + HOUR_MS,
        conditions=conditions,
        selection=Selection(DecidedBy.RULES, GROUP, "momentum", 0.8, 0.8, (), ()),
        signal=signal,
        signals={"momentum": signal},
        strategy_errors={},
        basis=CandleBasis(1_000, 0, None, ()),
        action=Action.ORDER,
        checks=(),
        order=intent,
    )


def main(path: Path) -> None:
    ledger = SqliteLedger(open_database(path))
    last = ledger.last_decided_at_ms(ACCOUNT, SYMBOL, Timeframe.H1)
    first = 0 if last is None else (last - START_MS) // HOUR_MS
    for number in range(first, 1_000_000):
        intent = order(number, Side.BUY)
        mark = EquityMark(ACCOUNT, "USD", START_MS + number, *[Decimal(number)] * 5)
        ledger.record_decision(decision(number, intent), mark)
        bought, sold = (order(number, side, OrderStatus.FILLED, "1.5") for side in (Side.BUY, Side.SELL))
        ledger.apply_fills(order(number, Side.BUY, OrderStatus.PARTIALLY_FILLED, "0.5"), [fill(bought, 0, "0.5")])
        ledger.apply_fills(bought, [fill(bought, 0, "0.5"), fill(bought, 1, "1.0")])
        ledger.apply_fills(sold, [fill(sold, 5, "1.5")])
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
