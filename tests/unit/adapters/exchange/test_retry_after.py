"""The pause of an exchange, when several requests are under way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fake_clock import FakeClock

from autopilot.adapters.exchange.backoff import Backoff
from autopilot.adapters.exchange.retry_after import RetryAfter
from autopilot.domain.errors import MarketUnavailable


async def _unlimited(cost: float | None = None) -> None: ...


class Listened:
    """An object of ccxt, as far as it is listened to."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.ccxt = SimpleNamespace(handle_errors=lambda *_: None, throttler=_unlimited)
        RetryAfter("an exchange", Backoff(self.clock), self.clock).listen(self.ccxt)

    def answer(self, code: int, headers: dict[str, str] | None = None, body: Any = "{}") -> None:
        self.ccxt.handle_errors(code, "", "", "GET", headers or {}, body, {}, {}, None)

    async def left_s(self) -> float:
        try:
            await self.ccxt.throttler(1)
        except MarketUnavailable as error:
            return error.retry_after_s or 0.0
        return 0.0


@pytest.mark.parametrize(
    ("answers", "left_s"),
    [
        ([(429, "53"), (200, "")], 53),
        ([(429, ""), (429, ""), (429, "")], 1),
        ([(429, "9"), (429, ""), (429, "5")], 9),
        ([(429, "5"), (418, "9")], 9),
        ([(503, ""), (500, "9"), (200, "9")], 0),
    ],
    ids=["an older answer", "one refusal of many", "a shorter one", "a longer one", "no demand"],
)
async def test_one_pause_for_all_that_are_under_way(answers: list[tuple[int, str]], left_s: float) -> None:
    listened = Listened()
    for code, retry_after in answers:
        listened.answer(code, {"retry-after": retry_after} if retry_after else {})
    assert await listened.left_s() == left_s
    listened.clock.at_ms += int(1_000 * left_s)
    assert await listened.left_s() == 0


async def test_after_an_answer_the_pauses_are_short_again() -> None:
    listened = Listened()
    for code, left_s in ((429, 1), (429, 2), (200, 0), (429, 1)):
        listened.answer(code)
        assert await listened.left_s() == left_s
        listened.clock.at_ms += int(1_000 * left_s)
