"""`autopilot data download`, and the tests and trainings that download what they lack, from Coinbase on the loopback
interface."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from candle_exchange import CandleExchange

from autopilot.adapters.exchange import public_exchange
from autopilot.adapters.store.audit import recent
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.app.training import data as training
from autopilot.domain.audit import AuditKind
from autopilot.domain.candles import Candles
from autopilot.domain.coverage import CoveredSpan, Gap, GapReason, TimeSpan, Way
from autopilot.domain.timeframe import DAY_MS, Timeframe

COINBASE = ("--exchange", "coinbase")
BACKTEST = ("backtest", *COINBASE, "--no-model", "--no-compare", "--days", "5")
H1 = Timeframe.H1


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[CandleExchange]:
    """Every exchange is this one, without a pause between two requests."""
    there, opened = CandleExchange(), public_exchange.open_exchange

    async def redirected(name: str, timeout_s: float, _: str | None, **more: Any) -> Any:
        return await opened(name, timeout_s, there.url, **more, enableRateLimit=False)

    with there.answering():
        monkeypatch.setattr(public_exchange, "open_exchange", redirected)
        yield there


def stored(data_dir: Path, symbol: str = "BTC/USD", exchange: str = "coinbase") -> int:
    with closing(open_database(data_dir / "autopilot.db")) as database:
        return len(SqliteCandles(database).load_candles(exchange, symbol, H1))


def test_a_plan_says_everything_and_fetches_nothing(
    exchange: CandleExchange, autopilot: Callable[..., Any], data_dir: Path
) -> None:
    document = autopilot("data", "download", *COINBASE, "--days", "30", "--dry-run", "--json").document
    assert [
        (each["symbol"], each["wanted"], each["stored"], each["to_fetch"], each["ways"], each["reference"])
        for each in document["series"]
    ] == [("BTC/USD", 720, 0, 720, ["pages"], False), ("ETH/USD", 720, 0, 720, ["pages"], False)]
    ((way,),) = [document["ways"]]
    assert (way["exchange"], way["way"], way["requests"]) == ("coinbase", "pages", document["requests"])
    assert document["bytes"] == 2 * 720 * 65
    assert document["seconds"] > 0
    assert document["fetched"] is None
    assert len(exchange.pages) <= 1, "the exchange's clock"
    assert stored(data_dir) == 0
    screen = autopilot("data", "download", *COINBASE, "--days", "30", "--dry-run")
    assert screen.code == 0
    assert "at most 1,440 candles" in screen.out


def test_what_is_downloaded_is_stored_recorded_and_not_fetched_again(
    exchange: CandleExchange, autopilot: Callable[..., Any], data_dir: Path
) -> None:
    done = autopilot("data", "download", *COINBASE, "--symbol", "SOL/USD", "--days", "30", "--json")
    assert done.code == 1, "the exchange has no SOL/USD"
    sol, btc = done.document["series"]
    assert (btc["symbol"], btc["reference"], btc["fetched"]) == ("BTC/USD", True, 720)
    assert sol["missing"][0]["error"]["code"] == "UNKNOWN_SYMBOL"
    assert done.document["fetched"] == {"requests": len(exchange.pages) - 1, "candles": 720, "complete": False}
    fetched = len(exchange.pages)
    done = autopilot("data", "download", *COINBASE, "--symbol", "BTC/USD", "--days", "30")
    assert done.code == 0
    assert "fetched" in done.out
    again = [
        each for each in exchange.pages[fetched:] if each.product == "BTC-USD" and each.last_s < time.time() - 7200
    ]
    assert again == []
    body = [row["body"] for row in recent(data_dir / "autopilot.db", 9, AuditKind.COMMAND)["audit"]]
    assert [(row["command"], row["result"]) for row in body] == [
        ("data download", "done"),
        ("data download", "INCOMPLETE"),
    ]


def test_an_exchange_that_is_down_is_said_and_nothing_is_lost(
    exchange: CandleExchange, autopilot: Callable[..., Any], data_dir: Path
) -> None:
    autopilot("data", "download", *COINBASE, "--days", "10")
    exchange.status = 503
    done = autopilot("data", "download", *COINBASE, "--days", "20")
    assert done.code == 1
    assert "missing, " in done.out
    assert "try: the same command again" in done.out
    exchange.status = 200
    assert autopilot("data", "download", *COINBASE, "--days", "20").code == 0
    assert stored(data_dir) == 480


def test_a_market_that_began_later_is_said_and_costs_little(
    exchange: CandleExchange, autopilot: Callable[..., Any], data_dir: Path
) -> None:
    exchange.listed_s = int(time.time()) - 20 * 86_400
    done = autopilot("data", "download", *COINBASE, "--days", "3650")
    assert done.code == 0, done.out
    assert "not listed: " in done.out
    assert 479 <= stored(data_dir) <= 481
    assert len(exchange.pages) < 2 * 22


def test_nothing_is_wanted_from_before_there_were_computers(
    exchange: CandleExchange, autopilot: Callable[..., Any]
) -> None:
    done = autopilot("data", "download", *COINBASE, "--from", "0001-01-01", "--timeframe", "1d", "--dry-run", "--json")
    assert done.code == 0
    assert [each["from_ms"] for each in done.document["series"]] == [0, 0]
    assert [each["missing"] for each in done.document["series"]] == [[], []]


def test_a_market_that_is_not_traded_any_more_gives_its_past(
    exchange: CandleExchange, autopilot: Callable[..., Any], data_dir: Path
) -> None:
    """Its newest page of hours is empty, so that the exchange's clock is not to be had of it."""
    last_s = int(time.time()) - 20 * 86_400
    exchange.has = lambda at_s: at_s < last_s
    done = autopilot("data", "download", *COINBASE, "--days", "60")
    assert done.code == 0, done.out
    assert 960 <= stored(data_dir) <= 961
    gap = re.search(r"outage: (\d+) candles", done.out)
    assert gap, done.out
    assert stored(data_dir) + int(gap[1]) in (1_439, 1_440), "but for the hour that may not be settled yet"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--exchange", "simulated"), "simulated has no history to download"),
        (("--from", "2999"), "that period has not begun"),
        (("--from", "2024-01-01", "--to", "2024-01-01T05:00", "--timeframe", "1d"), "no 1d candle opens and closes"),
        (("--days", "3", "--from", "2024"), "--days and --from both set the start"),
        (("--timeframe", "1y"), "unknown timeframe '1y'"),
        (("--from", ""), "'' is not a date"),
    ],
)
def test_a_wrong_request_is_refused(autopilot: Callable[..., Any], arguments: tuple[str, ...], says: str) -> None:
    done = autopilot("data", "download", *arguments)
    assert done.code == 2
    assert says in done.err


def test_what_another_exchange_lends_is_not_called_missing(
    autopilot: Callable[..., Any], data_dir: Path, exchange: CandleExchange
) -> None:
    """Both are known already, so nothing is asked for."""
    span = TimeSpan(1_700_006_400_000, 1_700_006_400_000 + DAY_MS)
    now_ms = int(time.time() * 1000)
    price = np.full(24, 100.0)
    lent = Candles.from_arrays(H1, np.arange(span.from_ms, span.to_ms, H1.ms), price, price, price, price, price)
    beyond = Gap(span, GapReason.BEYOND_HISTORY, 1, now_ms + DAY_MS)
    data_dir.mkdir(mode=0o700, exist_ok=True)
    with closing(open_database(data_dir / "autopilot.db")) as database:
        store, covered = SqliteCandles(database), CoveredSpan(span, Way.PAGES, now_ms)
        for symbol in ("BTC/USD", "ETH/USD"):
            store.save_covered("kraken", symbol, Candles.empty(H1), covered, [beyond])
            store.save_covered("coinbase", symbol, lent, covered)
    period = ("--from", "2023-11-15T00:00", "--to", "2023-11-16T00:00")
    alone = autopilot("data", "download", "--exchange", "kraken", *period)
    assert alone.code == 1
    assert "missing, 2023-11-15 00:00Z to 2023-11-16 00:00Z: kraken gives its latest candles only" in alone.out
    assert "try: add --source" in alone.out
    both = autopilot("data", "download", "--exchange", "kraken", *period, "--source", "coinbase")
    assert both.code == 0, both.out
    assert "from coinbase, 2023-11-15 00:00Z to 2023-11-16 00:00Z: kraken gives its latest candles only" in both.out
    assert "try:" not in both.out
    assert "beyond the exchange's history" not in both.out
    assert exchange.pages == []


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("krakn", 'did you mean "kraken"'),
        ("simulated", "simulated is not a real exchange"),
        ("coinbase", "--source coinbase is the exchange itself"),
    ],
)
@pytest.mark.parametrize("command", [("data", "download"), ("backtest",), ("backtest", "--fee", "0"), ("retrain",)])
def test_a_source_is_another_real_exchange(
    autopilot: Callable[..., Any], command: tuple[str, ...], source: str, says: str
) -> None:
    done = autopilot(*command, *COINBASE, "--days", "3", "--source", source)
    assert done.code == 2
    assert says in done.err


def test_a_backtest_without_any_candle_says_why_none_came(
    exchange: CandleExchange, autopilot: Callable[..., Any]
) -> None:
    exchange.status = 503
    done = autopilot(*BACKTEST)
    assert done.code == 1
    assert "there are no candles of BTC/USD: coinbase" in done.err


def test_a_backtest_downloads_what_it_lacks_once(
    exchange: CandleExchange, autopilot: Callable[..., Any], data_dir: Path
) -> None:
    refused = autopilot(*BACKTEST, "--no-download")
    assert refused.code == 1
    assert "1,120 candles of BTC/USD 1h" in refused.err
    assert "try: autopilot data download --exchange coinbase --symbol BTC/USD" in refused.err
    assert exchange.pages == []
    done = autopilot(*BACKTEST)
    assert done.code == 0, done.err
    assert "fetching 2,240 candles from coinbase" in done.err
    fetched = len(exchange.pages)
    assert autopilot(*BACKTEST).out == done.out
    assert len(exchange.pages) == fetched
    exchange.status = 503
    longer = autopilot(*BACKTEST[:-1], "30")
    assert longer.code == 0
    assert "candles are missing; the stored ones are used" in longer.err


async def test_a_training_downloads_what_it_lacks(exchange: CandleExchange, data_dir: Path, tmp_path: Path) -> None:
    from autopilot.config.schema import AutopilotConfig
    from autopilot.domain.errors import MarketUnavailable, NotFound
    from autopilot.training.request import TrainingRequest

    now_ms = int(time.time() * 1000)
    request = TrainingRequest("coinbase", ("BTC/USD",), H1, 10, 10)
    with closing(open_database(tmp_path / "a.db")) as database:
        source = training.TrainingData(AutopilotConfig(), database, lambda: now_ms)
        with pytest.raises(NotFound, match="are not stored"):
            await source.histories(
                TrainingRequest("coinbase", ("BTC/USD",), H1, 10, 10, download=False), lambda *_: None
            )
        exchange.status = 503
        with pytest.raises(MarketUnavailable, match="there are no candles of BTC/USD: coinbase"):
            await source.histories(request, lambda *_: None)
        exchange.status = 200
        (found,) = await source.histories(request, lambda *_: None)
    assert found.candles.last_at_ms >= H1.floor(now_ms) - 2 * H1.ms
    assert found.since_ms == found.candles.last_at_ms - 10 * DAY_MS
    assert found.reference is not None
    assert found.lent == 0


def test_candles_of_another_exchange_stand_before_the_own_ones(
    exchange: CandleExchange, autopilot: Callable[..., Any], data_dir: Path
) -> None:
    """Kraken gives its latest 720 candles, so that the first of the 1,120 are Coinbase's."""
    autopilot("data", "download", *COINBASE, "--days", "60")
    with closing(open_database(data_dir / "autopilot.db")) as database:
        store = SqliteCandles(database)
        for symbol in ("BTC/USD", "ETH/USD"):
            store.save_candles("kraken", symbol, store.load_candles("coinbase", symbol, H1, last=720))
    exchange.status = 503
    arguments = ("--exchange", "kraken", "--no-model", "--no-compare", "--days", "5", "--source", "coinbase")
    done = autopilot("backtest", *arguments, "--json")
    assert done.code == 0, done.err
    assert done.document["lent"] == [
        {"symbol": symbol, "exchange": "coinbase", "candles": 720} for symbol in ("BTC/USD", "ETH/USD")
    ]
    assert "the first 720 candles of BTC/USD are those of coinbase" in autopilot("backtest", *arguments).out
