"""The values that the shell is offered: from the program, the configuration and the database; quickly, and silently."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.views.names import stored_names
from autopilot.cli.options import OFFLINE, REAL_EXCHANGES, complete_group, complete_strategy
from autopilot.domain.candles import Candles
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.strategies.registry import load_strategies

Completed = Callable[[str], list[str]]


@pytest.fixture
def completed(data_dir: Path) -> Completed:
    """What is offered for the last word of a line, by the installed command."""

    def run(line: str) -> list[str]:
        words = f"autopilot --data-dir {data_dir} {line}"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AUTOPILOT_")},
            "_AUTOPILOT_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        }
        program = Path(sys.executable).with_name("autopilot")
        done = subprocess.run([program], check=False, capture_output=True, text=True, timeout=30, env=environment)
        assert done.stderr == ""
        return done.stdout.split()

    return run


@pytest.fixture
def database(data_dir: Path) -> Database:
    """With candles of two exchanges."""
    database = open_database(data_dir / "autopilot.db")
    at_ms = np.arange(2) * HOUR_MS
    ones = np.ones(2)
    for exchange, symbol in (("kraken", "ADA/EUR"), ("kraken", "BTC/EUR"), ("bitstamp", "ADA/EUR")):
        for timeframe in (Timeframe.H1, Timeframe.M1):
            candles = Candles(timeframe, at_ms, ones, ones, ones, ones, ones)
            SqliteCandles(database).save_candles(exchange, symbol, candles)
    return database


def test_symbols_are_those_configured_and_those_stored(completed, database) -> None:
    assert completed("status ") == ["BTC/USD", "ETH/USD", "ADA/EUR", "BTC/EUR"]
    assert completed("orders --symbol BTC") == ["BTC/USD", "BTC/EUR"]


def test_exchanges_are_those_of_the_program_and_those_stored(completed, database) -> None:
    assert completed("start --exchange ") == ["binance", "coinbase", "kraken", "replay", "simulated", "bitstamp"]
    assert completed("keys add ") == ["binance", "coinbase", "kraken"]


def test_the_exchanges_are_those_that_the_program_knows(autopilot) -> None:
    assert set(OFFLINE) == set(MarketKind) - {MarketKind.REAL}
    assert f"use one of {', '.join(REAL_EXCHANGES)}, or" in autopilot("keys", "add", "bitstamp").err


def test_names_of_a_database_without_candles(database, tmp_path) -> None:
    assert stored_names(database.path, "symbols") == ["ADA/EUR", "BTC/EUR"]
    empty = open_database(tmp_path / "empty.db")
    for kind in ("symbols", "exchanges", "models", "tasks", "decisions"):
        assert stored_names(empty.path, kind) == []


def test_strategies_and_groups_are_those_that_can_be_traded() -> None:
    strategies = load_strategies()
    assert sorted(complete_strategy()) == sorted(strategies.names)
    assert set(complete_group()) == {strategy.group for strategy in strategies}


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("backtest --strategy mac", ["macd"]),
        ("backtest --group mean", ["mean_reversion"]),
        ("data import --layout kr", ["kraken-archive", "kraken"]),
        ("start --timeframe 1", ["1m", "15m", "1h", "1d"]),
        ("config get risk.max_d", ["risk.max_daily_loss_pct", "risk.max_drawdown_pct"]),
    ],
)
def test_values_of_the_program(completed, line, offered) -> None:
    assert completed(line) == offered


def test_models_tasks_and_decisions_are_those_in_the_database(completed, database) -> None:
    with database.transaction(durable=False) as connection:
        connection.execute(
            "INSERT INTO models VALUES ('m-1', 1, 'shadow', 'learned-1', '', '', 0, NULL, '', 'real', '1h'),"
            " ('m-2', 2, 'live', 'learned-1', '', '', 1, NULL, '', 'real', '1h')"
        )
    assert completed("model-info ") == completed("models promote m-") == ["m-2", "m-1"]
    assert completed("tasks ") == []
    assert completed("explain x") == []


@pytest.mark.parametrize("spoiled", ["autopilot.toml", "autopilot.db"])
def test_what_cannot_be_read_is_not_offered_and_says_nothing(completed, data_dir, spoiled) -> None:
    (data_dir / spoiled).write_bytes(b"= no sense at all")
    assert completed("start --exchange k") == ["kraken"]
    assert completed("status N") == []


def test_completion_imports_nothing_heavy(data_dir) -> None:
    heavy = ("numpy", "pandas", "ccxt", "lightgbm", "aiohttp", "talib", "rich")
    script = (
        "import json, sys; from autopilot.cli.app import app; from typer.main import get_command;"
        " from autopilot.cli import options as c;"
        f" root = get_command(app); context = root.make_context('autopilot', ['--data-dir', {str(data_dir)!r}],"
        " resilient_parsing=True);"
        " [each(context) for each in (c.complete_symbol, c.complete_exchange, c.complete_model, c.complete_task)];"
        " [each() for each in (c.complete_strategy, c.complete_group, c.complete_key, c.complete_timeframe)];"
        f" print(json.dumps([name for name in {heavy!r} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=30)
    assert json.loads(done.stdout) == []
