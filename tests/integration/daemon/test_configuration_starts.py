# ruff: noqa: PT017 - either outcome is right; what is asserted is how a refusal looks
"""What the configuration allows, runs: a value that is valid starts, and one that is refused is named.

Every key gets values of every kind. Valid ones are built into all that the daemon and the commands make of them, and
together they start a daemon on the simulated market.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from autopilot.adapters.store.database import open_database
from autopilot.app.backtest.data import Period
from autopilot.app.trading.accounts import AccountOpener
from autopilot.app.training.tasks import training_request
from autopilot.cli.backtest_request import backtest_request
from autopilot.config import schema
from autopilot.config.keys import all_keys
from autopilot.config.load import LoadedConfig, check
from autopilot.config.overrides import set_value
from autopilot.config.paths import Paths, create_directories, find_paths
from autopilot.config.problems import Problem, Source
from autopilot.config.schedule import cron_trigger
from autopilot.config.schema import AutopilotConfig
from autopilot.control.requests import RetrainRequest, StartRequest
from autopilot.daemon.wiring import open_service
from autopilot.domain.errors import ConfigError
from autopilot.engine.events import EventLog
from autopilot.execution.restrictions import Restrictions

NUMBERS = (-86_400_000, -1, 0, 1, 2, 3, 10, 100, 3_650, 100_000, 10**12, 2**32 - 1, 0.0, 1e-9, 0.5, 0.9, 99.5, 1e9)
TEXTS = (
    "",
    "0001-01-01T00:00:00+14:00",
    "1970-01-01",
    "1969-12-31T23:59:59",
    "1973-01-01",
    "2024-W01-1",
    "2024-06-01T12:00:00+02:00",
    "9999-12-31",
    "2024-02-30",
    "1m",
    "1h",
    "1d",
    "2h",
    "auto",
    "off",
    "kraken",
    "simulated",
    "replay",
    "nosuch",
    "tcp://host:8786",
    "tls://[::1]:8786",
    "tcp://host",
    "tcp://host:99999",
    "smtp://host:25",
    "0 3 * * 0",
    "30 2 1,15 * mon-fri",
    "61 25 * * *",
    "0 3 31 2 *",
    "0 3 * * 9",
    "*/99 * * * *",
    "stop_entries",
    "close_positions",
    "much",
)
LISTS = (
    ["BTC/USD"],
    ["ETH/EUR", "SOL/USD"],
    ["BTC/USD", "BTC/USD"],
    ["BTC/USD", "btc-usd"],
    ["BTCUSD"],
    ["BTC/BTC"],
    ["BTC/USD:USD"],
    [],
    [1, 2],
    [2, 1],
    [0, 10**30],
    [[1]],
)
POOL: tuple[Any, ...] = (*NUMBERS, *TEXTS, *LISTS, True, False)
ROUNDS = 12
"""Daemons that are started, each with another valid value of every key."""


def tables_of(values: Mapping[str, Any]) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for key, value in values.items():
        *sections, last = key.split(".")
        table = tables
        for section in sections:
            table = table.setdefault(section, {})
        table[last] = value
    return tables


def checked(values: Mapping[str, Any]) -> LoadedConfig | list[Problem]:
    nothing = Source(Path("autopilot.toml"), "", {})
    return check(nothing, Source(Path("overrides.toml"), "", tables_of(values)))


@contextmanager
def somewhere() -> Iterator[Paths]:
    with tempfile.TemporaryDirectory() as directory:
        paths = find_paths(None, Path(directory), {})
        create_directories(paths)
        yield paths


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Makes all that the daemon and the commands make of a configuration, but for what a network would answer."""
    paths = find_paths(None, tmp_path_factory.mktemp("build"), {})
    create_directories(paths)
    database = open_database(paths.database)

    def make(config: AutopilotConfig) -> None:
        opener = AccountOpener(config, database, EventLog(lambda: 0), Restrictions())
        for exchange in {"simulated", "replay", config.exchange}:
            opener.open(f"paper:{exchange}")
        for symbol in config.symbols:
            config.trading(
                symbol,
                exchange=config.exchange,
                timeframe=config.timeframe,
                interval_s=config.interval,
                auto_execute=config.auto_execute,
                paper_trading=config.paper_trading,
            )
        if config.training.schedule:
            cron_trigger(config.training.schedule)
        config.acting()
        backtest_request(config, period=Period())
        paths.config_file.write_text("")
        training_request(paths, RetrainRequest())

    yield make
    database.close()


@pytest.mark.parametrize("key", all_keys())
def test_every_value_of_every_key_builds_or_is_named(key: str, build: Any) -> None:
    for value in POOL:
        result = checked({key: value})
        if isinstance(result, LoadedConfig):
            build(result.config)
            continue
        alone = f"{key} = {json.dumps(value, ensure_ascii=False)} must be {all_keys()[key].allowed}"
        for problem in result:
            of_two_keys = f"{key} = " in problem.words and problem.words.count(" = ") > 1
            assert problem.words.startswith(alone) or of_two_keys, problem.words


@given(st.dictionaries(st.sampled_from(list(all_keys())), st.sampled_from(POOL), min_size=2, max_size=8))
@settings(max_examples=200)
def test_values_together_build_or_each_problem_names_a_key(values: dict[str, Any]) -> None:
    result = checked(values)
    if isinstance(result, LoadedConfig):
        assert result.values().keys() == all_keys().keys()
        return
    for problem in result:
        assert any(key in problem.words for key in values), problem.words


def valid_values() -> dict[str, list[Any]]:
    return {key: [value for value in POOL if isinstance(checked({key: value}), LoadedConfig)] for key in all_keys()}


def agreeing(values: dict[str, Any]) -> dict[str, Any]:
    """Those of the values that are valid together: what a problem names is left out."""
    while not isinstance(result := checked(values), LoadedConfig):
        named = [key for key in values if any(key in problem.words for problem in result)]
        values = {key: value for key, value in values.items() if key not in named}
    return values


def test_a_daemon_starts_with_every_valid_value() -> None:
    valid = valid_values()
    assert all(valid.values()), "every key has a valid value in the pool"
    for number in range(ROUNDS):
        chosen = agreeing({key: options[number % len(options)] for key, options in valid.items()})
        assert len(chosen) > 0.6 * len(valid)
        with somewhere() as paths:
            paths.overrides_file.write_text(tomli_w.dumps(tables_of(chosen)), encoding="utf-8")
            state = asyncio.run(started(paths))
        assert state["running"], (chosen, state)
        assert state["cycles"] > 0, (chosen, state)
        assert state["last_error"] is None, (chosen, state)


async def started(paths: Paths) -> dict[str, Any]:
    service = open_service(paths, lambda: None)
    try:
        request = StartRequest(symbols=("BTC/USD",), exchange="simulated", interval=60.0, paper_trading=True)
        await service.start(request)
        status = await service.status("BTC/USD")
        found: dict[str, Any] = status["symbols"][0]
        return found
    finally:
        await service.close()


@pytest.mark.parametrize("installed", [True, False])
def test_a_cluster_needs_dask(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "find_spec", lambda name: object() if installed else None)
    result = checked({"compute.scheduler": "tcp://host:8786"})
    if installed:
        assert isinstance(result, LoadedConfig)
    else:
        assert isinstance(result, list)
        assert "Dask is not installed here: pip install" in result[0].words


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"risk.max_position_pct": 70}, "risk.max_position_pct = 70 is more than risk.max_exposure_pct = 60"),
        ({"risk.max_exposure_pct": 10}, "risk.max_position_pct = 20 is more than risk.max_exposure_pct = 10"),
        (
            {"risk.min_order_value": 2_001},
            "risk.min_order_value = 2001 is more than the largest position on paper, 2000",
        ),
        ({"paper.balance": 4}, "paper.balance = 4"),
        (
            {"training.days": 2, "training.min_samples_per_strategy": 7},
            "training.min_samples_per_strategy = 7 can never",
        ),
        ({"risk.stop_guard.symbol_stops": 26}, "risk.stop_guard.symbol_stops = 26 can never be reached within"),
        ({"risk.low_profit.min_trades": 26}, "risk.low_profit.lookback_candles = 24"),
        ({"exchange": "kraken", "interval": 0.5}, 'interval = 0.5 is too short for exchange = "kraken"'),
        ({"exchange": "simulated", "symbols": ["BTC/PLN"]}, "the simulated market has no BTC/PLN; it has AAVE"),
        ({"exchange": "simulated", "symbols": ["BTC/USD", "XYZ/EUR"]}, "the simulated market has no XYZ/EUR"),
        ({"simulated.end": "2023-01-01"}, 'simulated.end = "2023-01-01" does not come after simulated.start'),
    ],
)
def test_limits_that_contradict_each_other_are_named_with_both_values(values: dict[str, Any], says: str) -> None:
    result = checked(values)
    assert isinstance(result, list)
    assert says in result[0].words


@pytest.mark.parametrize("key", all_keys())
def test_a_refused_value_is_not_changed_and_no_file_is_named(key: str) -> None:
    with somewhere() as paths:
        refused = False
        for value in ("nonsense value", "-7", "[[1]]"):
            try:
                set_value(paths, key, value)
            except ConfigError as error:
                refused = True
                assert str(error).startswith(f"not changed: {key}"), error
                assert str(paths.data_dir) not in f"{error} {error.hint}"
                assert not paths.overrides_file.exists()
            else:
                paths.overrides_file.unlink()
        assert refused


def test_a_configuration_that_was_wrong_before_is_named_as_such() -> None:
    with somewhere() as paths:
        paths.config_file.write_text("interval = -1\n")
        with pytest.raises(ConfigError, match="not changed: the configuration already has a problem") as caught:
            set_value(paths, "symbols", "ETH/USD")
        assert f"{paths.config_file}, line 1: interval = -1 must be a number above 0" in str(caught.value)
        assert set_value(replace_config(paths), "symbols", "ETH/USD").config.symbols == ("ETH/USD",)


def replace_config(paths: Paths) -> Paths:
    """The user corrects the file."""
    paths.config_file.write_text("interval = 10\n")
    return paths
