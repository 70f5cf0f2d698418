"""autopilot data verify --against, repair and resample, as people see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from listed_history import ListedHistory

from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.app.data import history
from autopilot.domain.candles import Candles
from autopilot.domain.coverage import CoveredSpan, Gap, GapReason, TimeSpan, Way
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS, Timeframe

NAMES = ("open_at_ms", "open", "high", "low", "close", "volume")


@pytest.fixture
def store(data_dir: Path) -> Iterator[SqliteCandles]:
    database = open_database(data_dir / "autopilot.db")
    yield SqliteCandles(database)
    database.close()


@pytest.fixture
def hours(random_candles: Callable[..., Candles]) -> Candles:
    return random_candles(1, 200)


def kept(candles: Candles, *gone: int) -> Candles:
    mask = ~np.isin(np.arange(len(candles)), gone)
    return Candles(candles.timeframe, *(getattr(candles, name)[mask] for name in NAMES))


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, hours: Candles) -> ListedHistory:
    """What Kraken has."""
    way = ListedHistory(hours, TimeSpan(int(hours.open_at_ms[0]), hours.last_at_ms + HOUR_MS))

    @asynccontextmanager
    async def ways(config: Any, request: Any) -> Any:
        yield {exchange: [way] for exchange in request.exchanges}

    monkeypatch.setattr(history, "history_ways", ways)
    return way


def test_missing_candles_are_told_by_what_is_known_of_them(autopilot, store, hours) -> None:
    store.save_candles("kraken", "BTC/USD", kept(hours, 10, 20, 21, 30), Way.IMPORT)
    for place, tries, next_try in ((10, 2, None), (30, 1, 2**50)):
        at_ms = int(hours.open_at_ms[place])
        span = TimeSpan(at_ms, at_ms + HOUR_MS)
        gap = Gap(span, GapReason.NO_TRADES, tries, next_try)
        store.save_covered("kraken", "BTC/USD", hours[:0], CoveredSpan(span, Way.PAGES, 5), [gap])
    done = autopilot("data", "verify", COLUMNS="80")
    assert done.code == 0
    assert "gap: 3 candles are missing in 2 gaps" in " ".join(done.out.split())
    text = " ".join(done.out.split())
    assert "kraken BTC/USD 1h: 1 confirmed by the exchange, 1 to be requested again, 2 never requested" in text
    assert "autopilot data repair --exchange kraken --symbol BTC/USD --timeframe 1h" in text
    (series,) = autopilot("data", "verify", "--json").document["series"]
    assert series["missing"] == {"confirmed": 1, "unsettled": 1, "unasked": 2}


def test_a_confirmed_gap_is_knowledge_and_no_fault(autopilot, store, hours) -> None:
    store.save_candles("kraken", "BTC/USD", kept(hours, 10), Way.IMPORT)
    at_ms = int(hours.open_at_ms[10])
    span = TimeSpan(at_ms, at_ms + HOUR_MS)
    gap = Gap(span, GapReason.OUTAGE, 2, None)
    store.save_covered("kraken", "BTC/USD", hours[:0], CoveredSpan(span, Way.PAGES, 5), [gap])
    document = autopilot("data", "verify", "--json").document
    assert document["series"][0]["faults"] == []
    assert "sound" in autopilot("data", "verify").out.splitlines()[1]


@pytest.mark.parametrize(
    ("change", "kind", "code"),
    [
        pytest.param(lambda c: c, None, 0, id="the same"),
        pytest.param(lambda c: replace(c, open_at_ms=c.open_at_ms + HOUR_MS), "stamped at close", 1, id="late"),
        pytest.param(
            lambda c: Candles(c.timeframe, c.open_at_ms, c.open * 3, c.high * 3, c.low * 3, c.close * 3, c.volume),
            "another market",
            1,
            id="another market",
        ),
        pytest.param(
            lambda c: replace(c, close=np.where(np.arange(len(c)) == 7, c.close * 0.98, c.close), low=c.low * 0.9),
            "closes apart",
            0,
            id="a wrong close",
        ),
    ],
)
def test_verify_against_another_exchange(autopilot, store, hours, change, kind, code) -> None:
    store.save_candles("kraken", "BTC/USD", change(hours), Way.IMPORT)
    store.save_candles("coinbase", "BTC/USD", replace(kept(hours, 5, 6), volume=hours.volume[2:] * 4), Way.IMPORT)
    done = autopilot("data", "verify", "--exchange", "kraken", "--against", "coinbase", COLUMNS="80")
    assert done.code == code
    assert "Beside coinbase" in done.out
    document = autopilot("data", "verify", "--exchange", "kraken", "--against", "coinbase", "--json").document
    (series,) = document["series"]
    assert [fault["kind"] for fault in series["faults"]] == ([kind] if kind else [])
    assert series["against"]["exchange"] == "coinbase"
    assert series["against"]["missing_there"] == 2
    assert document["sound"] is (code == 0)


def test_closes_apart_are_judged_by_the_option(autopilot, store, hours) -> None:
    store.save_candles("kraken", "BTC/USD", hours, Way.IMPORT)
    other = replace(hours, close=hours.close * 1.004, high=hours.high * 1.01)
    store.save_candles("coinbase", "BTC/USD", other, Way.IMPORT)
    command = ("data", "verify", "--exchange", "kraken", "--against", "coinbase", "--json")
    assert autopilot(*command).document["series"][0]["faults"] == []
    (fault,) = autopilot(*command, "--max-bps", "30").document["series"][0]["faults"]
    assert fault["count"] == 200


def test_verify_against_an_exchange_of_which_nothing_is_stored_says_how_to_get_it(autopilot, store, hours) -> None:
    store.save_candles("kraken", "BTC/USD", hours, Way.IMPORT)
    done = autopilot("data", "verify", "--against", "coinbase")
    assert done.code == 2
    assert "autopilot data download --exchange coinbase --symbol BTC/USD --timeframe 1h" in done.err


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("verify", "--exchange", "foo"), "no candles of foo are stored"),
        (("repair", "--symbol", "ADA/USD"), "no candles of ADA/USD are stored"),
        (("prune", "--older-than", "9d", "--timeframe", "5m"), "no candles of 5m are stored"),
        (("export", "out", "--format", "csv", "--exchange", "foo"), "no candles of foo are stored"),
        (("export", "out", "--format", "csv", "--from", "2050-01-01"), "no candles are stored in that period"),
        (("resample", "--from", "1m", "--to", "5m"), "no candles of 1m are stored"),
        (("verify", "--max-bps", "9"), "--max-bps needs --against"),
    ],
)
def test_what_is_not_stored_is_named(autopilot, store, hours, tmp_path, monkeypatch, command, says) -> None:
    monkeypatch.chdir(tmp_path)
    store.save_candles("kraken", "BTC/USD", hours, Way.IMPORT)
    done = autopilot("data", *command)
    assert done.code in (1, 2)
    assert says in done.err
    assert not (tmp_path / "out").exists()
    assert autopilot("data", "verify", "--exchange", "KRAKEN").code == 0


def test_repair_shows_its_plan_and_then_mends(autopilot, store, hours, site) -> None:
    high = hours.high.copy()
    high[50] = hours.low[50] / 2
    store.save_candles("kraken", "BTC/USD", kept(replace(hours, high=high), 10, 11), Way.IMPORT)
    plan = autopilot("data", "repair", "--dry-run", COLUMNS="80")
    assert (plan.code, site.asked.total()) == (0, 0)
    assert plan.out.splitlines()[1].split() == ["kraken", "BTC/USD", "1h", "2", "1"]
    done = autopilot("data", "repair", COLUMNS="80")
    assert (done.code, done.out.splitlines()[1].split()) == (0, ["kraken", "BTC/USD", "1h", "2", "1", "2", "1"])
    mended = store.load_candles("kraken", "BTC/USD", Timeframe.H1)
    assert mended.high.tolist() == hours.high.tolist()
    again = autopilot("data", "repair", "--json")
    assert again.document == {"series": [], "requests": 0}
    assert autopilot("data", "repair").out == "Nothing to repair.\n"


def test_an_exchange_that_does_not_exist_cannot_be_asked(autopilot, store, hours) -> None:
    store.save_candles("vendor", "BTC/USD", kept(hours, 10), Way.IMPORT)
    done = autopilot("data", "repair")
    assert done.code == 1
    assert "vendor BTC/USD 1h: 1 candle" in done.out
    assert "there is no exchange 'vendor'" in done.out


def test_resample_makes_longer_candles_and_says_what_it_refused(autopilot, store, random_candles) -> None:
    minutes = random_candles(2, 180, timeframe=Timeframe.M1)
    store.save_candles("kraken", "BTC/USD", kept(minutes, 100), Way.IMPORT)
    done = autopilot("data", "resample", "--from", "1m", "--to", "15m", COLUMNS="80")
    assert done.code == 0
    assert done.out.splitlines()[1].split() == ["kraken", "BTC/USD", "15m", "1m", "11", "11", "1"]
    assert "autopilot data repair --exchange kraken --symbol BTC/USD --timeframe 1m" in " ".join(done.out.split())
    assert len(store.load_candles("kraken", "BTC/USD", Timeframe.M15)) == 11
    (series,) = autopilot("data", "resample", "--from", "1m", "--to", "15m", "--json").document["series"]
    assert (series["made"], series["stored"], series["refused"]) == (11, 0, 1)
    assert series["first_refused_at_ms"] == int(minutes.open_at_ms[90])
    assert Timeframe.M15.ms == MINUTE_MS * 15


@pytest.mark.parametrize(("shorter", "longer"), [("1h", "1h"), ("1h", "5m"), ("1h", "2h"), ("7m", "1h")])
def test_resample_refuses_what_is_not_longer(autopilot, shorter, longer) -> None:
    assert autopilot("data", "resample", "--from", shorter, "--to", longer).code == 2
