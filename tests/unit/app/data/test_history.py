"""Which ways to its history an exchange has, and which series a request wants."""

from __future__ import annotations

import pytest

from autopilot.app.data.history import history_ways
from autopilot.app.data.request import DownloadRequest
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.coverage import TimeSpan, Way
from autopilot.domain.errors import HistoryUnavailable
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, Timeframe


def request(exchange: str, *symbols: str, **more: object) -> DownloadRequest:
    given = {"timeframes": (Timeframe.H1,), "from_ms": 10 * DAY_MS, "to_ms": 12 * DAY_MS} | more
    return DownloadRequest(exchange=exchange, symbols=symbols or ("BTC/USD",), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("exchange", "more", "ways"),
    [
        ("coinbase", {}, {"coinbase": [Way.PAGES]}),
        ("binance", {}, {"binance": [Way.ARCHIVE, Way.PAGES]}),
        ("kraken", {"from_trades": True}, {"kraken": [Way.PAGES, Way.TRADES]}),
        (
            "kraken",
            {"from_trades": True, "source": "coinbase"},
            {"kraken": [Way.PAGES, Way.TRADES], "coinbase": [Way.PAGES]},
        ),
        ("coinbase", {"source": "coinbase"}, {"coinbase": [Way.PAGES]}),
    ],
)
async def test_the_ways_of_an_exchange(exchange: str, more: dict[str, object], ways: dict[str, list[Way]]) -> None:
    async with history_ways(AutopilotConfig(), request(exchange, **more)) as found:
        assert {name: [each.way for each in several] for name, several in found.items()} == ways


async def test_an_archive_can_be_switched_off() -> None:
    config = AutopilotConfig.of({"data": {"archive_url": None}})
    async with history_ways(config, request("binance")) as found:
        assert [each.way for each in found["binance"]] == [Way.PAGES]


async def test_trades_that_cannot_be_paged_are_refused() -> None:
    with pytest.raises(HistoryUnavailable):
        async with history_ways(AutopilotConfig(), request("gemini", from_trades=True)):
            pass


def test_references_are_wanted_once_and_only_as_references() -> None:
    wanted = request("coinbase", "SOL/USD", "ETH/USD", timeframes=(Timeframe.H1, Timeframe.D1)).wanted()
    assert [(each.symbol, each.timeframe, each.is_reference) for each in wanted] == [
        ("SOL/USD", "1h", False),
        ("ETH/USD", "1h", False),
        ("BTC/USD", "1h", True),
        ("SOL/USD", "1d", False),
        ("ETH/USD", "1d", False),
        ("BTC/USD", "1d", True),
    ]


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "span"),
    [
        (HOUR_MS, 3 * HOUR_MS, TimeSpan(HOUR_MS, 3 * HOUR_MS)),
        (HOUR_MS + 1, 3 * HOUR_MS + 5, TimeSpan(HOUR_MS, 3 * HOUR_MS)),
        (HOUR_MS, HOUR_MS + 1, None),
    ],
)
def test_only_whole_candles_are_wanted(from_ms: int, to_ms: int, span: TimeSpan | None) -> None:
    wanted = request("coinbase", "BTC/USD", from_ms=from_ms, to_ms=to_ms).wanted()
    assert {each.span for each in wanted} == ({span} if span else set())
