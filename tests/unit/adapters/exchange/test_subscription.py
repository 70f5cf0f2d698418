"""When a stream should have spoken: by its own pauses, and only while the exchange's price changes."""

from __future__ import annotations

from autopilot.adapters.exchange.streams.subscription import (
    LEAST_SILENCE_MS,
    LONGEST_SILENCE_MS,
    Heard,
    StreamKind,
    Subscription,
)
from autopilot.domain.market import Quote
from autopilot.domain.timeframe import Timeframe

MINUTE_MS = 60_000


def subscription() -> Subscription:
    made = Subscription(StreamKind.TICKER, "BTC/USD", Timeframe.H1, 0, 0)
    made.begin(0)
    return made


def hear(stream: Subscription, price: float, at_ms: int) -> bool:
    return stream.hear(Heard(price, None, None, (price,)), at_ms)


def is_silent(stream: Subscription, price: float, at_ms: int) -> bool:
    return stream.is_silent(Quote("BTC/USD", price, at_ms), at_ms)


def test_a_stream_is_silent_only_while_the_price_moves() -> None:
    stream = subscription()
    hear(stream, 1.0, 0)
    assert not is_silent(stream, 1.0, MINUTE_MS), "the first answer shows no change"
    assert not is_silent(stream, 1.0, 60 * MINUTE_MS), "a market may stand still for an hour"
    assert is_silent(stream, 1.1, 61 * MINUTE_MS)
    assert not is_silent(stream, 1.1, 62 * MINUTE_MS), "it has not changed again"


def test_a_change_that_the_stream_may_have_shown_does_not_count() -> None:
    stream = subscription()
    hear(stream, 1.0, 0)
    is_silent(stream, 1.0, MINUTE_MS)
    hear(stream, 1.1, MINUTE_MS + 1)
    assert not is_silent(stream, 1.1, 2 * MINUTE_MS)
    assert is_silent(stream, 1.2, 6 * MINUTE_MS)


def test_a_market_with_long_pauses_has_more_patience_and_none_without_an_end() -> None:
    stream = subscription()
    for number in range(3):
        hear(stream, 1.0 + number, number * 40_000)
    assert stream.patience_ms == 160_000
    is_silent(stream, 1.0, 2 * MINUTE_MS)
    assert not is_silent(stream, 1.1, 3 * MINUTE_MS)
    assert is_silent(stream, 1.2, 5 * MINUTE_MS)
    for number in range(3, 6):
        hear(stream, 1.0 + number, number * 60 * MINUTE_MS)
    assert stream.patience_ms == LONGEST_SILENCE_MS
    for number in range(2_000):
        hear(stream, 2.0 + number, 400 * MINUTE_MS + number)
    assert stream.patience_ms == LEAST_SILENCE_MS, "the long pauses are long ago"


def test_a_message_that_says_the_same_again_is_no_sign_of_life() -> None:
    stream = subscription()
    assert hear(stream, 1.0, 0)
    assert not hear(stream, 1.0, MINUTE_MS)
    stream.begin(2 * MINUTE_MS)
    assert hear(stream, 1.0, 2 * MINUTE_MS + 1), "on a new connection it is"
