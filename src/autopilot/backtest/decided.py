"""The symbols of a backtest, and the decision on each of their signals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autopilot.analysis.regime import LEAST_CANDLES
from autopilot.backtest.choices import RULES, BacktestChoices, speaking
from autopilot.backtest.recorded_moments import RecordedMoments
from autopilot.domain.candles import Candles, Int8Array, IntArray
from autopilot.domain.decision import Action, Denied, decision_id
from autopilot.domain.market import Market
from autopilot.domain.money import ZERO
from autopilot.domain.selection import DecidedBy, GroupScore, ModelOpinion, Selection
from autopilot.domain.signal import STRATEGY_GROUPS, StrategySignal
from autopilot.engine.judgement import Judgement
from autopilot.engine.settings import AutopilotSettings
from autopilot.performance.account_record import SymbolCloses
from autopilot.risk.evaluation import evaluate
from autopilot.risk.preflight import position_check
from autopilot.training.data.series import SymbolSeries

if TYPE_CHECKING:
    from autopilot.backtest.models import DecidingModel


@dataclass(frozen=True, slots=True, eq=False)
class BacktestSymbol:
    """A symbol of a backtest: its market, its series, and the choice at each decided candle. ``detail``: finer candles,
    which show the order of events within a candle of the series. ``moments``: those of a recorded account that is
    repeated."""

    market: Market
    settings: AutopilotSettings
    series: SymbolSeries
    choices: BacktestChoices
    detail: Candles | None = None
    moments: RecordedMoments = field(default_factory=RecordedMoments)

    def signal(self, index: int) -> StrategySignal:
        """The signal of the chosen strategy at a decided candle where it has one."""
        return self.series.signal(int(self.choices.strategy[index - self.choices.first]), index)


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """The decision on one signal: a short form of the daemon's `Decision`. ``regime``: "" where the series is too short
    to tell, because the decision was made with candles of another exchange."""

    id: str
    symbol: str
    candle_at_ms: int
    regime: str
    group: str
    strategy: str
    decided_by: str
    model: str | None
    confidence: float
    edge_bps: float | None
    signal_type: str
    price: float
    action: str
    denied_code: str | None
    order_id: str | None


def symbol_closes(traded: Sequence[BacktestSymbol]) -> list[SymbolCloses]:
    """The candles of each symbol, and where its decisions begin."""
    return [SymbolCloses(each.market.symbol, each.series.candles, each.choices.first) for each in traded]


def sure_and_unsure(traded: BacktestSymbol) -> tuple[IntArray, Int8Array, IntArray]:
    """int64 indices of the candles whose signal reaches the required confidence, and int8 its side; and int64 indices
    of those whose signal does not. The latter are denied in any case."""
    choices, settings = traded.choices, traded.settings.evaluation
    spoken, side = speaking(traded.series, choices)
    at = spoken - choices.first
    sure = choices.group_confidence[at] * choices.strategy_confidence[at] >= settings.min_confidence_threshold
    return spoken[sure], side[sure], spoken[~sure]


def selection_at(traded: BacktestSymbol, index: int, models: Sequence[DecidingModel]) -> Selection:
    """The choice at candle ``index``: who made it, and its confidence."""
    choices, at = traded.choices, index - traded.choices.first
    group, number = STRATEGY_GROUPS[int(choices.group[at])], int(choices.model[at])
    model = None if number == RULES else models[number]
    confidence, edge = float(choices.group_confidence[at]), float(choices.edge_bps[at])
    return Selection(
        decided_by=DecidedBy.RULES if model is None else DecidedBy.MODEL,
        group=group,
        strategy=traded.series.strategies.names[int(choices.strategy[at])],
        group_confidence=confidence,
        strategy_confidence=float(choices.strategy_confidence[at]),
        groups=(GroupScore(group, confidence, "", None if model is None else edge),),
        strategies=(),
        model=None
        if model is None
        else ModelOpinion(model.id, model.state, model.trained_on, {}, float(choices.novelty[at]), model.novelty_limit),
    )


def decided(
    account: str, traded: BacktestSymbol, index: int, selection: Selection, signal: StrategySignal, judgement: Judgement
) -> DecisionRow:
    """The decision on the signal at candle ``index``."""
    series = traded.series
    open_at_ms = int(series.candles.open_at_ms[index])
    return DecisionRow(
        id=decision_id(account, series.symbol, series.candles.timeframe, open_at_ms),
        symbol=series.symbol,
        candle_at_ms=open_at_ms,
        regime=series.regime(index).value if index >= LEAST_CANDLES - 1 else "",
        group=selection.group.value,
        strategy=selection.strategy,
        decided_by=selection.decided_by.value,
        model=selection.model.model_id if selection.model else None,
        confidence=round(selection.confidence, 6),
        edge_bps=selection.edge_bps,
        signal_type=signal.signal_type.value,
        price=signal.price,
        action=judgement.action.value,
        denied_code=judgement.denied.code if judgement.action is Action.DENIED and judgement.denied else None,
        order_id=judgement.order.client_order_id if judgement.order else None,
    )


def decisions_of(
    account: str,
    traded: Sequence[BacktestSymbol],
    models: Sequence[DecidingModel],
    judged: Sequence[DecisionRow],
    unsure: Sequence[IntArray],
    missing: Sequence[IntArray],
) -> tuple[DecisionRow, ...]:
    """The decision on every signal, in order of time."""
    denied = [
        _denied(account, each, index, models, reason)
        for reason, every in ((_unsure, unsure), (_nothing_to_sell, missing))
        for each, indices in zip(traded, every, strict=True)
        for index in indices.tolist()
    ]
    return tuple(sorted((*judged, *denied), key=lambda each: (each.candle_at_ms, each.symbol)))


def _denied(
    account: str,
    traded: BacktestSymbol,
    index: int,
    models: Sequence[DecidingModel],
    reason: Callable[[BacktestSymbol, StrategySignal, Selection], Denied],
) -> DecisionRow:
    signal, selection = traded.signal(index), selection_at(traded, index, models)
    judgement = Judgement(Action.DENIED, denied=reason(traded, signal, selection))
    return decided(account, traded, index, selection, signal, judgement)


def _unsure(traded: BacktestSymbol, signal: StrategySignal, selection: Selection) -> Denied:
    opportunity = evaluate(signal, selection, traded.settings.evaluation, 0)
    assert isinstance(opportunity, Denied), "it is not sure enough"
    return opportunity


def _nothing_to_sell(traded: BacktestSymbol, _signal: StrategySignal, _selection: Selection) -> Denied:
    check = position_check(traded.market, None, ZERO)
    return Denied(check.code, check.detail, (check,))
