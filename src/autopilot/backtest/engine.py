"""The whole autopilot over history: the daemon's own trader, order desk, paper exchange and accounting.

Those are the candles at which the chosen strategy gives a signal or the price touches a stop or target, and every
candle of a symbol with an open order. Symbols follow each other in the order of (close, symbol), as in a replay, and
share one account.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, bisect_right
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from autopilot.backtest.books import MemoryBooks, MemoryPaper
from autopilot.backtest.decided import (
    BacktestSymbol,
    DecisionRow,
    decided,
    selection_at,
    sure_and_unsure,
    symbol_closes,
)
from autopilot.backtest.marks import RANKS, Held, rolled_forward
from autopilot.backtest.stages import BacktestStage
from autopilot.domain.candles import Candle, Candles, FloatArray, IntArray
from autopilot.domain.market import Quote
from autopilot.domain.portfolio import Position
from autopilot.domain.progress import Progress
from autopilot.engine.account import TradingAccount
from autopilot.engine.trader import Trader
from autopilot.execution.order_desk import OrderDesk
from autopilot.execution.paper import PaperBroker
from autopilot.execution.paper_settings import PaperSettings
from autopilot.execution.restrictions import Restrictions
from autopilot.performance.account_record import AccountRecord, Holdings, decided_closes
from autopilot.ports.clock import Clock
from autopilot.ports.observer import EventSink
from autopilot.strategies.registry import StrategySet

if TYPE_CHECKING:
    from autopilot.backtest.models import DecidingModel

PRICE_TOLERANCE = 1e-9
FIRST_LOOKAHEAD = 64
"""The number of candles searched first for a touch; it doubles each time."""
REPORT_EVERY = 500
"""The number of candles with an event between two reports of progress."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The account after each candle that changed it: ``at_ms`` int64[k], the close; ``cash`` float64[k] in quote
    currency, ``quantities`` float64[symbols, k]."""

    at_ms: IntArray
    cash: FloatArray
    quantities: FloatArray

    def holdings_at(self, at_ms: IntArray) -> Holdings:
        """The account after the orders at each of these closes."""
        step = np.maximum(np.searchsorted(self.at_ms, at_ms, side="right") - 1, 0)
        return Holdings(self.cash[step], self.quantities[:, step])


@dataclass(frozen=True, slots=True, eq=False)
class BacktestResult:
    """The result of a backtest. ``judged``: the decisions on signals that were confident enough. ``unsure``: for
    each symbol the candles of the other signals, ascending; ``missing``: those of signals to sell that were confident
    enough while nothing was held or ordered. ``candles``: the number of candles decided; ``looked_into``: how many of
    them were settled by finer candles."""

    books: MemoryBooks
    judged: tuple[DecisionRow, ...]
    unsure: tuple[IntArray, ...]
    missing: tuple[IntArray, ...]
    steps: Steps
    candles: int
    looked_into: int

    def record(self, traded: Sequence[BacktestSymbol], start_equity: Decimal) -> AccountRecord:
        """The account at the close of every decided candle of any symbol, after the orders at that close."""
        closes = symbol_closes(traded)
        at_ms = decided_closes(closes)
        return AccountRecord.of(
            traded[0].market.quote,
            start_equity,
            closes,
            at_ms,
            self.steps.holdings_at(at_ms),
            self.books.fills,
            self.books.round_trips,
            {each.id: (each.group, each.regime) for each in self.judged},
        )


def simulate(
    account: str,
    traded: Sequence[BacktestSymbol],
    strategies: StrategySet,
    paper: PaperSettings,
    progress: Progress,
    *,
    models: Sequence[DecidingModel] = (),
    stage: BacktestStage = BacktestStage.TRADING,
    detail: str = "",
) -> tuple[BacktestResult, AccountRecord]:
    """Run a `Backtest` to its end. Raises whatever ``progress`` raises."""
    result = _completed(Backtest(account, traded, strategies, paper, models).run(progress, stage, detail))
    return result, result.record(traded, paper.balance)


def _completed(steps: Coroutine[Any, Any, BacktestResult]) -> BacktestResult:
    """The result of a coroutine that never waits, as books in memory and a paper exchange allow. There is no event
    loop: Ctrl-C ends it at once, where asyncio would wait for a step that waits, and would write out the result."""
    try:
        steps.send(None)
    except StopIteration as done:
        result: BacktestResult = done.value
        return result
    raise AssertionError("nothing in a backtest waits")


class Backtest:
    """``traded``: at least one symbol, all of one quote currency, sorted by name. ``models``: the models that
    `Choices` refers to by number. Run it once."""

    def __init__(
        self,
        account: str,
        traded: Sequence[BacktestSymbol],
        strategies: StrategySet,
        paper: PaperSettings,
        models: Sequence[DecidingModel] = (),
    ) -> None:
        self._traded = traded
        self._models = models
        self._clock = _Clock()
        self._store = MemoryPaper()
        self._books = MemoryBooks()
        broker = PaperBroker(account, paper, self._store, self._clock)
        self._account = TradingAccount(account, broker, self._books, Restrictions())
        desk = OrderDesk(account, broker, self._books, self._clock, _Silence(), Restrictions())
        self._traders = [Trader(each.settings, self._account, desk, broker, strategies, self._clock) for each in traded]
        self._keys = [each.moments.of(each.series.candles) * RANKS + rank for rank, each in enumerate(traded)]
        self._ranks = {each.market.symbol: rank for rank, each in enumerate(traded)}
        self._reached = 0
        self._decided = [-1] * len(traded)
        """The last candle decided of each symbol."""
        self._looked_into = 0
        signals = [sure_and_unsure(each) for each in traded]
        self._sure = [at.tolist() for at, _, _ in signals]
        self._sides = [side for _, side, _ in signals]
        self._unsure = tuple(unsure for _, _, unsure in signals)
        self._missing: list[list[int]] = [[] for _ in traded]
        self._judged: list[DecisionRow] = []
        self._steps: list[tuple[int, float, tuple[float, ...]]] = []

    async def run(
        self, progress: Progress, stage: BacktestStage = BacktestStage.TRADING, detail: str = ""
    ) -> BacktestResult:
        """Run to the last candle. Raises StoreError; the paper exchange raises nothing else."""
        total, done = sum(len(each.choices) for each in self._traded), 0
        # The first candle opens the account, with or without a signal.
        firsts = [each.choices.first for each in self._traded]
        due = [(int(keys[first]), first) for keys, first in zip(self._keys, firsts, strict=True)]
        due += self._triggers()
        heapq.heapify(due)
        while due:
            key, index = heapq.heappop(due)
            self._clock.at_ms, rank = divmod(key, RANKS)
            if index < 0:
                following = await self._watch(key, self._traded[rank].moments.triggers[index])
            elif index > self._decided[rank]:
                self._catch_up(key)
                await self._decide(rank, index)
                self._decided[rank] = index
                following = self._next(rank, index)
            else:
                continue
            if following is not None:
                heapq.heappush(due, (int(self._keys[rank][following]), following))
            done += 1
            if done % REPORT_EVERY == 0:
                progress(stage, self._passed(), total, detail)
        progress(stage, total, total, detail)
        return BacktestResult(
            self._books,
            tuple(self._judged),
            self._unsure,
            tuple(np.array(missing, dtype=np.int64) for missing in self._missing),
            self._recorded(),
            total,
            self._looked_into,
        )

    def _triggers(self) -> Iterator[tuple[int, int]]:
        """The key of each recorded price between two closes, and its index from the end."""
        for rank, each in enumerate(self._traded):
            triggers = each.moments.triggers
            for index, quote in enumerate(triggers, -len(triggers)):
                yield quote.at_ms * RANKS + rank, index

    async def _watch(self, key: int, quote: Quote) -> int | None:
        """Apply a price between two closes, unless the account is not open yet. Returns the candle that follows it, if
        any."""
        rank = key % RANKS
        if self._decided[rank] < 0:
            return None
        self._catch_up(key)
        fills = len(self._books.fills)
        await self._traders[rank].watch(self._traded[rank].market, quote)
        if len(self._books.fills) > fills:
            self._record_step()
        following = int(np.searchsorted(self._keys[rank], key))
        return following if following < len(self._keys[rank]) else None

    async def _decide(self, rank: int, index: int) -> None:
        traded, trader = self._traded[rank], self._traders[rank]
        sure = self._sure[rank]
        number = bisect_left(sure, index)
        is_sure = number < len(sure) and sure[number] == index
        if is_sure and self._sides[rank][number] < 0 and self._is_idle(traded):
            self._missing[rank].append(index)
            return
        market = traded.market
        fills = len(self._books.fills)
        await self._settle(traded, trader, traded.series.candles.candle(index))
        if is_sure:
            signal = traded.signal(index)
            selection = selection_at(traded, index, self._models)
            at_ms = int(traded.series.candles.open_at_ms[index])
            price = traded.moments.prices.get(at_ms, signal.price)
            context, mark = await trader.context(signal, market, at_ms, price, proven_on=selection.proven_on)
            judgement = trader.judge(signal, selection, context)
            self._books.keep(mark, judgement.order)
            self._judged.append(decided(self._account.name, traded, index, selection, signal, judgement))
            self._account.keep(mark)
            await trader.act(judgement, market)
        else:
            settings = traded.settings
            _, mark = await self._account.portfolio(market, self._clock.at_ms, settings.limits, settings.timeframe)
            self._books.keep(mark, None)
            self._account.keep(mark)
        if len(self._books.fills) > fills or not self._steps:
            self._record_step()

    async def _settle(self, traded: BacktestSymbol, trader: Trader, candle: Candle) -> None:
        """Settle the candle, by its finer candles if there is something to settle and they are complete."""
        market, now_ms = traded.market, self._clock.at_ms
        closed_at_ms = candle.open_at_ms + traded.series.candles.timeframe.ms
        engaged = self._books.open_orders(self._account.name, market.symbol) or self._account.position(market.symbol)
        finer = _within(traded.detail, candle, closed_at_ms) if traded.detail is not None and engaged else None
        if finer is None:
            await trader.settle(market, traded.series.candles.timeframe, candle)
            return
        for index in range(len(finer)):
            one = finer.candle(index)
            self._clock.at_ms = one.open_at_ms + finer.timeframe.ms
            await trader.settle(market, finer.timeframe, one)
        self._clock.at_ms = now_ms
        self._account.see_price(market.symbol, candle.close)
        self._looked_into += 1

    def _is_idle(self, traded: BacktestSymbol) -> bool:
        """Whether the account is open, and nothing is held or ordered. Then a candle changes nothing, and a signal to
        sell is denied."""
        account, books = self._account.name, self._books
        executes = traded.settings.evaluation.auto_execute
        return bool(self._steps) and executes and not books.positions(account) and not books.open_orders(account)

    def _next(self, rank: int, index: int) -> int | None:
        """The next candle of this symbol at which something can happen; None at the end."""
        traded = self._traded[rank]
        length, symbol = len(traded.series.candles), traded.market.symbol
        held = self._account.position(symbol)
        # Where losses close positions, every candle of one that is held may be its last.
        watched = held is not None and traded.settings.limits.may_close_positions
        if watched or self._books.open_orders(self._account.name, symbol):
            return index + 1 if index + 1 < length else None
        speaks = self._sure[rank]
        at = bisect_right(speaks, index)
        following = speaks[at] if at < len(speaks) else length
        if held:
            following = _first_touch(traded.series.candles, held, index + 1, following)
        return following if following < length else None

    def _catch_up(self, key: int) -> None:
        """Roll the equity mark forward over the candles since the last moment, at which nothing was traded."""
        positions = self._books.positions(self._account.name)
        after, self._reached = self._reached, key
        if not positions:
            return
        market = self._traded[0].market
        mark = self._books.equity_mark(self._account.name, market.quote)
        assert mark is not None, "a position was decided, and a decision leaves a mark"
        still = [self._still(held) for held in positions]
        mark = rolled_forward(mark, self._store.balances[market.quote], still, after, key)
        self._books.keep(mark, None)
        self._account.keep(mark)
        for held, each in zip(positions, still, strict=True):
            index = int(np.searchsorted(each.keys, key)) - 1
            if index >= 0 and each.keys[index] > after:
                self._account.see_price(held.symbol, float(each.closes[index]))

    def _still(self, held: Position) -> Held:
        rank = self._ranks[held.symbol]
        return Held(self._keys[rank], self._traded[rank].series.candles.close, held.quantity)

    def _record_step(self) -> None:
        held = {each.symbol: float(each.quantity) for each in self._books.positions(self._account.name)}
        cash = float(self._store.balances[self._traded[0].market.quote])
        quantities = tuple(held.get(each.market.symbol, 0.0) for each in self._traded)
        self._steps.append((self._clock.at_ms, cash, quantities))

    def _recorded(self) -> Steps:
        at_ms, cash, quantities = zip(*self._steps, strict=True)
        return Steps(np.array(at_ms, dtype=np.int64), np.array(cash), np.array(quantities).T)

    def _passed(self) -> int:
        """The number of candles decided or passed over so far."""
        return sum(
            int(np.searchsorted(each.series.candles.open_at_ms, self._clock.at_ms)) - each.choices.first
            for each in self._traded
        )


@dataclass(slots=True)
class _Clock(Clock):
    """Market time: when the candle is decided, which is its close, except where a recorded account is repeated."""

    at_ms: int = 0

    def now_ms(self) -> int:
        return self.at_ms


class _Silence(EventSink):
    """Nobody listens to a backtest."""

    def publish(self, kind: str, subject: object, **more: object) -> None:
        """Drop the event."""


def _within(detail: Candles, candle: Candle, closed_at_ms: int) -> Candles | None:
    """The finer candles of ``candle``; None if they miss its high or low, because some are missing then."""
    begin, end = np.searchsorted(detail.open_at_ms, (candle.open_at_ms, closed_at_ms)).tolist()
    if begin == end:
        return None
    whole = detail.low[begin:end].min() <= candle.low * (1.0 + PRICE_TOLERANCE)
    return (
        detail[begin:end] if whole and detail.high[begin:end].max() >= candle.high * (1.0 - PRICE_TOLERANCE) else None
    )


def _first_touch(candles: Candles, held: Position, begin: int, end: int) -> int:
    """The first candle in [begin, end) that may touch the position's stop or target, else ``end``. It compares with
    a small tolerance; the exit rule itself decides."""
    stop = -math.inf if held.stop is None else float(held.stop) * (1.0 + PRICE_TOLERANCE)
    target = math.inf if held.target is None else float(held.target) * (1.0 - PRICE_TOLERANCE)
    width = FIRST_LOOKAHEAD
    while begin < end:
        until = min(begin + width, end)
        touched = (candles.low[begin:until] <= stop) | (candles.high[begin:until] >= target)
        if touched.any():
            return begin + int(touched.argmax())
        begin, width = until, 2 * width
    return end
