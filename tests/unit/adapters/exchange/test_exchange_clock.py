"""The time of an exchange, on a machine whose wall clock anybody may set."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import formatdate

import pytest
from fake_clock import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from autopilot.adapters.exchange.exchange_clock import LIFE_MS, ExchangeClock, ExchangeClocks
from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS

START_MS = 1_900_000_000_000


@dataclass
class Machine:
    """``true_ms`` passes for all; the wall clock is ``ahead_ms`` of it. ``reads``: how often the API was asked; its
    answers take ``takes_ms`` each way."""

    true_ms: int = START_MS
    ahead_ms: int = 0
    takes_ms: int = 0
    reads: int = 0
    wall: FakeClock = field(default_factory=FakeClock)
    steady: FakeClock = field(default_factory=lambda: FakeClock(5_000))

    def pass_ms(self, span_ms: int) -> None:
        self.true_ms += span_ms
        self.steady.at_ms += span_ms
        self.set_wall(self.ahead_ms)

    def set_wall(self, ahead_ms: int) -> None:
        self.ahead_ms = ahead_ms
        self.wall.at_ms = self.true_ms + ahead_ms

    async def read(self) -> int:
        """In whole seconds, as Kraken does."""
        self.reads += 1
        self.pass_ms(self.takes_ms)
        stated_ms = self.true_ms // 1000 * 1000
        self.pass_ms(self.takes_ms)
        return stated_ms


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def clock(machine: Machine) -> ExchangeClock:
    return ExchangeClock("kraken", machine.wall, machine.steady)


async def failing() -> int:
    raise MarketUnavailable("no answer")


@pytest.mark.parametrize("ahead_ms", [0, -HOUR_MS, HOUR_MS, 400 * DAY_MS])
async def test_it_is_the_exchanges_and_goes_on_whatever_the_wall_clock_says(
    machine: Machine, clock: ExchangeClock, ahead_ms: int
) -> None:
    machine.set_wall(ahead_ms)
    assert clock.now_ms() == machine.true_ms + ahead_ms, "until the exchange has stated its own"
    await clock.ensure(machine.read)
    for step_ms in (0, -HOUR_MS, 10 * MINUTE_MS, DAY_MS):
        machine.set_wall(step_ms)
        machine.pass_ms(7_300)
        assert clock.now_ms() == machine.true_ms
        assert clock.offset_ms == -step_ms


@pytest.mark.parametrize("takes_ms", [0, 40, 700, 4_000])
async def test_it_is_never_ahead_and_the_more_is_said_the_less_behind(
    machine: Machine, clock: ExchangeClock, takes_ms: int
) -> None:
    """So what is closed by it is closed, and no token comes from the exchange's future."""
    machine.takes_ms, behind = takes_ms, []
    machine.pass_ms(123)
    for _ in range(30):
        clock.invalidate()
        await clock.ensure(machine.read)
        behind.append(machine.true_ms - clock.now_ms())
        machine.pass_ms(61_037)
    assert min(behind) >= 0
    assert behind == sorted(behind, reverse=True)
    assert takes_ms <= behind[-1] <= takes_ms + 50


@pytest.mark.parametrize("ahead_ms", [0, 900, -900, -1_500, 5_000, -60_000])
async def test_only_what_is_certain_counts_as_wrong(machine: Machine, clock: ExchangeClock, ahead_ms: int) -> None:
    """An answer that took a second, in whole seconds, is no proof of less."""
    machine.takes_ms = 500
    machine.set_wall(ahead_ms)
    assert clock.error_ms == 0
    await clock.ensure(machine.read)
    assert abs(clock.error_ms) == max(abs(ahead_ms) - (999 if ahead_ms > 0 else 1_000), 0)
    machine.set_wall(0)
    assert clock.error_ms == 0, "it goes away by itself"


async def test_it_is_read_again_when_it_is_old_or_in_doubt(machine: Machine, clock: ExchangeClock) -> None:
    async def reads(span_ms: int = 0) -> int:
        machine.pass_ms(span_ms)
        before = machine.reads
        await clock.ensure(machine.read)
        return machine.reads - before

    assert await reads() == 1
    assert await reads(LIFE_MS - 1) == 0
    assert await reads(1) == 1
    clock.invalidate()
    assert await reads() == 1
    machine.set_wall(HOUR_MS)
    assert (await reads(), await reads()) == (1, 0)
    clock.see_candle(machine.true_ms + MINUTE_MS)
    assert await reads() == 1


async def test_a_candle_that_the_api_contradicts_moves_the_clock_once(machine: Machine, clock: ExchangeClock) -> None:
    """Else each order is created by one time and refused by the other."""
    await clock.ensure(machine.read)
    opened_ms = machine.true_ms + HOUR_MS
    clock.see_candle(opened_ms)
    assert clock.now_ms() == opened_ms
    await clock.ensure(machine.read)
    clock.see_candle(opened_ms)
    assert clock.now_ms() == machine.true_ms
    clock.see_candle(opened_ms + HOUR_MS)
    assert clock.now_ms() == opened_ms + HOUR_MS


async def test_without_an_answer_the_last_one_does(machine: Machine, clock: ExchangeClock) -> None:
    with pytest.raises(MarketUnavailable, match="no answer"):
        await clock.ensure(failing)
    await clock.ensure(machine.read)
    machine.pass_ms(3 * HOUR_MS)
    await clock.ensure(failing)
    assert clock.now_ms() == machine.true_ms


@pytest.mark.parametrize("stated_ms", [0, -1, 1_900_000_000, 10**18])
async def test_what_is_no_time_is_no_answer(clock: ExchangeClock, stated_ms: int) -> None:
    async def read() -> int:
        return stated_ms

    with pytest.raises(MarketUnavailable, match="impossible time"):
        await clock.ensure(read)


async def test_a_web_server_is_heard_until_the_api_answers(machine: Machine, clock: ExchangeClock) -> None:
    hour = (machine.true_ms // HOUR_MS * HOUR_MS, machine.true_ms // HOUR_MS * HOUR_MS + HOUR_MS)
    machine.set_wall(-HOUR_MS)

    def hear(ahead_ms: int, **more: str) -> None:
        date = formatdate((machine.true_ms + ahead_ms) / 1000, usegmt=True)
        clock.hear({"Date": date, **more}, machine.steady.now_ms(), hour)

    hear(0, Age="30")
    assert clock.now_ms() == machine.wall.at_ms, "an answer from a cache says nothing"
    hear(0)
    assert clock.now_ms() == machine.true_ms
    hear(5 * HOUR_MS)
    assert clock.now_ms() == machine.true_ms
    await clock.ensure(machine.read)
    hear(-5_000)
    assert clock.now_ms() == machine.true_ms
    machine.true_ms += 10 * MINUTE_MS
    machine.set_wall(0)
    assert clock.now_ms() == machine.true_ms - 10 * MINUTE_MS, "the steady clock stood still in a suspend"
    hear(0)
    assert (clock.now_ms(), clock.error_ms) == (machine.true_ms, 0)


async def test_a_candle_moves_a_clock_that_is_behind_and_a_trade_makes_it_exact(
    machine: Machine, clock: ExchangeClock
) -> None:
    machine.set_wall(-HOUR_MS)
    clock.see_candle(machine.true_ms)
    assert clock.now_ms() == machine.true_ms
    assert clock.error_ms == 0, "no statement of the exchange"
    machine.pass_ms(900)
    await clock.ensure(machine.read)
    assert clock.now_ms() == machine.true_ms - 900
    clock.see_trade(machine.true_ms - 100)
    assert clock.now_ms() == machine.true_ms - 100
    clock.see_trade(machine.true_ms + DAY_MS)
    assert clock.now_ms() == machine.true_ms - 100


async def test_there_is_one_for_each_exchange_and_they_are_the_machines(machine: Machine) -> None:
    clocks = ExchangeClocks()
    assert clocks.of("kraken") is clocks.of("kraken")
    assert clocks.of("coinbase") is not clocks.of("kraken")
    assert abs(clocks.now_ms() - clocks.of("kraken").now_ms()) < 1_000
    await clocks.of("coinbase").ensure(machine.read)
    assert abs(clocks.now_ms() - START_MS) < 1_000
    assert [clock.name for clock in clocks] == ["kraken", "coinbase"]


@given(
    st.integers(0, 59_999),
    st.lists(st.tuples(st.integers(5, 50), st.integers(5, 50)), min_size=8, max_size=8),
    st.integers(-900, 900),
)
def test_a_request_at_each_close_halves_the_error_of_whole_seconds(
    phase_ms: int, latencies_ms: list[tuple[int, int]], ahead_ms: int
) -> None:
    machine = Machine(START_MS + phase_ms, ahead_ms)
    machine.set_wall(ahead_ms)
    clock = ExchangeClock("coinbase", wall=machine.wall, steady=machine.steady)
    for closes, (there_ms, back_ms) in enumerate(latencies_ms):
        sent_ms = machine.steady.at_ms
        machine.pass_ms(there_ms)
        stated = formatdate(machine.true_ms // 1000, usegmt=True)
        machine.pass_ms(back_ms)
        opened_ms = machine.true_ms // MINUTE_MS * MINUTE_MS
        clock.hear({"Date": stated}, sent_ms, (opened_ms, opened_ms + MINUTE_MS))
        assert abs(clock.likely_ms() - machine.true_ms) <= 500 / 2**closes + 100
        assert clock.now_ms() <= machine.true_ms, "never ahead"
        machine.pass_ms(MINUTE_MS - (clock.likely_ms() - 1_000) % MINUTE_MS)
