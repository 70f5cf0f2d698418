"""The cycle of one symbol: from candles to a decision, an order, and the samples to learn from."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial

from autopilot.domain.candles import Candle
from autopilot.domain.decision import Decision
from autopilot.domain.errors import AutopilotError, ExchangeError, MarketEnded, MarketGone, UnknownSymbol
from autopilot.domain.market import Market, MarketKind
from autopilot.domain.signal import SignalType
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS
from autopilot.domain.trading_mode import WRITE_OFF
from autopilot.engine.account import TradingAccount
from autopilot.engine.account_watch import AccountWatch
from autopilot.engine.events import brief
from autopilot.engine.exit_watch import ExitWatch
from autopilot.engine.kept_decisions import KeptDecisions
from autopilot.engine.market_window import MarketWindow
from autopilot.engine.maturing import Maturing
from autopilot.engine.passing_over import PassingOver
from autopilot.engine.price_watch import PriceWatch
from autopilot.engine.provenance import Program
from autopilot.engine.reading import CandleReader, Reading
from autopilot.engine.settings import AutopilotSettings
from autopilot.engine.state import RunRecord, RunState
from autopilot.engine.trader import Trader, require_exits_sent
from autopilot.execution.order_desk import OrderDesk
from autopilot.performance.performance_tracker import PerformanceTracker
from autopilot.ports.ledger import DecisionLedger
from autopilot.ports.market_data import CandleSource
from autopilot.ports.observer import EventSink, PriceObserver
from autopilot.selection.strategy_selector import StrategySelector
from autopilot.strategies.registry import StrategySet

RECONCILE_EVERY_MS = 6 * HOUR_MS
RECONCILE_AGAIN_MS = 15 * MINUTE_MS
"""While more is booked than is owned."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """Shared by the autopilots of one account. ``observer`` is None if the broker needs no prices. ``catch_up`` is held
    by the one that catches up on its samples, so that they do so one after the other."""

    source: CandleSource
    account: TradingAccount
    desk: OrderDesk
    observer: PriceObserver | None
    ledger: DecisionLedger
    strategies: StrategySet
    selector: StrategySelector
    tracker: PerformanceTracker
    catch_up: asyncio.Lock
    watch: AccountWatch
    events: EventSink
    program: Program


class IntelligentAutopilot:
    """Analyzes one symbol, selects a strategy, and acts on its signal. One instance per symbol.

    `run_cycle` may run at any time and any number of times: each closed candle is decided once.
    """

    def __init__(
        self,
        settings: AutopilotSettings,
        deps: Dependencies,
        window: MarketWindow,
        reader: CandleReader,
    ) -> None:
        self.settings = settings
        self.record = RunRecord()
        self.window = window
        self._deps = deps
        self._source = deps.source
        self._account = deps.account
        self._desk = deps.desk
        self._ledger = deps.ledger
        self._watch = deps.watch
        self._events = deps.events
        self._reader = reader
        self.begun = asyncio.Event()
        """Set once the first cycle has ended, or does work that takes long."""
        self._maturing = Maturing(
            settings.symbol, deps.tracker, deps.strategies, window, reader, deps.catch_up, self.begun
        )
        self._market: Market | None = None
        self._kept = KeptDecisions(deps.account, window, self._last_decided_at_ms)
        self._seen_at_ms = 0
        """Market time of the latest price that orders and positions were held against."""
        self._reconcile_next_ms = 0
        """Market time at which the books are next held against the exchange; 0 at the start and after trouble."""
        self._passing_over = PassingOver(deps.account.name, settings, deps.ledger, deps.source.clock)
        self._trader = Trader(settings, deps.account, deps.desk, deps.observer, deps.strategies, deps.source.clock)
        self._exit_watch = ExitWatch(self._trader, window, deps.account.lock, settings.interval_s)
        self.price_watch = PriceWatch(settings, self._trader, deps.account, deps.ledger, deps.source, window)

    @property
    def symbol(self) -> str:
        return self.settings.symbol

    @property
    def strategy_names(self) -> tuple[str, ...]:
        return self._deps.strategies.names

    async def run_cycle(self) -> bool:
        """Run one cycle. True if another can follow at once. An error ends the cycle, not the autopilot: the state
        shows it, and the next cycle tries again."""
        self.record.cycles += 1
        self.record.last_cycle_at_ms = self._now_ms()
        try:
            with self._way_out():
                more = await self._cycle()
        except MarketEnded as ended:
            self._enter(RunState.FINISHED, ended)
            return False
        except AutopilotError as error:
            self._fail(error)
            return False
        except Exception as error:
            log.exception("%s: the cycle failed", self.symbol)
            self._fail(AutopilotError(f"internal error: {error}", hint="the log has the details; please report this"))
            return False
        else:
            self._enter(RunState.RUNNING)
            return more
        finally:
            self.begun.set()

    def hurry(self, *, stopping: bool) -> None:
        """Whether the symbol is to stop soon: then a cycle does not catch up to the end."""
        self._maturing.is_stopping = stopping

    def end(self) -> None:
        """Stop: no further request goes to the exchange."""
        self.record.state = RunState.STOPPED
        self._watch.answered(self._account.name, self.symbol)

    async def _cycle(self) -> bool:
        market = await self._know_market()
        if self._source.kind is not MarketKind.REAL:
            return await self._trade(market)  # its time waits for us, and all is tried again in the same moment
        try:
            more = await self._trade(market)
        except Exception:
            await self._exit_watch.check(market)
            raise
        require_exits_sent(self._ledger.open_orders(self._account.name, self.symbol))
        return more

    async def _trade(self, market: Market) -> bool:
        """Decide each closed candle once; between two closes watch the price."""
        now_ms = self._now_ms()
        if self._seen_at_ms > now_ms or self._reconcile_next_ms > now_ms + RECONCILE_EVERY_MS:
            # The market's clock was ahead, and would hold everything back until it is there again.
            self._seen_at_ms = self._reconcile_next_ms = 0
        if self._reconcile_next_ms <= now_ms:
            await self._reconcile(market)
        decided_at_ms = self._kept.decided_at_ms()
        more = len(self.window.undecided(decided_at_ms)) > 0 or await self._refresh(market)
        await self._exit_watch.fill_window(market)
        fresh = self.window.undecided(decided_at_ms)
        self._watch.answered(self._account.name, self.symbol)
        fresh = self._passing_over.missed(fresh, decided_at_ms)
        is_long = self._source.kind is MarketKind.REAL and (len(fresh) > 1 or not self.record.decisions)
        async with self._exit_watch.at_each_interval(market) if is_long else nullcontext():
            for index in range(len(fresh)):
                await self._close(market, fresh.candle(index), is_first=decided_at_ms is None)
                await asyncio.sleep(0)  # Others want the loop too, however many candles were missed.
        quote = self.window.quote
        if not len(fresh) and quote and quote.at_ms > self._seen_at_ms:
            async with self._account.lock.for_cycle():
                await self._trader.watch(market, quote)
                # Only now: a price at which an exit could not be stored is looked at again.
                self._seen_at_ms = quote.at_ms
        return more

    async def _close(self, market: Market, candle: Candle, *, is_first: bool) -> None:
        """Settle a closed candle, then analyze and decide it. Exits do not wait for the analysis."""
        async with self._account.lock.for_cycle():
            self._seen_at_ms = candle.open_at_ms + self.settings.timeframe.ms
            await self._trader.settle(market, self.settings.timeframe, candle)
        joined = await self.window.joined(candle.open_at_ms)
        if self._passing_over.too_short(joined.candles, self._deps.strategies):
            return
        reading = await self._reader.read(joined)
        await self._maturing.observe(reading, joined, is_first=is_first)
        async with self._account.lock.for_cycle():
            await self._decide(market, reading)

    async def _reconcile(self, market: Market) -> None:
        """Runs first after a start: a stored order that was not sent yet must be sent before time goes on."""
        async with self._account.lock.for_cycle():
            found = await self._desk.reconcile(market)
        self._watch.compared(self._account.name, found.shortfalls)
        differences = found.words
        for words in set(differences) - set(self.record.differences):
            log.warning("%s: %s", self.symbol, words)
        self.record.differences = differences
        self._reconcile_next_ms = self._now_ms() + (RECONCILE_AGAIN_MS if found.shortfalls else RECONCILE_EVERY_MS)

    async def _refresh(self, market: Market) -> bool:
        try:
            return await self.window.refresh()
        except MarketEnded:
            raise
        except ExchangeError:
            # No news of prices is no reason to leave orders alone: the account may well answer.
            async with self._account.lock.for_cycle():
                await self._desk.follow(market)
            raise

    async def _decide(self, market: Market, reading: Reading) -> None:
        """candles → conditions → samples → selection → signal → opportunity → approved or denied → order."""
        tracker, conditions, evaluation = self._deps.tracker, reading.conditions, reading.evaluation
        recent_bps = tracker.recent_bps(self.symbol)
        strategy_features = partial(tracker.strategy_state, self.symbol, reading.view, evaluation.arrays, reading.index)
        selection = self._deps.selector.select(
            conditions, evaluation.fired, recent_bps, strategy_features, reading.basis
        )
        signal = evaluation.explained(selection.strategy)
        context, mark = await self._trader.context(
            signal, market, reading.open_at_ms, self._price(reading), proven_on=selection.proven_on
        )
        judgement = self._trader.judge(signal, selection, context)
        provenance = self._deps.program.provenance(self._source.name, reading, context.portfolio, mark)
        decision = judgement.decision(
            self._source, conditions, evaluation, selection, signal, reading.basis, context, provenance
        )
        self._kept.require_last()
        if self._ledger.record_decision(decision, mark):
            self._account.keep(mark)
            self._kept.made(decision.candle_at_ms)
            self._announce(decision)
            await self._trader.act(judgement, market)

    def _price(self, reading: Reading) -> float:
        """The latest price known when this candle is decided: its close, unless a newer one was seen."""
        quote = self.window.quote if reading.open_at_ms == self.window.candles.last_at_ms else None
        return quote.price if quote else reading.price

    async def _know_market(self) -> Market:
        """The market's rules. If a real exchange has delisted it, the last known rules serve to sell the position."""
        if self._market is None:
            self._market = await self._source.market(self.symbol)
        elif self._source.kind is MarketKind.REAL:
            with suppress(ExchangeError):
                self._market = await self._source.market(self.symbol)
        return self._market

    @contextmanager
    def _way_out(self) -> Iterator[None]:
        """Says how to go on without the market. Raises MarketGone if something is held or ordered there, else
        UnknownSymbol."""
        try:
            yield
        except UnknownSymbol as error:
            if self._account.position(self.symbol) or self._ledger.open_orders(self._account.name, self.symbol):
                words = f"{self._source.name} no longer has a market {self.symbol}, where a position or order is open"
                raise MarketGone(words, hint=WRITE_OFF) from None
            if self._last_decided_at_ms() is None:
                raise
            hint = f"if it is gone for good: autopilot stop --symbol {self.symbol}; else {error.hint}"
            raise UnknownSymbol(str(error), hint=hint) from None

    def _last_decided_at_ms(self) -> int | None:
        return self._ledger.last_decided_at_ms(self._account.name, self.symbol, self.settings.timeframe)

    def _now_ms(self) -> int:
        return self._source.clock.now_ms()

    def _announce(self, decision: Decision) -> None:
        self.record.decisions += 1
        self.record.last_decision = decision
        body = brief(decision)
        self._events.publish("decision", body)
        if decision.signal.signal_type is not SignalType.NONE:
            self._events.publish("signal", body)

    def _enter(self, state: RunState, why: AutopilotError | None = None) -> None:
        changed = state is not self.record.state
        self.record.state = state
        self.record.message = str(why) if why else ""
        self.record.hint = why.hint if why else ""
        if changed:
            self._events.publish(
                "symbol",
                {
                    "symbol": self.symbol,
                    "state": state.value,
                    "message": self.record.message,
                    "hint": self.record.hint,
                    "market": self._source.kind.value,
                },
            )

    def _fail(self, error: AutopilotError) -> None:
        if str(error) != self.record.last_error or self.record.state is not RunState.RETRYING:
            log.warning("%s: %s", self.symbol, error)
        self.record.errors += 1
        self.record.last_error = str(error)
        self.record.last_error_at_ms = self._now_ms()
        self.record.failure = error
        self._watch.failed(self._account.name, self.symbol, error)
        self._reconcile_next_ms = 0
        self._enter(RunState.RETRYING, error)
