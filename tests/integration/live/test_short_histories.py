"""Paper trading on a Kraken that gives its latest 720 candles and no more, wired as in the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from fresh_machine import SYMBOL, Fresh, fresh_machine

from autopilot.adapters.exchange import ccxt_source
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.views.queries import decision, decisions
from autopilot.analysis.market_analyzer import WINDOW
from autopilot.analysis.regime import WARM_UP
from autopilot.app.parity import parity
from autopilot.app.report.period import period_report
from autopilot.domain.candles import Candles
from autopilot.domain.errors import NotFound
from autopilot.domain.progress import unwatched
from autopilot.engine import lent_candles, passing_over


@pytest.fixture
async def fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random_candles: Callable[..., Candles]
) -> AsyncIterator[Fresh]:
    async with fresh_machine(tmp_path, monkeypatch, random_candles(6, 3_400)) as made:
        yield made


OWN = {"count": 719, "joined": 0, "joined_from": None, "left_out": []}
"""Of the 720 the last one is open."""
JOINED = {"count": WINDOW, "joined": 281, "joined_from": "coinbase", "left_out": []}


@pytest.mark.parametrize(("lender", "basis"), [("", OWN), ("kraken", OWN), ("coinbase", JOINED)])
async def test_a_fresh_account_decides_at_the_first_close(fresh: Fresh, lender: str, basis: dict[str, Any]) -> None:
    fresh.lender = lender
    await fresh.start()
    await fresh.cycle(2_000)
    assert fresh.decided() == [(1_999, basis)]
    await fresh.cycle(2_001)
    assert [number for number, _ in fresh.decided()] == [1_999, 2_000]
    found = decision(fresh.paths.database, SYMBOL)
    assert found["selection"]["decided_by"] == "rules"
    if basis is OWN:
        assert found["selection"]["note"].startswith("no model is asked with 720 candles, it needs 1,000")
    assert len(fresh.stored("kraken")) == 720
    assert len(fresh.stored("coinbase")) == basis["joined"], "in a series of its own"


async def test_lent_candles_come_from_the_store_after_a_restart(fresh: Fresh) -> None:
    fresh.lender = "coinbase"
    await fresh.start()
    await fresh.cycle(2_000)
    await fresh.coinbase.stop()
    await fresh.start()
    await fresh.cycle(2_001)
    assert fresh.decided()[-1] == (2_000, JOINED | {"joined": 280})


@pytest.mark.parametrize("trouble", ["gone", "silent", "no market"])
async def test_a_lender_in_trouble_holds_nothing_up(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(lent_candles, "PATIENCE_S", 0.05)
    fresh.lender = "coinbase"
    if trouble == "gone":
        await fresh.coinbase.stop()
    elif trouble == "no market":
        fresh.coinbase.gone.add("BTC")
    else:
        history = ccxt_source.CcxtCandles.history

        async def wait(source: ccxt_source.CcxtCandles, *arguments: Any) -> Candles:
            if source.name == "coinbase":
                await asyncio.Event().wait()
            return await history(source, *arguments)

        monkeypatch.setattr(ccxt_source.CcxtCandles, "history", wait)
    autopilot = await fresh.start()
    async with asyncio.timeout(4):
        await fresh.cycle(2_000)
    assert fresh.decided() == [(1_999, OWN)]
    assert autopilot.record.errors == 0


async def test_after_an_import_and_a_restart_every_candle_has_its_window(fresh: Fresh) -> None:
    await fresh.start()
    await fresh.cycle(2_000)
    assert fresh.database
    imported = fresh.candles[300:2_003]
    SqliteCandles(fresh.database).save_candles("kraken", SYMBOL, imported)
    await fresh.start()
    await fresh.cycle(2_006)
    whole = {"count": WINDOW, "joined": 0, "joined_from": None, "left_out": []}
    assert fresh.decided()[1:] == [(number, whole) for number in range(2_000, 2_006)]


async def test_an_import_counts_without_a_restart_within_an_hour(fresh: Fresh) -> None:
    await fresh.start()
    await fresh.cycle(2_000)
    assert fresh.database
    SqliteCandles(fresh.database).save_candles("kraken", SYMBOL, fresh.candles[300:1_990])
    await fresh.cycle(2_001)
    assert fresh.decided()[-1][1]["count"] == WINDOW


async def test_after_a_long_pause_what_cannot_be_decided_is_passed_over(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing_over, "MAX_CATCH_UP", 70)
    await fresh.start()
    await fresh.cycle(2_000)
    await fresh.start()
    await fresh.cycle(2_400)
    await fresh.start()
    await fresh.cycle(3_200)
    numbers = [number for number, _ in fresh.decided()]
    assert numbers == [1_999, *range(2_330, 2_400), *range(3_130, 3_200)], "the latest 70"
    counts = [basis["count"] for _, basis in fresh.decided()]
    assert counts == [719] + [WINDOW] * 140
    later, earlier = decisions(fresh.paths.database, limit=600)["passed"]
    assert [(each["candles"], each["code"]) for each in (earlier, later)] == [(330, "MISSED"), (730, "MISSED")]
    assert [fresh.number(later[name]) for name in ("first_at_ms", "last_at_ms")] == [2_400, 3_129]
    assert fresh.health() == []


async def test_a_young_market_is_passed_over_until_the_rules_can_decide(fresh: Fresh) -> None:
    fresh.first = 1_450
    await fresh.start()
    await fresh.cycle(1_998)
    await fresh.cycle(1_999)
    assert fresh.decided() == []
    with pytest.raises(NotFound, match=r"no candle of BTC/USD was decided yet: 549 candles of 1h are too few.*550"):
        decision(fresh.paths.database, SYMBOL)
    (passed,) = decisions(fresh.paths.database)["passed"]
    assert (fresh.number(passed["first_at_ms"]), passed["candles"]) == (1_997, 2)
    assert fresh.health() == [("HISTORY_TOO_SHORT", "warning", "BTC/USD")]
    await fresh.cycle(2_000)
    assert fresh.health() == []
    assert fresh.decided() == [(1_999, OWN | {"count": 550, "left_out": ["confirmed", "consensus"]})]
    assert decision(fresh.paths.database, SYMBOL)["passed"] is None
    await fresh.start()
    await fresh.cycle(2_001)
    assert [number for number, _ in fresh.decided()] == [1_999, 2_000]


@pytest.mark.parametrize("lender", ["", "coinbase"])
async def test_what_was_decided_on_other_candles_is_set_aside_by_parity(fresh: Fresh, lender: str) -> None:
    fresh.lender = lender
    await fresh.start()
    for number in range(2_000, 2_040):
        await fresh.cycle(number)
    assert fresh.database
    assert fresh.samples() == [], "neither short windows nor lent candles are learned from"
    found = await asyncio.to_thread(parity, fresh.paths, fresh.config, 30, unwatched)
    assert (found["recorded"], found["again"], found["differences"]) == (0, 0, [])
    assert found["notes"][-1].startswith("decisions with a signal that had fewer than 1,000 candles")
    assert found["notes"][-1].endswith(f"not compared: {found['set_aside']}")
    SqliteCandles(fresh.database).save_candles("kraken", SYMBOL, fresh.candles[300:1_282])
    await fresh.start()
    for number in range(2_040, 2_065):
        await fresh.cycle(number)
    assert len(fresh.decided()) == 65
    assert fresh.samples()[0] > 300 + WARM_UP
    ((signals,),) = fresh.database.rows("SELECT count(*) FROM decisions WHERE signal_type <> 'none'")
    found = await asyncio.to_thread(parity, fresh.paths, fresh.config, 30, unwatched)
    assert found["differences"] == []
    assert found["set_aside"] > 2
    assert found["recorded"] + found["set_aside"] == signals
    assert found["fills"]["recorded"] == found["fills"]["again"] > 0
    assert abs(float(found["cost"]["total"])) < 0.01
    report = await asyncio.to_thread(period_report, fresh.paths, fresh.config, None)
    assert report.document["signals"] == signals
