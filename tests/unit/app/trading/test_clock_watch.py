"""Whether this machine's clock is right."""

from __future__ import annotations

import pytest
from fake_clock import FakeClock
from fake_event_sink import FakeEventSink

from autopilot.adapters.clock import SteadyClock, WallClock
from autopilot.adapters.exchange.exchange_clock import ExchangeClocks
from autopilot.adapters.store.views.problems import _clocks
from autopilot.app.trading.clock_watch import ClockWatch
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS

TRUE_MS = 1_900_000_000_000


@pytest.mark.parametrize(
    ("ahead_ms", "words", "level"),
    [
        (-HOUR_MS, "it is 1 h behind the clock of kraken", "error"),
        (HOUR_MS + 1_000, "it is 1 h ahead of the clock of kraken", "error"),
        (-10_000, "it is 10 s behind", "warning"),
        (4_000, "it is 3 s ahead", "warning"),
        (1_900, "", ""),
        (0, "", ""),
    ],
)
async def test_a_wrong_clock_is_reported_until_it_is_right(
    monkeypatch: pytest.MonkeyPatch, ahead_ms: int, words: str, level: str
) -> None:
    wall, steady, events = FakeClock(TRUE_MS + ahead_ms), FakeClock(TRUE_MS), FakeEventSink()
    monkeypatch.setattr(WallClock, "now_ms", lambda _: wall.at_ms)
    monkeypatch.setattr(SteadyClock, "now_ms", lambda _: steady.at_ms)
    clocks = ExchangeClocks()
    watch = ClockWatch(clocks, events)

    async def read() -> int:
        return TRUE_MS

    await clocks.of("kraken").ensure(read)
    for _ in range(3):
        await watch.review()
        wall.at_ms += MINUTE_MS
        steady.at_ms += MINUTE_MS
    found = list(_clocks(watch.errors()))
    assert [(each["code"], each["level"]) for each in found] == [("CLOCK_WRONG", level)][: bool(words)]
    for each in found:
        assert each["detail"].startswith(words)
        assert abs(each["since_ms"] - TRUE_MS) <= 1
        assert "timedatectl" in each["hint"]
    wall.at_ms = steady.at_ms
    assert watch.errors() == ()
    published = [(kind, body["wrong"]) for kind, body in events.published]
    assert published == [("clock", True), ("clock", False)][: 2 * bool(words)]
