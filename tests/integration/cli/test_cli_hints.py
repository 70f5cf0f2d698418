"""What to try suits what was wrong: a table of wrong input, of which each hint leads further."""

from __future__ import annotations

import pytest

from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database

STORED = ("--exchange", "kraken", "--symbol", "BTC/USD")


@pytest.fixture
def stored(autopilot, data_dir, random_candles):
    """Candles of kraken BTC/USD in 1h, from 1970 on, and no daemon."""
    database = open_database(data_dir / "autopilot.db")
    SqliteCandles(database).save_candles("kraken", "BTC/USD", random_candles(1, 1_100))
    database.close()
    return autopilot


@pytest.mark.parametrize(
    ("arguments", "code", "says", "hint"),
    [
        (
            ("backtest", *STORED, "--from", "2090"),
            2,
            "no candle opens at 2090-01-01 00:00Z or later",
            "an earlier --from",
        ),
        (("backtest", *STORED, "--from", "2090-05-06"), 2, "the last one opens at ", "an earlier --from"),
        (("backtest", *STORED, "--to", "1960"), 2, "no candles of BTC/USD before the end", "a later --to"),
        (("backtest", *STORED, "--from", "2024", "--to", "2023"), 2, "is not after --from 2024", "a later --to"),
        (("backtest", *STORED, "--from", "soon"), 2, "'soon' is not a date", "2024-01-31"),
        (("backtest", "--exchange", "krakn"), 2, "no candles of krakn are stored", 'did you mean "kraken"?'),
        (("backtest", "--exchange", "simulatd"), 2, "no candles of simulatd are stored", 'did you mean "simulated"?'),
        (
            ("backtest", "--exchange", "kraken", "--symbol", "BTC/USDT"),
            1,
            "of BTC/USDT: kraken",
            'did you mean "BTC/USD"?',
        ),
        (("backtest", *STORED, "--strategy", "macdd"), 2, "there is no strategy 'macdd'", 'did you mean "macd"?'),
        (("backtest", *STORED, "--group", "trend"), 2, "unknown group 'trend'", 'did you mean "trend_following"?'),
        (("backtest", *STORED, "--timeframe", "1H"), 2, "unknown timeframe '1H'", 'did you mean "1h"?'),
        (("retrain", "--exchange", "simulatd"), 2, "there is no exchange 'simulatd'", 'did you mean "simulated"?'),
        (("start", "--exchange", "Binance"), 2, "there is no exchange 'Binance'", 'did you mean "binance"'),
        (("pause", "--exchange", "krakn"), 2, "there is no exchange 'krakn'", 'did you mean "kraken"'),
        (("arm", "--exchange", "simulated", "--max-value", "9"), 2, "there is no real money there", "kraken"),
        (("arm", "--exchange", "krakn", "--max-value", "9"), 2, "there is no such exchange", 'did you mean "kraken"?'),
        (("disarm", "--exchange", "replay"), 2, "there is no real money there", "trade on paper"),
        (("keys", "add", "coinbas"), 2, "there is no such exchange", 'did you mean "coinbase"?'),
        (("config", "get", "intervl"), 2, "there is no such key; did you mean", "autopilot config show"),
        (("config", "set", "exchange", "simulatd"), 2, 'did you mean "simulated"?', "autopilot config show"),
        (("tasks", "nosuch"), 1, "there is no task 'nosuch'", "autopilot tasks lists them"),
        (("tasks", "cancel", "nosuch"), 1, "there is no task 'nosuch'", "autopilot tasks lists them"),
        (("tasks", "cancel"), 2, "the id of the training is missing", "autopilot tasks shows the ids"),
        (("tasks", "one", "two"), 2, "unexpected argument: two", "autopilot tasks --help"),
        (("model-info", "m-nosuch"), 1, "there is no model 'm-nosuch'", "autopilot models list"),
        (("orders", "--since", "soon"), 2, "'soon' is not a date or a time", "2024-01-31"),
        (("report",), 1, "", "autopilot start"),
    ],
)
def test_a_hint_suits_the_mistake(stored, arguments, code, says, hint) -> None:
    done = stored(*arguments)
    *_, error, last = [line for line in done.err.splitlines() if line.startswith(("error: ", "try: "))]
    assert done.code == code, done.err
    assert says in error
    assert last.startswith("try: ")
    assert hint in last


@pytest.mark.parametrize("command", ["report", "parity"])
def test_reports_without_a_database_find_nothing(autopilot, command) -> None:
    done = autopilot(command)
    assert (done.code, done.err.splitlines()[0]) == (1, "error: nothing was recorded here yet")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("orders", "--symbol", "XX/USD"), "No orders of XX/USD."),
        (("orders", "--open"), "No orders that may still be filled."),
        (("trades", "--symbol", "xx-usd", "--since", "2024"), "No trades of XX/USD since 2024-01-01 00:00Z."),
        (("signals", "--before", "2024-01-31T12:00"), "No signals before 2024-01-31 12:00Z."),
        (("decisions", "--action", "denied"), "No decisions with the action denied."),
        (("audit", "show", "--kind", "order"), "No rows with the kind order."),
        (("tasks", "--since", "2024"), "No trainings since 2024-01-01 00:00Z."),
        (("orders",), "No orders yet."),
    ],
)
def test_an_empty_list_says_what_was_asked_for(stored, arguments, says) -> None:
    assert stored(*arguments).out == f"{says}\n"


def test_the_last_line_of_a_page_is_the_command_of_the_next(autopilot, daemon) -> None:
    orders = daemon.answers["/api/autopilot/orders"][1]
    daemon.answers["/api/autopilot/orders"] = (200, {**orders, "next": "1705276800000,512"})
    done = autopilot("orders", "--symbol", "btc-usd", "--limit", "2", "--since", "2024-01-01")
    *_, more, last = done.out.splitlines()
    command = "autopilot orders --symbol BTC/USD --limit 2 --since 1704067200000 --before 1705276800000,512"
    assert (more, last) == ("There is more:", f"  {command}")
    assert autopilot(*command.split()[1:]).out == done.out
    asked = [given for _, path, given in daemon.requests if path.endswith("/orders")]
    expected = {"symbol": "BTC/USD", "limit": "2", "since": "1704067200000"}
    assert asked == [expected, {**expected, "before": "1705276800000,512"}]
