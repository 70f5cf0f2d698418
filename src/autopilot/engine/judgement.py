"""From a signal to a verdict: the pure middle of a cycle, the same live and in a backtest."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.domain.conditions import MarketConditions
from autopilot.domain.decision import Action, CandleBasis, Check, Decision, Denied, Opportunity, Provenance
from autopilot.domain.errors import StrategyError
from autopilot.domain.order import Order, Purpose, Side
from autopilot.domain.selection import Selection
from autopilot.domain.signal import SignalType, StrategySignal
from autopilot.engine.settings import AutopilotSettings
from autopilot.execution.order_type import OrderSettings, choose_order_type, exit_purpose
from autopilot.ports.market_data import CandleSource
from autopilot.risk.decision_context import DecisionContext
from autopilot.risk.evaluation import evaluate, first_failure
from autopilot.risk.rules import freshness, not_held_back
from autopilot.risk.verdict import Approved, OrderDraft, review_entry, review_exit
from autopilot.strategies.base import Strategy
from autopilot.strategies.registry import Evaluation, position_size


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of a signal, with every check that was made. ``approved`` is None unless an order follows."""

    action: Action
    checks: tuple[Check, ...] = ()
    denied: Denied | None = None
    approved: Approved | None = None

    @property
    def order(self) -> Order | None:
        return self.approved.order if self.approved else None

    def decision(
        self,
        source: CandleSource,
        conditions: MarketConditions,
        evaluation: Evaluation,
        selection: Selection,
        signal: StrategySignal,
        basis: CandleBasis,
        context: DecisionContext,
        provenance: Provenance,
    ) -> Decision:
        """The decision with everything that led to it. ``source``: the market that was decided on."""
        return Decision(
            id=context.decision_id,
            account=context.portfolio.account,
            exchange=source.name,
            market=source.kind,
            symbol=conditions.symbol,
            timeframe=conditions.timeframe,
            candle_at_ms=conditions.candle_at_ms,
            decided_at_ms=context.now_ms,
            conditions=conditions,
            selection=selection,
            signal=signal,
            signals=evaluation.fired,
            strategy_errors=evaluation.errors,
            basis=basis,
            action=self.action,
            checks=self.checks,
            denied=self.denied,
            order=self.order,
            provenance=provenance,
        )


def judge(
    signal: StrategySignal,
    selection: Selection,
    strategy: Strategy,
    settings: AutopilotSettings,
    context: DecisionContext,
) -> Judgement:
    """signal → opportunity → approved or denied."""
    if signal.signal_type is SignalType.NONE:
        return Judgement(Action.HOLD)
    opportunity = evaluate(signal, selection, settings.evaluation, context.history.trades_today)
    if isinstance(opportunity, Denied):
        return Judgement(Action.DENIED, opportunity.checks, opportunity)
    if not opportunity.execute:
        return Judgement(Action.SIGNAL, opportunity.checks)
    if signal.signal_type is SignalType.BUY:
        verdict = _entry(opportunity, strategy, settings.orders, context)
    else:
        verdict = _exit(opportunity, settings.orders, context)
    checks = (*opportunity.checks, *verdict.checks)
    if isinstance(verdict, Denied):
        return Judgement(Action.DENIED, checks, verdict)
    return Judgement(Action.ORDER, checks, approved=verdict)


def _entry(
    opportunity: Opportunity, strategy: Strategy, orders: OrderSettings, context: DecisionContext
) -> Approved | Denied:
    signal = opportunity.signal
    draft = _draft(Side.BUY, signal, orders, context, is_stop_loss=False)
    try:
        wanted = position_size(strategy, signal, context.portfolio.free)
    except StrategyError as error:
        return Denied("STRATEGY_FAILED", str(error))
    return review_entry(context, signal, wanted, draft)


def _exit(opportunity: Opportunity, orders: OrderSettings, context: DecisionContext) -> Approved | Denied:
    """A signal of an old candle sells nothing: the candles after it decide on what has changed since."""
    market, portfolio = context.market, context.portfolio
    # Whatever its price, a sale by signal does not protect the position as a stop does.
    checks = [
        freshness(context.candles_since(context.closed_at_ms), context.limits.max_candle_age),
        not_held_back(portfolio.restrictions, Purpose.TAKE_PROFIT),
    ]
    refused = first_failure(checks)
    if refused:
        return refused
    position = portfolio.position(market.symbol)
    purpose = exit_purpose(context.price, position.entry_price) if position else Purpose.TAKE_PROFIT
    pending = next((o for o in portfolio.open_orders if o.symbol == market.symbol and o.is_working_exit), None)
    if pending:
        return Denied(
            "EXIT_PENDING", f"the {pending.type} sell order of {pending.quantity} {market.base} is still open"
        )
    earlier = portfolio.refused_exit
    if earlier and not earlier.is_stop:
        return Denied("EXIT_REFUSED", f"{earlier.words}; Autopilot tries the earlier exit again")
    return review_exit(
        market,
        position,
        account=portfolio.account,
        purpose=purpose,
        price=context.price,
        draft=_draft(Side.SELL, opportunity.signal, orders, context, is_stop_loss=purpose is Purpose.STOP_LOSS),
        at_ms=context.closed_at_ms,
        now_ms=context.now_ms,
    )


def _draft(
    side: Side, signal: StrategySignal, orders: OrderSettings, context: DecisionContext, *, is_stop_loss: bool
) -> OrderDraft:
    kind, limit = choose_order_type(
        side, signal.strength, context.price, is_stop_loss=is_stop_loss, market=context.market, settings=orders
    )
    return OrderDraft(
        type=kind,
        limit=limit,
        expires_at_ms=orders.end_of_life(kind, context.now_ms, context.timeframe.ms),
        strategy=signal.strategy,
        reason=signal.reason,
        decision_id=context.decision_id,
    )
