"""The order in which an offline market hands out its candles."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import numpy as np
import pytest

from autopilot.adapters.exchange.offline_markets import session as session_module
from autopilot.adapters.exchange.offline_markets.session import OfflineExchange, Tape
from autopilot.domain.candles import Candles
from autopilot.domain.errors import MarketEnded, MarketUnavailable, UnknownSymbol
from autopilot.domain.market import Market, MarketKind
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS, Timeframe

H1, M30 = Timeframe.H1, Timeframe.M30
T0 = 1_700_006_400_000


class ListTape:
    """Candles at given open times; the first five are history."""

    def __init__(self, timeframe: Timeframe, opens: Iterable[int]) -> None:
        opens = np.array(list(opens), dtype=np.int64)
        prices = 100.0 + np.arange(len(opens))
        self.candles = Candles.from_arrays(timeframe, opens, prices, prices, prices, prices, prices)
        self.start_ms = int(opens[5]) if len(opens) > 5 else int(opens[-1]) + 1

    def next_from(self, open_at_ms: int) -> int | None:
        ahead = self.candles.since(open_at_ms)
        return int(ahead.open_at_ms[0]) if len(ahead) else None

    def load(self, since_ms: int | None, until_ms: int, limit: int) -> Candles:
        found = self.candles.until(until_ms)
        found = found if since_ms is None else found.since(since_ms)
        return found[max(0, len(found) - limit) :]


def hours(*numbers: int) -> list[int]:
    return [T0 + number * HOUR_MS for number in numbers]


class TapeExchange(OfflineExchange):
    name = "tapes"
    kind = MarketKind.REPLAY

    def __init__(self, tapes: dict[str, ListTape], speed: float = 0.0) -> None:
        super().__init__(speed)
        self.tapes = tapes

    async def market(self, symbol: str) -> Market:
        raise NotImplementedError

    def _open_tape(self, symbol: str, timeframe: Timeframe) -> Tape:
        if symbol not in self.tapes:
            raise UnknownSymbol(f"no {symbol}")
        return self.tapes[symbol]


async def decide_all(
    session: OfflineExchange,
    symbol: str,
    timeframe: Timeframe,
    seen: list[tuple[str, int, int]],
    pause_s: float = 0.0,
    stop_after: int | None = None,
) -> None:
    """What a cycle does: fetch, decide, fetch what comes next."""
    since_ms: int | None = None
    while stop_after is None or len(seen) < stop_after:
        try:
            snapshot = await session.fetch(symbol, timeframe, since_ms, 3)
        except MarketEnded:
            return
        if len(snapshot.candles):
            assert since_ms is None or len(snapshot.candles) == 1
            seen.append((symbol, snapshot.candles.last_at_ms, session.clock.now_ms()))
            since_ms = snapshot.candles.last_at_ms + timeframe.ms
            await asyncio.sleep(pause_s)


TAPES = {
    "A": (H1, hours(*range(20))),
    "B": (H1, hours(*(n for n in range(20) if n not in {8, 9, 10, 15}))),
    "C": (M30, [T0 + HOUR_MS * 3 + n * 30 * MINUTE_MS for n in range(20)]),
    "D": (H1, hours(*range(9))),
}


def tapes() -> dict[str, ListTape]:
    return {symbol: ListTape(timeframe, opens) for symbol, (timeframe, opens) in TAPES.items()}


def canonical() -> list[tuple[str, int]]:
    """What the order must be, written down independently: by close time, then name."""
    due = [
        (open_ms + timeframe.ms, symbol, open_ms)
        for symbol, (timeframe, opens) in TAPES.items()
        for open_ms in opens[5:]
    ]
    return [(symbol, open_ms) for _, symbol, open_ms in sorted(due)]


def subscribe_all(session: OfflineExchange, resume: dict[str, int | None] | None = None) -> None:
    for symbol, (timeframe, _) in TAPES.items():
        session.subscribe([symbol], timeframe, (resume or {}).get(symbol))


async def run_all(session: OfflineExchange, seen: list[tuple[str, int, int]], pauses: dict[str, float]) -> None:
    async with asyncio.TaskGroup() as group:
        for symbol, (timeframe, _) in TAPES.items():
            group.create_task(decide_all(session, symbol, timeframe, seen, pauses.get(symbol, 0.0)))


@pytest.mark.parametrize("pauses", [{}, {"A": 0.003}, {"C": 0.002, "D": 0.004}])
async def test_candles_go_out_by_close_time_then_symbol_however_fast_each_cycle_is(pauses: dict[str, float]) -> None:
    session, seen = TapeExchange(tapes()), []
    subscribe_all(session)
    await run_all(session, seen, pauses)
    assert [(symbol, open_ms) for symbol, open_ms, _ in seen] == canonical()


async def test_the_clock_reads_the_close_of_the_candle_that_is_out() -> None:
    session, seen = TapeExchange(tapes()), []
    subscribe_all(session)
    assert session.clock.now_ms() == T0 + 5 * HOUR_MS
    await run_all(session, seen, {})
    assert [now for _, _, now in seen] == [open_ms + TAPES[symbol][0].ms for symbol, open_ms, _ in seen]


async def test_a_restart_goes_on_exactly_where_the_decisions_ended() -> None:
    order = canonical()
    for cut in range(len(order) + 1):
        decided = order[:cut]
        resume: dict[str, int | None] = dict.fromkeys(TAPES)
        for symbol, open_ms in decided:
            resume[symbol] = open_ms + TAPES[symbol][0].ms
        session, seen = TapeExchange(tapes()), []
        subscribe_all(session, resume)
        await run_all(session, seen, {})
        assert [(symbol, open_ms) for symbol, open_ms, _ in seen] == order[cut:]


async def test_the_first_fetch_brings_the_history_that_ends_with_the_candle_to_decide() -> None:
    session = TapeExchange(tapes())
    session.subscribe(["A"], H1, None)
    snapshot = await session.fetch("A", H1, None, 4)
    assert snapshot.candles.open_at_ms.tolist() == hours(2, 3, 4, 5)
    assert snapshot.quote is not None
    assert (snapshot.quote.price, snapshot.quote.at_ms) == (105.0, T0 + 6 * HOUR_MS)
    assert snapshot.more


async def test_asking_again_for_the_same_candle_gives_it_again_and_decides_nothing() -> None:
    session = TapeExchange(tapes())
    session.subscribe(["A", "B"], H1, None)
    for since_ms in (None, T0 + 5 * HOUR_MS, None):
        snapshot = await session.fetch("A", H1, since_ms, 1)
        assert snapshot.candles.open_at_ms.tolist() == hours(5)


async def test_without_a_turn_the_answer_is_empty_and_says_to_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "TURN_S", 0.02)
    session = TapeExchange(tapes())
    session.subscribe(["A", "B"], H1, None)
    await session.fetch("A", H1, None, 1)
    snapshot = await session.fetch("B", H1, None, 1)
    assert len(snapshot.candles) == 0
    assert snapshot.more
    assert snapshot.quote is None


async def test_who_leaves_is_not_waited_for() -> None:
    session = TapeExchange(tapes())
    session.subscribe(["A", "B"], H1, None)
    await session.fetch("A", H1, None, 1)
    waiting = asyncio.create_task(session.fetch("B", H1, None, 1))
    await asyncio.sleep(0)
    session.unsubscribe("A")
    assert len((await waiting).candles) == 1
    with pytest.raises(MarketUnavailable, match="is not subscribed"):
        await session.fetch("A", H1, None, 1)


async def test_who_leaves_while_it_waits_gets_an_empty_answer_at_once() -> None:
    session = TapeExchange(tapes())
    session.subscribe(["A", "B"], H1, None)
    await session.fetch("A", H1, None, 1)
    waiting = asyncio.create_task(session.fetch("B", H1, None, 1))
    await asyncio.sleep(0)
    session.unsubscribe("B")
    snapshot = await waiting
    assert (len(snapshot.candles), snapshot.more) == (0, False)


async def test_an_unknown_symbol_says_so_itself_and_holds_up_nobody() -> None:
    session = TapeExchange(tapes())
    session.subscribe(["A", "NOPE"], H1, None)
    assert len((await session.fetch("A", H1, None, 1)).candles) == 1
    with pytest.raises(UnknownSymbol, match="NOPE"):
        await session.fetch("NOPE", H1, None, 1)


async def test_a_symbol_that_lags_starts_now_and_finds_what_it_missed_in_its_history() -> None:
    session = TapeExchange(tapes())
    session.subscribe(["A"], H1, T0 + 12 * HOUR_MS)
    session.subscribe(["B"], H1, T0 + 6 * HOUR_MS)
    waiting = asyncio.create_task(session.fetch("A", H1, None, 1))
    await asyncio.sleep(0)
    snapshot = await session.fetch("B", H1, None, 10)
    waiting.cancel()
    assert snapshot.candles.last_at_ms == T0 + 11 * HOUR_MS
    assert set(hours(6, 7, 11)) <= set(snapshot.candles.open_at_ms.tolist())


async def test_after_a_restart_time_goes_on_only_when_all_have_asked() -> None:
    session = TapeExchange(tapes())
    session.subscribe(["A", "B"], H1, T0 + 6 * HOUR_MS)
    first = asyncio.create_task(session.fetch("A", H1, None, 1))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not first.done()
    assert session.clock.now_ms() == T0 + 6 * HOUR_MS, "B can still put its orders in order at the time it left them"
    second = asyncio.create_task(session.fetch("B", H1, None, 1))
    assert len((await asyncio.wait_for(first, 0.5)).candles) == 1
    second.cancel()


async def test_a_newcomer_to_a_running_market_starts_with_the_candle_that_closes_now() -> None:
    session = TapeExchange(tapes())
    session.subscribe(["A"], H1, T0 + 12 * HOUR_MS)
    await session.fetch("A", H1, None, 1)
    session.subscribe(["B"], H1, None)
    waiting = asyncio.create_task(session.fetch("B", H1, None, 1))
    await asyncio.sleep(0)
    following = asyncio.create_task(session.fetch("A", H1, T0 + 13 * HOUR_MS, 1))
    assert (await waiting).candles.last_at_ms == T0 + 12 * HOUR_MS
    following.cancel()


async def test_a_paced_market_keeps_its_pace_and_says_when_nothing_is_due() -> None:
    loop = asyncio.get_running_loop()
    session = TapeExchange(tapes(), speed=3600 / 0.05)
    session.subscribe(["A"], H1, None)
    begun = loop.time()
    await decide_all(session, "A", H1, [])
    assert loop.time() - begun >= 14 * 0.05 * 0.99

    slow = TapeExchange(tapes(), speed=1.0)
    slow.subscribe(["A", "B"], H1, None)
    first = await slow.fetch("A", H1, None, 1)
    assert first.more, "asking again at once is how A says that it has decided, for B is waiting"
    await slow.fetch("A", H1, T0 + 5 * HOUR_MS, 1)
    asking = asyncio.create_task(slow.fetch("A", H1, T0 + 6 * HOUR_MS, 1))
    await asyncio.sleep(0)
    await slow.fetch("B", H1, None, 1)
    snapshots = await asyncio.wait_for(asyncio.gather(asking, slow.fetch("B", H1, T0 + 6 * HOUR_MS, 1)), 0.9)
    assert [(len(snapshot.candles), snapshot.more) for snapshot in snapshots] == [(0, False), (0, False)]


async def test_history_takes_no_turn_and_shows_nothing_that_is_not_closed() -> None:
    session = TapeExchange(tapes())
    session.subscribe(["A", "B"], H1, None)
    await session.fetch("A", H1, None, 1)
    assert (await session.history("B", H1, T0 + 99 * HOUR_MS, 2)).open_at_ms.tolist() == hours(4, 5)
    assert (await session.history("A", H1, T0 + 4 * HOUR_MS, 2)).open_at_ms.tolist() == hours(3, 4)
    assert session.clock.now_ms() == T0 + 6 * HOUR_MS
