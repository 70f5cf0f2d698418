"""A decision with everything that one cycle concluded: `autopilot explain` prints it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from autopilot.domain.conditions import MarketConditions
from autopilot.domain.market import MarketKind
from autopilot.domain.order import Order, OrderStatus, Purpose, Side
from autopilot.domain.portfolio import Position
from autopilot.domain.selection import Selection
from autopilot.domain.signal import StrategySignal
from autopilot.domain.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class Check:
    """One condition, checked, with its numbers: ``actual`` against ``limit`` in ``unit``."""

    code: str
    passed: bool
    actual: float
    limit: float
    unit: str
    detail: str


@dataclass(frozen=True, slots=True)
class Opportunity:
    """A signal that passed the evaluation, with its checks.

    ``execute`` is False while auto-execute is off: the signal is shown, nothing is traded.
    """

    signal: StrategySignal
    confidence: float
    execute: bool
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Denied:
    """Denied by Autopilot's own checks. ``code`` is CATEGORY_CONDITION; ``detail`` is a sentence with the numbers."""

    code: str
    detail: str
    checks: tuple[Check, ...] = ()


class Action(StrEnum):
    """The result of a decision."""

    HOLD = "hold"
    """The chosen strategy gives no signal."""
    SIGNAL = "signal"
    """A signal that is shown only: auto-execute is off."""
    DENIED = "denied"
    """A signal that a check denied."""
    ORDER = "order"
    """An order was approved."""


@dataclass(frozen=True, slots=True)
class CandleBasis:
    """The candles that a decision is based on. ``count``: all of them, the decided one included. The first ``joined``
    are those of the exchange ``joined_from``, from before our own begin; None if all are our own. ``left_out``: the
    strategies that need more candles and were not asked."""

    count: int
    joined: int
    joined_from: str | None
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrderState:
    """An order as it was when a decision was made."""

    client_order_id: str
    symbol: str
    side: Side
    purpose: Purpose
    status: OrderStatus
    quantity: Decimal
    filled: Decimal


@dataclass(frozen=True, slots=True)
class AccountState:
    """The account as a decision saw it, in ``currency``. ``free`` to ``own_cash``: the equity mark that was stored with
    the decision. ``exposure``: the value of all positions and of the entries still open. ``position``: in the symbol
    that was decided. ``open_orders``: all of the account."""

    currency: str
    free: Decimal
    equity: Decimal
    day_start_equity: Decimal
    peak_equity: Decimal
    start_equity: Decimal
    own_cash: Decimal | None
    exposure: Decimal
    position: Position | None
    open_orders: tuple[OrderState, ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """The inputs of a decision, and the program: with all of it equal, the decision is too. ``version``: of Autopilot.
    The hashes are the first 16 hexadecimal digits of SHA-256: ``config_hash`` of the configuration in force
    and of the options that the symbol was started with, ``window_hash`` of the candles, each with all its numbers."""

    version: str
    config_hash: str
    window_hash: str
    account: AccountState


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """The decision on one closed candle of one symbol. Each candle is decided once. ``candle_at_ms`` is the candle's
    open time. ``signals`` are the buy and sell signals of all strategies; ``signal`` is the chosen strategy's, of
    any type."""

    id: str
    account: str
    exchange: str
    market: MarketKind
    symbol: str
    timeframe: Timeframe
    candle_at_ms: int
    decided_at_ms: int
    conditions: MarketConditions
    selection: Selection
    signal: StrategySignal
    signals: Mapping[str, StrategySignal]
    strategy_errors: Mapping[str, str]
    basis: CandleBasis
    action: Action
    checks: tuple[Check, ...]
    denied: Denied | None = None
    order: Order | None = None
    provenance: Provenance | None = None


def decision_id(account: str, symbol: str, timeframe: Timeframe, candle_at_ms: int) -> str:
    """Ten hexadecimal digits; the same candle of the same account always has the same id."""
    return hashlib.sha256(f"{account}|{symbol}|{timeframe}|{candle_at_ms}".encode()).hexdigest()[:10]
