"""The regret ledger of a run: autopilots decide on a moving market, and the report is what their books say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from statistics import fmean
from typing import Any

import pytest

from autopilot.adapters.store.compact_returns import RETURNS, StoredReturns
from autopilot.app.report.performance import performance_report
from autopilot.domain.timeframe import DAY_MS, HOUR_MS
from autopilot.strategies.registry import load_strategies

SYMBOLS = ("BTC/USD", "ETH/USD")
Open = Callable[..., Any]


async def test_the_report_is_what_the_books_say(open_desk: Open) -> None:
    desk = open_desk(*load_strategies(), symbols=SYMBOLS, execute=False)
    await desk.hours(60)
    threshold = 0.45
    report = performance_report(desk.database.path, threshold, None, None)

    decided = desk.rows("symbol, candle_at_ms, strategy, confidence, price", "decisions", "candle_at_ms, symbol")
    samples = desk.rows(f"symbol, candle_at_ms, {RETURNS}", "performance_samples AS s", "candle_at_ms")
    stored = StoredReturns(desk.database.connection)
    returns = {(symbol, at_ms): stored.of(*found) for symbol, at_ms, *found in samples}
    price = {(symbol, at_ms): price for symbol, at_ms, _, _, price in decided}
    by_day: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for symbol, at_ms, strategy, confidence, _ in decided:
        if (symbol, at_ms) not in returns:
            continue
        earned, day = returns[symbol, at_ms], at_ms // DAY_MS
        by_day["selector"][day].append(earned[strategy] if confidence >= threshold else 0.0)
        by_day["always_followed"][day].append(earned[strategy])
        by_day["equal_weight"][day].append(fmean(earned.values()))
        by_day["buy_and_hold"][day].append(price[symbol, at_ms + 24 * HOUR_MS] / price[symbol, at_ms] - 1)
        for name, value in earned.items():
            by_day[name][day].append(value)

    (market,) = report["markets"]
    ledger = market["ledger"]
    found = {line["name"]: line for line in (*ledger["lines"], *ledger["strategies"])}
    assert (market["exchange"], market["market"], market["decisions"]) == ("moved", "real", len(decided))
    assert 0 < ledger["followed"] < ledger["decisions"]
    for name, days in by_day.items():
        assert found[name]["decisions"] == sum(map(len, days.values()))
        assert found[name]["days"] == len(days)
        expected = 1e4 * fmean(fmean(values) for values in days.values())
        assert found[name]["mean_bps"]["point"] == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert found["rule_table"] == found["always_followed"] | {"name": "rule_table"}, "no model: the rules decided all"
    assert {each["name"]: each["decisions"] for each in ledger["by_symbol"]} == {
        symbol: sum(1 for key in returns if key in price and key[0] == symbol) for symbol in SYMBOLS
    }

    only = performance_report(desk.database.path, threshold, "ETH/USD", 1)["markets"][0]["ledger"]
    newest = max(day for day in by_day["selector"])
    ethers = [at_ms for symbol, at_ms in returns if symbol == "ETH/USD" and at_ms // DAY_MS == newest]
    assert (only["decisions"], only["days"]) == (len(ethers), 1)


async def test_before_anything_has_matured_it_says_when_the_first_will(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["says"]())
    await desk.hours(1)
    assert performance_report(desk.database.path, 0.75, "SOL/USD", None)["markets"] == []
    (market,) = performance_report(desk.database.path, 0.75, None, None)["markets"]
    assert market["ledger"] is None
    while market["ledger"] is None:
        assert desk.market.at_ms < market["first_matures_at_ms"]
        await desk.hours(1)
        (market,) = performance_report(desk.database.path, 0.75, None, None)["markets"]
    assert desk.market.at_ms == market["first_matures_at_ms"]
    assert desk.market.at_ms >= market["ledger"]["first_at_ms"] + 25 * HOUR_MS
