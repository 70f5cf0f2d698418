"""One symbol's trading: prices act on its orders and its position, a signal becomes an order. The same live and in a
backtest."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

from autopilot.domain.candles import Candle
from autopilot.domain.decision import decision_id
from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.market import Market, Quote
from autopilot.domain.model_state import ModelScope
from autopilot.domain.money import to_decimal
from autopilot.domain.order import Order, OrderStatus, Purpose
from autopilot.domain.portfolio import Portfolio
from autopilot.domain.selection import Selection
from autopilot.domain.signal import StrategySignal
from autopilot.domain.timeframe import Timeframe
from autopilot.engine.account import TradingAccount
from autopilot.engine.judgement import Judgement, judge
from autopilot.engine.settings import AutopilotSettings
from autopilot.execution.exit_order import ExitOrder, exit_at_price, exit_in_candle
from autopilot.execution.exits import ExitSettings
from autopilot.execution.order_desk import OrderDesk
from autopilot.ports.clock import Clock
from autopilot.ports.ledger import EquityMark
from autopilot.ports.observer import PriceObserver
from autopilot.risk.decision_context import DecisionContext
from autopilot.risk.losses import why_to_close
from autopilot.strategies.registry import StrategySet


class Trader:
    """``observer`` is None if the broker needs no prices. The caller holds the account's lock. Methods raise
    MarketUnavailable, AnswerLost and StoreError."""

    def __init__(
        self,
        settings: AutopilotSettings,
        account: TradingAccount,
        desk: OrderDesk,
        observer: PriceObserver | None,
        strategies: StrategySet,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._account = account
        self._desk = desk
        self._observer = observer
        self._strategies = strategies
        self._clock = clock
        self._exits = ExitSettings(settings.orders, settings.timeframe.ms)

    async def settle(self, market: Market, timeframe: Timeframe, candle: Candle) -> None:
        """Apply a closed candle of ``timeframe`` to the symbol's orders and position."""
        if self._observer:
            self._observer.on_candle(market, timeframe, candle)
        self._account.see_price(market.symbol, candle.close)
        await self._desk.follow(market)
        held = self._account.position(market.symbol)
        if held:
            await self._exit_if(market, exit_in_candle(held, candle))
        await self._cut_losses(market)
        await self._desk.protect(market, self._exits)

    async def watch(self, market: Market, quote: Quote) -> None:
        """Apply a price between two closes to the symbol's orders and position."""
        with self._because_of(quote):
            if self._observer:
                self._observer.on_price(market, quote.price, quote.at_ms)
            self._account.see_price(market.symbol, quote.price)
            await self._desk.follow(market)
            await self._check(market, quote)
            await self._cut_losses(market)
            await self._desk.protect(market, self._exits)

    async def check_exits(self, market: Market, quote: Quote) -> None:
        """Exit if this price triggers it, even if an open order could not be looked up."""
        with self._because_of(quote):
            await self._check(market, quote)

    async def context(
        self, signal: StrategySignal, market: Market, candle_at_ms: int, price: float, *, proven_on: ModelScope | None
    ) -> tuple[DecisionContext, EquityMark]:
        """The context in which the signal of the candle opened at ``candle_at_ms`` is decided at ``price``, the latest
        one; and the equity mark to store with the decision."""
        timeframe, now_ms = self._settings.timeframe, self._clock.now_ms()
        portfolio, mark = await self._portfolio(market, now_ms)
        context = DecisionContext(
            market=market,
            timeframe=timeframe,
            portfolio=portfolio,
            limits=self._settings.limits,
            last_close=to_decimal(signal.price),
            price=to_decimal(price),
            closed_at_ms=candle_at_ms + timeframe.ms,
            now_ms=now_ms,
            proven_on=proven_on,
            decision_id=decision_id(self._account.name, market.symbol, timeframe, candle_at_ms),
        )
        return context, mark

    def judge(self, signal: StrategySignal, selection: Selection, context: DecisionContext) -> Judgement:
        """The outcome of the signal."""
        return judge(signal, selection, self._strategies[selection.strategy], self._settings, context)

    async def act(self, judgement: Judgement, market: Market) -> None:
        """Send the approved order, if any. It must be stored already."""
        if judgement.approved:
            await self._desk.send(judgement.approved, market)

    def _because_of(self, quote: Quote) -> AbstractContextManager[None]:
        return self._observer.because_of(quote) if self._observer else nullcontext()

    async def _check(self, market: Market, quote: Quote) -> None:
        held = self._account.position(market.symbol)
        if held:
            await self._exit_if(market, exit_at_price(held, to_decimal(quote.price)))

    async def _exit_if(self, market: Market, trigger: ExitOrder | None) -> None:
        """Exit if ``trigger`` is given; then sell what an earlier exit left unfilled."""
        if trigger:
            await self._desk.exit_position(trigger, market, self._exits)
        held, price = self._account.position(market.symbol), self._account.price(market.symbol)
        if held and price is not None:
            await self._desk.finish_exit(held, price, market, self._exits)

    async def _cut_losses(self, market: Market) -> None:
        """Sell the position and cancel its entries if the account lost so much that its positions are closed. Every
        symbol checks for itself, at least once per candle."""
        limits, price = self._settings.limits, self._account.price(market.symbol)
        if price is None or not limits.may_close_positions or not self._desk.has_position_or_order(market):
            return
        now_ms = self._clock.now_ms()
        portfolio, _ = await self._portfolio(market, now_ms)
        why = why_to_close(portfolio, limits, market.symbol, since_ms=now_ms - self._settings.timeframe.ms)
        if why:
            await self._desk.exit_position(ExitOrder(Purpose.PROTECTION, price, why), market, self._exits)

    async def _portfolio(self, market: Market, now_ms: int) -> tuple[Portfolio, EquityMark]:
        return await self._account.portfolio(market, now_ms, self._settings.limits, self._settings.timeframe)


def require_exits_sent(orders: Iterable[Order]) -> None:
    """Raises MarketUnavailable while an exit of ours is not sent yet, or was sent without an answer."""
    waiting = {OrderStatus.NEW: "waits to be sent", OrderStatus.UNKNOWN: "was sent without an answer"}
    for order in orders:
        if order.is_working_exit and order.status in waiting:
            raise MarketUnavailable(
                f"{order.symbol}: a sell order {waiting[order.status]}: {order.detail}",
                hint="the next cycle tries again; autopilot orders shows it",
            )
