"""Nonces, as Kraken takes them: a refused one costs nothing, and a key that others use is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_clock import FakeClock
from kraken_exchange import API_KEY, KrakenExchange
from places import PLACES

from autopilot.adapters.exchange.exchange_clock import ExchangeClock
from autopilot.adapters.exchange.gateway import Gateway
from autopilot.adapters.exchange.venues.known import VENUES
from autopilot.domain.errors import KeyShared, MarketUnavailable
from autopilot.domain.order import OrderStatus, OrderType, Side
from autopilot.domain.timeframe import HOUR_MS

NONCE = "EAPI:Invalid nonce"


class Lives:
    """Daemons one after the other, on a machine whose wall clock is set before each."""

    def __init__(self, exchange: KrakenExchange, clock: FakeClock, directory: Path) -> None:
        self._exchange, self._clock, self._directory = exchange, clock, directory

    async def ask(self, ahead_ms: int, times: int) -> int:
        """The number of refused questions of a new life, one a second."""
        wall = FakeClock()
        gateway = Gateway(
            VENUES["kraken"],
            PLACES["kraken"].keys,
            ExchangeClock("kraken", wall, self._clock),
            nonces_dir=self._directory,
            base_url=self._exchange.url,
        )
        refused = 0
        for _ in range(times):
            self._clock.at_ms += 1_000
            wall.at_ms = self._clock.at_ms + ahead_ms
            try:
                await gateway.query("fetch_balance")
            except MarketUnavailable:
                refused += 1
        await gateway.close()
        return refused


@pytest.fixture
def lives(live: Any, tmp_path: Path) -> Lives:
    return Lives(live.exchange, live.clock, tmp_path)


@pytest.mark.parametrize("first_ms", [HOUR_MS, -HOUR_MS, 30 * HOUR_MS])
async def test_a_clock_that_is_set_back_between_two_lives_refuses_no_call(lives: Lives, first_ms: int) -> None:
    assert await lives.ask(first_ms, 5) == 0
    assert await lives.ask(0, 24) == 0
    assert await lives.ask(-first_ms, 5) == 0


async def test_an_older_versions_nonces_are_caught_up_with_in_a_few_calls(live: Any, lives: Lives) -> None:
    """That version took them from a clock that was an hour ahead, and kept nothing on the disk."""
    live.exchange.nonces[API_KEY] = live.clock.at_ms + HOUR_MS
    assert await lives.ask(0, 24) <= 12
    assert await lives.ask(0, 24) == 0


@pytest.mark.parametrize("call", ["AddOrder", "QueryTrades", "BalanceEx"])
async def test_a_refused_nonce_is_tried_again_at_once(live: Any, call: str) -> None:
    live.exchange.balances["BTC"] += 0
    order = live.intend(OrderType.MARKET)
    live.exchange.faults[call] = [NONCE]
    await live.follow()
    await live.broker.balances()
    assert live.order(order).status is OrderStatus.FILLED
    again = [fields for name, fields in live.exchange.asked if name == call]
    assert len(again) == 2
    assert int(again[0]["nonce"]) < int(again[1]["nonce"])
    if call == "AddOrder":
        assert again[0]["cl_ord_id"] == again[1]["cl_ord_id"] == order.client_order_id
        assert len(live.exchange.named(order.client_order_id)) == 1
    live.assert_agreed()


async def test_a_cancellation_with_a_refused_nonce_is_tried_again_at_once(live: Any) -> None:
    order = live.intend(OrderType.LIMIT)
    await live.follow()
    live.exchange.faults["CancelOrder"] = [NONCE]
    live.clock.at_ms += HOUR_MS
    await live.follow()
    assert live.order(order).status is OrderStatus.CANCELED


async def test_a_key_that_others_use_is_named_and_the_order_is_sent_when_it_can_be(live: Any) -> None:
    live.exchange.faults["AddOrder"] = [NONCE, NONCE]
    order = live.intend(OrderType.MARKET)
    await live.follow()
    assert live.order(order).status is OrderStatus.NEW
    assert "another program, or a second daemon, uses the same API key" in live.order(order).detail
    live.exchange.faults["BalanceEx"] = [NONCE, NONCE]
    with pytest.raises(KeyShared, match="a second daemon") as told:
        await live.broker.balances()
    assert "autopilot keys rotate kraken" in told.value.hint
    live.clock.at_ms += 5_000
    await live.follow()
    assert live.order(order).status is OrderStatus.FILLED
    live.assert_agreed()


async def test_two_daemons_with_one_key_both_sell_what_they_must(live: Any, tmp_path: Path) -> None:
    """The other one, on another machine, asks between each two of our requests, a little ahead of us."""
    plain = live.exchange.denied

    def denied(request: Any, body: str, fields: Any) -> Any:
        answer = plain(request, body, fields)
        if answer is None:
            live.exchange.nonces[API_KEY] += 700
        return answer

    live.exchange.denied = denied
    live.intend(OrderType.MARKET)
    for _ in range(3):
        await live.follow()
        live.clock.at_ms += 5_000
    order = live.intend(OrderType.MARKET, Side.SELL)
    for _ in range(3):
        await live.follow()
        live.clock.at_ms += 5_000
    assert live.order(order).status is OrderStatus.FILLED
    live.assert_agreed()


async def test_health_names_the_shared_key(whole: Any) -> None:
    await whole.buy()
    whole.exchange.outage = NONCE
    for _ in range(2):
        assert "a second daemon" in await whole.cycle(3_600 * 7)
    (found,) = whole.autopilot._watch.restrictions(whole.account)
    assert (found.code, found.hint) == (
        "KEY_SHARED",
        "give each program a key of its own: autopilot keys rotate kraken",
    )
    whole.exchange.outage = ""
    await whole.cycle()
    assert await whole.cycle() == ""
    assert whole.autopilot._watch.restrictions(whole.account) == ()
