"""Candles of trades: the same whatever the order, and only of spans whose trades are all there."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.adapters.exchange.ccxt_import import exchange_class
from autopilot.domain.candles import Candle
from autopilot.domain.coverage import TimeSpan
from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe
from autopilot.domain.trade_candles import NS_PER_MS, PublicTrade, candles_of_trades

START_MS = 20_000 * DAY_MS
HOUR = TimeSpan(START_MS, START_MS + HOUR_MS)


def trade(number: int, at_ms: float, price: str = "100", amount: str = "1") -> PublicTrade:
    return PublicTrade(str(number), START_MS * NS_PER_MS + round(at_ms * NS_PER_MS), Decimal(price), Decimal(amount))


def rows(trades: list[PublicTrade], span: TimeSpan = HOUR, timeframe: Timeframe = Timeframe.M1) -> list[Candle]:
    candles = candles_of_trades(trades, timeframe, span)
    return [candles.candle(at) for at in range(len(candles))]


def naive(trades: list[PublicTrade], timeframe: Timeframe, span: TimeSpan) -> list[tuple[float, ...]]:
    """Every candle that the span holds looks for its own trades. Ids are numbers, and equal ids equal trades."""
    found = []
    for open_at_ms in range(0, span.to_ms - START_MS + timeframe.ms, timeframe.ms):
        begin, end = START_MS + open_at_ms, START_MS + open_at_ms + timeframe.ms
        if begin < span.from_ms or end > span.to_ms:
            continue
        inside = {each for each in trades if begin * NS_PER_MS <= each.at_ns < end * NS_PER_MS}
        if inside:
            first = min(inside, key=lambda each: (each.at_ns, int(each.trade_id)))
            last = max(inside, key=lambda each: (each.at_ns, int(each.trade_id)))
            prices = [each.price for each in inside]
            volume = sum((Fraction(each.amount) for each in inside), Fraction(0))
            found.append(
                (
                    begin,
                    float(first.price),
                    float(max(prices)),
                    float(min(prices)),
                    float(last.price),
                    volume.numerator / volume.denominator,
                )
            )
    return found


numbers = st.decimals(Decimal("0.00000001"), Decimal(100_000), places=8)
moments = st.one_of(
    st.integers(0, 2 * HOUR_MS * NS_PER_MS),
    # On the edges of candles, and beside them.
    st.builds(
        lambda minute, beside: minute * MINUTE_MS * NS_PER_MS + beside,
        st.integers(1, 120),
        st.sampled_from([-1, 0, 1, -NS_PER_MS]),
    ),
)


@given(
    made=st.lists(st.tuples(moments, numbers, numbers), max_size=40),
    again=st.lists(st.integers(0, 39), max_size=10),
    order=st.randoms(use_true_random=False),
    timeframe=st.sampled_from([Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1]),
    begin_ms=st.sampled_from([0, 1, MINUTE_MS, 15 * MINUTE_MS, 7 * MINUTE_MS + 3]),
    length_ms=st.sampled_from([1, MINUTE_MS, 7 * MINUTE_MS, HOUR_MS, 2 * HOUR_MS, HOUR_MS + 1]),
)
def test_they_are_those_of_the_definition(
    made: list[tuple[int, Decimal, Decimal]],
    again: list[int],
    order: object,
    timeframe: Timeframe,
    begin_ms: int,
    length_ms: int,
) -> None:
    trades = [
        PublicTrade(str(number + 8), START_MS * NS_PER_MS + at_ns, price, amount)
        for number, (at_ns, price, amount) in enumerate(made)
    ]
    trades += [trades[at] for at in again if at < len(trades)]
    order.shuffle(trades)  # type: ignore[attr-defined]
    span = TimeSpan(START_MS + begin_ms, START_MS + begin_ms + length_ms)
    assert rows(trades, span, timeframe) == naive(trades, timeframe, span)


def test_trades_that_come_newest_first_are_as_many_candles() -> None:
    trades = [trade(minute, minute * MINUTE_MS, str(100 + minute)) for minute in range(5)]
    assert rows(trades[::-1]) == rows(trades)
    assert [candle.close for candle in rows(trades)] == [100, 101, 102, 103, 104]


async def test_ccxt_makes_one_candle_of_them() -> None:
    exchange = exchange_class("kraken")()
    trades = [{"timestamp": START_MS + minute * MINUTE_MS, "price": 100.0, "amount": 1.0} for minute in range(5)]
    assert len(exchange.build_ohlcvc(trades, "1m")) == 5
    assert len(exchange.build_ohlcvc(trades[::-1], "1m")) == 1
    await exchange.close()


def test_a_trade_on_the_edge_opens_the_next_candle() -> None:
    trades = [trade(1, MINUTE_MS - 0.000001, "99"), trade(2, MINUTE_MS, "101")]
    assert [(candle.open_at_ms - START_MS, candle.open) for candle in rows(trades)] == [(0, 99), (MINUTE_MS, 101)]


def test_trades_of_one_moment_follow_each_other_by_number() -> None:
    trades = [trade(10, 5, "102"), trade(9, 5, "101"), trade(8, 5, "103")]
    assert rows(trades) == [(START_MS, 103, 103, 101, 102, 3)]


def test_candles_that_are_not_whole_are_left_out() -> None:
    trades = [trade(minute, minute * MINUTE_MS + 10) for minute in range(10)]
    half = MINUTE_MS // 2
    span = TimeSpan(START_MS + half, START_MS + 5 * MINUTE_MS + half)
    assert [candle.open_at_ms for candle in rows(trades, span)] == [START_MS + at * MINUTE_MS for at in range(1, 5)]
    assert rows(trades, TimeSpan(START_MS + 1, START_MS + MINUTE_MS)) == []


def test_a_candle_without_trades_is_missing() -> None:
    assert [candle.open_at_ms - START_MS for candle in rows([trade(1, 0), trade(2, 3 * MINUTE_MS)])] == [
        0,
        3 * MINUTE_MS,
    ]


def test_volume_is_exact_in_any_decimal_context() -> None:
    trades = [trade(number, number, amount="0.1") for number in range(10)]
    trades += [trade(100 + number, number, amount="12345678901234567890.000000001") for number in range(3)]
    with localcontext(prec=5, rounding=ROUND_DOWN):
        (candle,) = rows(trades)
    assert candle.volume == float(Decimal("37037036703703703671.000000003"))


@pytest.mark.parametrize(
    ("price", "amount"), [("0", "1"), ("-1", "1"), ("1", "-1"), ("NaN", "1"), ("1", "NaN"), ("Infinity", "1")]
)
def test_an_impossible_trade_is_named(price: str, amount: str) -> None:
    with pytest.raises(CandleError, match="trade 7 of 2024-10-04 00:00Z has the price"):
        rows([trade(6, 0), trade(7, 1, price, amount)])
