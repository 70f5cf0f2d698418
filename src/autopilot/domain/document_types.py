"""The JSON documents that screens read, as types: orders, positions, trades, decisions. Standard library only.

`status_types` has the status, `card_types` a model's card.

Money and quantities are strings ("0.10"), times integer milliseconds in UTC. A number that is not finite is null.
A key that is `NotRequired` is missing from some documents of that kind; every other key is always there.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Document = dict[str, Any]
"""A JSON object."""

SideName = Literal["buy", "sell"]
SignalName = Literal["buy", "sell", "none"]
ActionName = Literal["hold", "signal", "denied", "order"]
DecidedByName = Literal["rules", "model"]
ModeName = Literal["active", "reducing", "halted"]


class BookedDocument(TypedDict):
    """The part that an order, a position and a trade have in common."""

    account: str
    symbol: str
    quantity: str
    strategy: str
    decision_id: str | None


class OrderDocument(BookedDocument):
    """An `Order`, as ``orders`` lists it."""

    client_order_id: str
    side: SideName
    type: str
    purpose: str
    price: str | None
    reference_price: str
    created_at_ms: int
    expires_at_ms: int | None
    reason: str
    stop: str | None
    target: str | None
    trigger_price: str | None
    status: str
    filled: str
    exchange_order_id: str | None
    updated_at_ms: int
    detail: str


class PositionDocument(BookedDocument):
    """A `Position`, as ``positions`` lists it."""

    entry_price: str
    cost: str
    fees: str
    realized: str
    stop: str | None
    target: str | None
    opened_at_ms: int
    entry_quantity: str
    entry_value: str
    exit_value: str


class TradeDocument(BookedDocument):
    """A `RoundTrip`, as ``trades`` lists it. ``net_pct``: the net result in percent of the price paid."""

    entry_price: str
    exit_price: str
    fees: str
    net: str
    opened_at_ms: int
    closed_at_ms: int
    exit_purpose: str
    written_off: str
    net_pct: float


class ReasonDocument(TypedDict):
    """A ``code`` for programs, and the ``detail`` in words."""

    code: str
    detail: str


class CheckDocument(ReasonDocument):
    """A `Check`."""

    passed: bool
    actual: float | None
    limit: float | None
    unit: str


class DeniedDocument(ReasonDocument):
    """A `Denied`."""

    checks: list[CheckDocument]


class SignalDocument(TypedDict):
    """A `StrategySignal`."""

    symbol: str
    signal_type: SignalName
    strength: float
    confidence: float
    price: float
    stop: float
    target: float
    strategy: str
    group: str
    reason: str


class AnalysisDocument(TypedDict):
    """The part of the last decision's market conditions that a status shows."""

    regime: str
    regime_strength: float
    candles_in_regime: int
    adx: float | None
    rsi: float | None
    atr: float | None
    volatility: float | None
    volume_ratio: float | None


class ConditionsDocument(AnalysisDocument):
    """`MarketConditions`. ``features``: the model's input by name."""

    symbol: str
    timeframe: str
    candle_at_ms: int
    price: float
    volatility_ratio: float | None
    external_signals: bool
    features: dict[str, float | None]


class GroupScoreDocument(TypedDict):
    """A `GroupScore`."""

    group: str
    confidence: float
    reason: str
    expected_edge_bps: float | None


class StrategyScoreDocument(TypedDict):
    """A `StrategyScore`."""

    strategy: str
    group: str
    score: float
    regime_fit: float
    recent_return_bps: float
    confidence: float


class ContributionDocument(TypedDict):
    """A `Contribution`."""

    feature: str
    value: float | None
    effect_bps: float


class ScopeDocument(TypedDict):
    """A `ModelScope`."""

    kind: Literal["real", "simulated"]
    timeframe: str


class OpinionDocument(TypedDict):
    """A `ModelOpinion`. Decisions of early versions do not have ``trained_on``."""

    model_id: str
    state: str
    trained_on: NotRequired[ScopeDocument]
    probabilities: dict[str, float]
    novelty: float
    novelty_limit: float
    contributions: list[ContributionDocument]


class SelectionDocument(TypedDict):
    """A `Selection`. Decisions of early versions have neither ``rule_choice`` nor ``model``."""

    decided_by: DecidedByName
    group: str
    strategy: str
    group_confidence: float
    strategy_confidence: float
    groups: list[GroupScoreDocument]
    strategies: list[StrategyScoreDocument]
    note: str
    rule_choice: NotRequired[str | None]
    model: NotRequired[OpinionDocument | None]


class SelectedDocument(TypedDict):
    """The strategy that the last decision chose."""

    strategy: str
    group: str
    decided_by: DecidedByName
    confidence: float


class SeriesDocument(TypedDict):
    """The candles of one symbol, and the account that trades it."""

    account: str
    exchange: str
    market: str
    symbol: str
    timeframe: str


class DecidedDocument(SeriesDocument):
    """The candle that a decision is about."""

    id: str
    candle_at_ms: int
    decided_at_ms: int


class BasisDocument(TypedDict):
    """A `CandleBasis`."""

    count: int
    joined: int
    joined_from: str | None
    left_out: list[str]


class PassedDocument(ReasonDocument):
    """`PassedCandles`."""

    account: str
    exchange: str
    symbol: str
    timeframe: str
    first_at_ms: int
    last_at_ms: int
    candles: int
    passed_at_ms: int


class OrderStateDocument(TypedDict):
    """An `OrderState`."""

    client_order_id: str
    symbol: str
    side: SideName
    purpose: str
    status: str
    quantity: str
    filled: str


class AccountStateDocument(TypedDict):
    """An `AccountState`."""

    currency: str
    free: str
    equity: str
    day_start_equity: str
    peak_equity: str
    start_equity: str
    own_cash: str | None
    exposure: str
    position: PositionDocument | None
    open_orders: list[OrderStateDocument]


class ProvenanceDocument(TypedDict):
    """A `Provenance`."""

    version: str
    config_hash: str
    window_hash: str
    account: AccountStateDocument


class DecisionDocument(DecidedDocument):
    """A whole `Decision`, as ``explain`` shows it. ``exits``: orders that sold before the next candle without a
    decision; ``passed``: the candles after it that were passed over; ``candles_changed``: whether its candles have
    other numbers now, null if that is not known. The ``decision`` events have none of these. Decisions of early
    versions do not have ``basis`` and ``provenance``."""

    conditions: ConditionsDocument
    selection: SelectionDocument
    signal: SignalDocument
    signals: dict[str, SignalDocument]
    strategy_errors: dict[str, str]
    basis: NotRequired[BasisDocument]
    action: ActionName
    checks: list[CheckDocument]
    denied: DeniedDocument | None
    order: OrderDocument | None
    provenance: NotRequired[ProvenanceDocument | None]
    exits: NotRequired[list[OrderDocument]]
    passed: NotRequired[PassedDocument | None]
    candles_changed: NotRequired[bool | None]


class BriefDecisionDocument(DecidedDocument, SelectedDocument):
    """A decision as ``decisions``, ``signals`` and ``status`` list it."""

    regime: str
    signal_type: SignalName
    price: float
    action: ActionName
    denied_code: str | None
    denied_detail: str | None
    order_id: str | None


class ErrorBodyDocument(TypedDict):
    """An error: ``code`` and ``kind`` for programs, ``message`` and ``hint`` for people."""

    code: str
    kind: str
    message: str
    hint: str
