"""`autopilot backtest` as its user would try it."""

from __future__ import annotations

import json
from pathlib import Path

import empyrical
import pandas as pd
import pytest
from home import Home

from autopilot.domain.timeframe import Timeframe

SHORT = ("--exchange", "simulated", "--symbol", "BTC/USD", "--days", "40")


def test_the_rule_table_with_everything_beside_it(home: Home, tmp_path: Path) -> None:
    file, page = tmp_path / "decisions.jsonl", tmp_path / "report.html"
    done = home.run("backtest", *SHORT, "--no-model", "--json", "--decisions", file, "--html", page)
    assert done.code == 0, done.err
    assert "SIMULATED MARKET" in page.read_text()
    found = done.document
    assert (found["decided_by"], found["models"]) == ("the rule table", [])
    assert 940 < found["candles"] <= 960, "the simulated market has gaps"
    names = [each["name"] for each in found["comparison"]]
    assert names[:3] == ["this", "buy and hold", "doing nothing"]
    assert sum(name.startswith("only ") for name in names) == 14
    traded = [each for each in found["comparison"] if each["name"].startswith("only ") and each["trades"]]
    best = next(each for each in found["comparison"] if each["name"].startswith("best"))
    assert best["total_return"] == max(each["total_return"] for each in traded)
    assert best["trades"] > 0
    decisions = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(decisions) == found["signals"] > 0
    assert sum(each["denied_code"] is not None for each in decisions) == sum(found["denied"].values())
    for rows in found["breakdown"].values():
        assert sum(row["trades"] for row in rows) == found["metrics"]["trades"]
    stages = ["candles", "indicators and signals", "trading", "comparison"]
    assert done.err.splitlines() == [*stages, f"the report is in {page}"]


CASES = Path(__file__).parents[1] / "cases" / "candles"


@pytest.mark.parametrize(
    ("case", "timeframe", "days", "annual_return", "sharpe"),
    [("gap", Timeframe.H1, 83.333, 0.002427, 0.0926), ("thin", Timeframe.D1, 2332, 0.005783, 0.5479)],
)
def test_annual_figures_go_by_the_calendar(
    home: Home, case: str, timeframe: Timeframe, days: float, annual_return: float, sharpe: float
) -> None:
    market = ("--exchange", "testx", "--symbol", "BTC/USD", "--timeframe", timeframe.value)
    assert home.here("data", "import", CASES / f"{case}.csv.gz", *market).code == 0
    found = home.json("backtest", *market, "--no-model", "--no-compare")
    metrics, held = found["metrics"], found["comparison"][1]
    assert metrics["days"] == pytest.approx(days, abs=0.001)
    assert metrics["annual_return"] == pytest.approx(annual_return, abs=1e-6)
    assert metrics["sharpe"] == pytest.approx(sharpe, abs=1e-4)
    daily = daily_closes(case, found["from_ms"], timeframe)
    assert held["sharpe"] == pytest.approx(empyrical.sharpe_ratio(daily, annualization=365), rel=1e-4)
    assert held["sortino"] == pytest.approx(empyrical.sortino_ratio(daily, annualization=365), rel=1e-4)
    assert held["annual_volatility"] == pytest.approx(empyrical.annual_volatility(daily, annualization=365), rel=1e-4)
    assert held["annual_return"] == pytest.approx((1.0 + held["total_return"]) ** (365 / metrics["days"]) - 1.0)


def daily_closes(case: str, from_ms: int, timeframe: Timeframe) -> pd.Series[float]:
    """The daily returns of buy and hold, bought at the first close with the costs of the test: of every day."""
    candles = pd.read_csv(CASES / f"{case}.csv.gz")
    closed = pd.to_datetime(1000 * candles["timestamp"] + timeframe.ms - 1, unit="ms", utc=True)
    close = candles["close"].set_axis(pd.DatetimeIndex(closed))
    held = close[close.index > pd.Timestamp(from_ms, unit="ms", tz="UTC")].resample("1D").last().ffill()
    first = close[close.index > pd.Timestamp(from_ms, unit="ms", tz="UTC")].iloc[0]
    worth = held / (first * (1.0 + 5e-4) * (1.0 + 4e-3))
    return worth / worth.shift(1, fill_value=1.0) - 1.0


def test_the_same_backtest_gives_the_same_document(home: Home) -> None:
    once, again = (home.here("backtest", *SHORT, "--no-model", "--no-compare", "--json").document for _ in range(2))
    assert once == again


def test_costs_and_money_are_as_asked(home: Home) -> None:
    free = home.json("backtest", *SHORT, "--strategy", "macd", "--fee", "0", "--slippage", "0", "--balance", "500")
    dear = home.json("backtest", *SHORT, "--strategy", "macd", "--fee", "1", "--balance", "500")
    assert (free["balance"], float(free["metrics"]["fees"])) == ("500", 0.0)
    assert float(dear["metrics"]["fees"]) > 0
    assert float(free["metrics"]["net"]) > float(dear["metrics"]["net"])
    assert {row["name"] for row in free["breakdown"]["strategy"] if not row["is_open"]} == {"macd"}


def test_models_decide_only_what_came_after_them(home: Home) -> None:
    asked = ("--exchange", "simulated", "--symbol", "BTC/USD", "--days", "160", "--retrain-every", "20w", "--ungated")
    found = home.json("backtest", *asked, "--no-compare")
    assert [each["id"] for each in found["models"]] == ["walk-2024-01-01", "walk-2024-05-20"]
    for each in found["models"]:
        assert each["trained_until_ms"] <= each["from_ms"] < each["until_ms"]
    assert 0 < found["by_models"] <= found["signals"]


def test_a_model_is_not_tested_on_what_it_was_trained_on(home: Home) -> None:
    home.configure(exchange="simulated", symbols=["BTC/USD"])
    model = home.json("retrain", "--exchange", "simulated", "--symbol", "BTC/USD", "--days", "60")["result"]["model_id"]
    asked = ("backtest", "--symbol", "BTC/USD", "--from", "2023-12-01", "--to", "2024-01-10", "--model", model)
    refused = home.here(*asked)
    assert refused.code != 0
    assert "would decide candles that it has seen" in refused.err
    shown = home.here(*asked, "--in-sample", "--no-compare")
    assert shown.code == 0, shown.err
    assert "IN SAMPLE: the model was trained on this period" in shown.out
    assert shown.out.count("(IN SAMPLE)") >= 3
    later = home.json("backtest", "--symbol", "BTC/USD", "--days", "20", "--model", model, "--no-compare")
    assert not later["in_sample"]
    assert later["by_models"] > 0


def test_nothing_that_comes_with_it_looks_ahead(home: Home) -> None:
    asked = ("backtest", "check", "--exchange", "simulated", "--symbol", "ETH/USD", "--cuts", "3")
    found = home.json(*asked)
    assert (found["findings"], len(found["strategies"]), found["cuts"]) == ([], 14, 3)
    assert "Nothing looks ahead" in home.here(*asked).out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--exchange", "kraken"), "there are no candles of BTC/USD: kraken cannot be reached"),
        ((*SHORT, "--strategy", "martingale"), "there is no strategy 'martingale'"),
        ((*SHORT, "--model", "m-9"), "there is no model 'm-9'"),
        ((*SHORT, "--symbol", "BTC/EUR", "--no-model"), "one currency"),
        ((*SHORT, "--from", "2024-01-01"), "both set the start"),
        ((*SHORT, "--no-model", "--no-compare", "--decisions", "/nowhere/at/all"), "cannot write"),
    ],
)
def test_what_cannot_be_done_is_said(home: Home, arguments: tuple[str, ...], words: str) -> None:
    done = home.here("backtest", *arguments)
    assert done.code != 0
    assert words in done.err
    assert "try: " in done.err


def test_a_sweep_says_how_much_of_it_is_luck(home: Home) -> None:
    asked = ("sweep", *SHORT, "--strategy", "grid", "--tries", "4", "--folds", "2")
    found = home.json(*asked)
    assert (len(found["folds"]), len(found["all"])) == (2, 4)
    shown = home.here(*asked)
    assert shown.code == 0, shown.err
    assert "Walk-forward over" in shown.out
    assert " ".join(found["verdict"].split()) in " ".join(shown.out.split())


def test_a_sweep_of_nothing_is_refused(home: Home) -> None:
    done = home.here("sweep", *SHORT)
    assert done.code != 0
    assert "nothing to search" in done.err
    assert "try: " in done.err
