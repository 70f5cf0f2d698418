"""The document of ``status``, as types; `document_types` says how to read them. Standard library only."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from autopilot.domain.card_types import LoadedModelDocument
from autopilot.domain.document_types import (
    AnalysisDocument,
    BriefDecisionDocument,
    ErrorBodyDocument,
    ModeName,
    OrderDocument,
    PositionDocument,
    ReasonDocument,
    SelectedDocument,
    SeriesDocument,
)

LevelName = Literal["error", "warning", "info"]


class DaemonDocument(TypedDict):
    """The daemon of a status; all but ``running`` and ``data_dir`` are null when it does not run. ``name`` comes from
    a running daemon only."""

    name: NotRequired[str]
    running: bool
    version: str | None
    pid: int | None
    started_at_ms: int | None
    data_dir: str


class RestrictionDocument(ReasonDocument):
    """A `Restriction`."""

    mode: ModeName
    since_ms: int
    hint: str


class AccountModeDocument(TypedDict):
    """The trading mode of an account, and the restrictions that cause it."""

    account: str
    mode: ModeName
    restrictions: list[RestrictionDocument]


class AccountDocument(TypedDict):
    """An account in one currency. ``market`` is null before its first decision; ``own_cash`` before it was counted."""

    account: str
    currency: str
    at_ms: int
    free: str
    equity: str
    day_start_equity: str
    peak_equity: str
    start_equity: str
    own_cash: str | None
    market: str | None
    open_positions: int
    exchange: str
    paper: bool


class CandleRangeDocument(TypedDict):
    """How many candles there are, and the open times of the first and the last."""

    candles: int
    first_at_ms: int | None
    last_at_ms: int | None


class RefusedExitDocument(TypedDict):
    """A `RefusedExit`: the exchange's own ``words`` of the last refusal, and when the next attempt is due while the
    symbol runs."""

    is_stop: bool
    reason: str
    words: str
    since_ms: int
    attempts: int
    next_at_ms: int
    hint: str


class StreamDocument(TypedDict):
    """The streams of a symbol. ``detail``: the last trouble, in words, or empty."""

    state: str
    since_ms: int
    detail: str


class SymbolDocument(SeriesDocument):
    """One symbol of a status. ``left_out``: why the daemon could not resume it; ``model``: the champion of its
    candles; ``refused_exit``: null unless the exchange refuses to sell its position."""

    interval: float
    paper_trading: bool
    auto_execute: bool
    state: str
    message: str | None
    hint: str | None
    running: bool
    price: float | None
    last_analysis: AnalysisDocument | None
    selected_strategy: SelectedDocument | None
    trades_today: int
    ohlcv_data: CandleRangeDocument
    strategy_instances: list[str]
    last_decision: BriefDecisionDocument | None
    position: PositionDocument | None
    refused_exit: RefusedExitDocument | None
    open_orders: list[OrderDocument]
    cycles: int
    decisions: int
    errors: int
    last_cycle_at_ms: int | None
    next_cycle_at_ms: int | None
    next_close_cycle_at_ms: NotRequired[int | None]
    stream: NotRequired[StreamDocument | None]
    last_error: str | None
    differences: list[str]
    left_out: ErrorBodyDocument | None
    model: LoadedModelDocument | None


class ArmingDocument(TypedDict):
    """The arming of an account, and the ``invested`` part of its ``limit``."""

    currency: str
    max_value: str
    limit: str
    invested: str
    unproven: bool
    armed_at_ms: int
    expires_at_ms: int


class RealMoneyDocument(TypedDict):
    """An account that is armed, or on which a symbol runs with real money."""

    account: str
    exchange: str
    armed: bool
    arming: ArmingDocument | None
    symbols: list[str]
    unarmed_symbols: list[str]


class ProblemDocument(ReasonDocument):
    """One problem of a status. ``hint``: the remedy."""

    level: LevelName
    subject: str
    since_ms: int | None
    hint: str


class DatabaseDocument(TypedDict):
    """The size of the database. ``reusable_bytes``: the part of ``bytes`` that later rows take. The growth is null
    until it was measured for a day; ``days_until_full`` is null also if there is no growth. ``locked_at_ms``: since
    when another program keeps the daemon from writing, null if it does not."""

    bytes: int
    reusable_bytes: int
    disk_free_bytes: int
    growth_bytes_per_day: int | None
    days_until_full: float | None
    locked_at_ms: int | None


class StatusDocument(TypedDict):
    """``status``: of all symbols, or of one. ``model``: the champion of the first running symbol's candles, or the
    first champion if none runs; ``models``: all champions; ``health``: the problems, the most important first;
    ``database`` is missing in that of an older daemon."""

    daemon: DaemonDocument
    model: LoadedModelDocument | None
    models: list[LoadedModelDocument]
    modes: list[AccountModeDocument]
    accounts: list[AccountDocument]
    symbols: list[SymbolDocument]
    real_money: list[RealMoneyDocument]
    database: NotRequired[DatabaseDocument]
    health: list[ProblemDocument]
