"""From conditions to a verdict: the pure middle of a cycle, the same live and in a backtest."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.domain.decision import Action, Check, Denied, Opportunity
from autopilot.domain.errors import StrategyError
from autopilot.domain.market import Market, Quote
from autopilot.domain.money import to_decimal
from autopilot.domain.order import Order, OrderType, Purpose, Side
from autopilot.domain.portfolio import Portfolio
from autopilot.domain.selection import Selection
from autopilot.domain.signal import SignalType, StrategySignal
from autopilot.engine.settings import AutopilotSettings
from autopilot.execution.order_type import choose_order_type, exit_purpose
from autopilot.risk.entry import EntryContext
from autopilot.risk.evaluation import evaluate, first_failure
from autopilot.risk.rules import freshness, not_held_back
from autopilot.risk.verdict import Approved, OrderDraft, review_entry, review_exit
from autopilot.strategies.base import Strategy
from autopilot.strategies.registry import position_size


@dataclass(frozen=True, slots=True)
class Moment:
    """When and at what price a decision is made. ``closed_at_ms`` is the decided candle's close, ``now_ms`` market
    time, ``quote`` the latest price seen."""

    decision_id: str
    closed_at_ms: int
    now_ms: int
    quote: Quote


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a signal came to, with every check that was looked at; ``approved`` only where an order follows."""

    action: Action
    checks: tuple[Check, ...] = ()
    denied: Denied | None = None
    approved: Approved | None = None

    @property
    def order(self) -> Order | None:
        return self.approved.order if self.approved else None


def judge(
    signal: StrategySignal,
    selection: Selection,
    strategy: Strategy,
    portfolio: Portfolio,
    market: Market,
    settings: AutopilotSettings,
    moment: Moment,
) -> Judgement:
    """signal → opportunity → approved or denied."""
    if signal.signal_type is SignalType.NONE:
        return Judgement(Action.HOLD)
    trades_today = portfolio.history_of(market.symbol).trades_today
    opportunity = evaluate(signal, selection, settings.evaluation, trades_today)
    if isinstance(opportunity, Denied):
        return Judgement(Action.DENIED, opportunity.checks, opportunity)
    if not opportunity.execute:
        return Judgement(Action.SIGNAL, opportunity.checks)
    if signal.signal_type is SignalType.BUY:
        verdict = _entry(opportunity, strategy, portfolio, market, settings, moment, is_proven=selection.is_proven)
    else:
        verdict = _exit(opportunity, portfolio, market, settings, moment)
    checks = (*opportunity.checks, *verdict.checks)
    if isinstance(verdict, Denied):
        return Judgement(Action.DENIED, checks, verdict)
    return Judgement(Action.ORDER, checks, approved=verdict)


def _entry(
    opportunity: Opportunity,
    strategy: Strategy,
    portfolio: Portfolio,
    market: Market,
    settings: AutopilotSettings,
    moment: Moment,
    *,
    is_proven: bool,
) -> Approved | Denied:
    signal = opportunity.signal
    entry = EntryContext(
        market=market,
        timeframe=settings.timeframe,
        portfolio=portfolio,
        limits=settings.limits,
        last_close=to_decimal(signal.price),
        price=to_decimal(moment.quote.price),
        closed_at_ms=moment.closed_at_ms,
        now_ms=moment.now_ms,
        is_proven=is_proven,
    )
    draft = _draft(Side.BUY, signal, market, settings, moment, is_stop_loss=False)
    try:
        asked = position_size(strategy, signal, portfolio.free)
    except StrategyError as error:
        return Denied("STRATEGY_FAILED", str(error))
    return review_entry(entry, signal, asked, draft)


def _exit(
    opportunity: Opportunity, portfolio: Portfolio, market: Market, settings: AutopilotSettings, moment: Moment
) -> Approved | Denied:
    """A signal of the past sells nothing: what has changed since is for the candles after it to say."""
    age = (moment.now_ms - moment.closed_at_ms) / settings.timeframe.ms
    # Whatever its price, a sale by signal is none that protects what is held.
    checks = [
        freshness(age, settings.limits.max_candle_age),
        not_held_back(portfolio.restrictions, Purpose.TAKE_PROFIT),
    ]
    refused = first_failure(checks)
    if refused:
        return refused
    signal, position = opportunity.signal, portfolio.position(market.symbol)
    price = to_decimal(moment.quote.price)
    purpose = exit_purpose(price, position.entry_price) if position else Purpose.TAKE_PROFIT
    pending = next((o for o in portfolio.open_orders if o.symbol == market.symbol and o.is_working_exit), None)
    if pending:
        return Denied(
            "EXIT_PENDING", f"the {pending.type} sell order of {pending.quantity} {market.base} is still open"
        )
    return review_exit(
        market,
        position,
        account=portfolio.account,
        purpose=purpose,
        price=price,
        draft=_draft(Side.SELL, signal, market, settings, moment, is_stop_loss=purpose is Purpose.STOP_LOSS),
        at_ms=moment.closed_at_ms,
        now_ms=moment.now_ms,
    )


def _draft(
    side: Side,
    signal: StrategySignal,
    market: Market,
    settings: AutopilotSettings,
    moment: Moment,
    *,
    is_stop_loss: bool,
) -> OrderDraft:
    kind, limit = choose_order_type(
        side,
        signal.strength,
        to_decimal(moment.quote.price),
        is_stop_loss=is_stop_loss,
        market=market,
        settings=settings.orders,
    )
    life_ms = settings.orders.limit_life_candles * settings.timeframe.ms
    return OrderDraft(
        type=kind,
        limit=limit,
        expires_at_ms=moment.now_ms + life_ms if kind is OrderType.LIMIT else None,
        strategy=signal.strategy,
        reason=signal.reason,
        decision_id=moment.decision_id,
    )
