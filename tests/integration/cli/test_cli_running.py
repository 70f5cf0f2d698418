"""Starting and stopping, as the command line tells the daemon."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from autopilot.adapters.store.schema import APPLICATION_ID
from autopilot.domain.errors import StrategyError
from autopilot.strategies import registry

API = "/api/autopilot"
DOCUMENTS = Path(__file__).parents[2] / "golden" / "cli" / "documents"


def symbols() -> list[dict[str, Any]]:
    return json.loads((DOCUMENTS / "status.json").read_text())["symbols"]


@pytest.fixture
def starting(daemon):
    daemon.answers[f"{API}/start"] = (200, {"started": symbols(), "already_running": ["XRP/USD"]})
    return daemon


def test_start_says_for_each_symbol_what_started_and_what_keeps_it_from_running(autopilot, starting) -> None:
    done = autopilot("start")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "SIMULATED MARKET – prices are made up",
        "BTC/USD on simulated (1h, every 60 s, paper money, auto-execute on): running",
        "ETH/USD on simulated (1h, every 60 s, paper money, auto-execute on): running",
        "SOL/USD on coinbase (1h, every 60 s, paper money, auto-execute off): not running yet, Autopilot keeps trying",
        "  coinbase cannot be reached: no route to host",
        "  try: check the network; it is tried again every 60 s",
        "XRP/USD is running already; nothing changed",
    ]
    assert autopilot("start", "--json").document == starting.answers[f"{API}/start"][1]


def test_start_twice_is_no_failure(autopilot, starting) -> None:
    starting.answers[f"{API}/start"] = (200, {"started": [], "already_running": ["BTC/USD"]})
    done = autopilot("start", "--symbol", "BTC/USD")
    assert (done.code, done.out) == (0, "BTC/USD is running already; nothing changed\n")


def test_start_sends_what_was_given_and_leaves_the_rest_to_the_configuration(autopilot, starting) -> None:
    autopilot("start")
    autopilot(
        *("start", "--symbol", "btc-usd", "--symbol", "ETH/USD", "--exchange", "replay", "--timeframe", "4h"),
        *("--interval", "0.5", "--paper", "--no-auto-execute"),
    )
    bodies = [given for method, path, given in starting.requests if path == f"{API}/start"]
    assert bodies == [
        {},
        {
            "symbols": ["BTC/USD", "ETH/USD"],
            "exchange": "replay",
            "timeframe": "4h",
            "interval": 0.5,
            "paper_trading": True,
            "auto_execute": False,
        },
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--symbol", "BTCUSD"], "'BTCUSD' is not a spot symbol"),
        (["--timeframe", "7m"], "unknown timeframe '7m'"),
        (["--interval", "0"], "is not a number of seconds above 0"),
        (["--interval", "-5"], "is not a number of seconds above 0"),
        (["--interval", "nan"], "is not a number of seconds above 0"),
        (["--interval", "soon"], "--interval"),
        (["--nonsense"], "there is no option --nonsense"),
        (["--exchange", "simulatd"], "there is no exchange 'simulatd'"),
        (["--exchange", "Kraken"], "there is no exchange 'Kraken'"),
        (["extra"], "extra"),
    ],
)
def test_what_makes_no_sense_is_refused_before_a_daemon_is_started(autopilot, data_dir, arguments, said) -> None:
    done = autopilot("start", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err.splitlines()[0]
    assert done.err.splitlines()[-1].startswith("try: ")
    assert list((data_dir / "run").iterdir()) == []
    document = autopilot("start", *arguments, "--json").document
    assert said in document["error"]["message"]


def test_a_configuration_that_is_wrong_is_exit_code_2_of_start_too(autopilot, data_dir) -> None:
    (data_dir / "autopilot.toml").write_text("intervall = 5\n")
    done = autopilot("start", "--symbol", "BTC/USD", "--exchange", "simulated")
    assert done.code == 2
    assert "intervall" in done.err
    assert "Traceback" not in done.err


def test_stop_one_symbol(autopilot, daemon) -> None:
    daemon.answers[f"{API}/stop"] = (
        200,
        {"stopped": ["BTC/USD"], "flattened": [], "warnings": ["0.025 BTC stay held"], "daemon": "running"},
    )
    done = autopilot("stop", "--symbol", "BTC/USD")
    assert (done.code, done.out, done.err) == (0, "BTC/USD stopped\n", "warning: 0.025 BTC stay held\n")
    assert daemon.asked(f"{API}/stop") == {"symbol": "BTC/USD", "flatten": False}


def test_stop_all_waits_until_the_daemon_is_gone(autopilot, daemon, data_dir) -> None:
    daemon.answers[f"{API}/stop"] = (
        200,
        {"stopped": ["BTC/USD", "ETH/USD"], "flattened": ["ETH/USD"], "warnings": [], "daemon": "stopping"},
    )
    done = autopilot("stop", "--flatten", "--json")
    assert (done.code, done.document) == (0, daemon.answers[f"{API}/stop"][1])
    assert daemon.asked(f"{API}/stop") == {"symbol": None, "flatten": True}
    assert autopilot("status").code == 3


@pytest.mark.parametrize(
    ("problem", "level", "code"),
    [
        ("X", "error", 1),
        ("X", "warning", 0),
        ("X", "info", 0),
        ("CLOCK_WRONG", "error", 1),
        ("CLOCK_WRONG", "warning", 1),
        ("CLOCK_WRONG", "info", 0),
        ("EXIT_REFUSED", "error", 1),
        ("EXIT_REFUSED", "warning", 1),
        ("POSITION_UNMONITORED", "info", 0),
        ("SYMBOL_RETRYING", "warning", 0),
    ],
)
def test_a_check_fails_where_somebody_must_act(autopilot, daemon, problem: str, level: str, code: int) -> None:
    status = json.loads((DOCUMENTS / "status.json").read_text())
    found = {"code": problem, "level": level, "subject": "it", "detail": "is so", "since_ms": None, "hint": "look"}
    daemon.answers[f"{API}/status"] = (200, {**status, "health": [found]})
    assert autopilot("status", "--check").code == code
    assert autopilot("status", "--check", "--json").code == code
    assert autopilot("status").code == 0


def test_what_cannot_be_taken_up_is_exit_code_1(autopilot, starting) -> None:
    left = {"symbol": "XRP/USD", "code": "KEYS_LOCKED", "kind": "safety", "message": "keys are locked", "hint": "look"}
    starting.answers[f"{API}/start"][1]["left_out"] = [left]
    done = autopilot("start")
    assert done.code == 1
    assert done.out.splitlines()[-2:] == ["XRP/USD could not be taken up: keys are locked", "  try: look"]


@pytest.mark.parametrize("quantity", ["0", "-1", "1e3", "nan", "0x10", "0.1.2", "1,5", "٣"])
def test_an_exit_of_no_amount_is_refused_before_the_daemon_is_asked(autopilot, daemon, quantity: str) -> None:
    done = autopilot("exit", "BTC/USD", "--quantity", quantity)
    assert (done.code, daemon.requests) == (2, [])
    assert "is not an amount above 0" in done.err


@pytest.mark.parametrize("account", ["", "kraken", "paper:", "live:Kraken", "margin:kraken", "paper:kraken "])
def test_an_exit_of_no_account_is_refused_before_the_daemon_is_asked(autopilot, daemon, account: str) -> None:
    done = autopilot("exit", "BTC/USD", "--account", account)
    assert (done.code, daemon.requests) == (2, [])
    assert "is not an account such as paper:kraken" in done.err


def _newer_database(data_dir: Path, _: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(data_dir / "autopilot.db")) as database:
        database.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 999")


def _foreign_database(data_dir: Path, _: pytest.MonkeyPatch) -> None:
    (data_dir / "autopilot.db").touch()


def _broken_strategy(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise StrategyError("mine:strategy is broken", hint="mend it")

    monkeypatch.setattr(registry, "load_strategies", fail)


@pytest.mark.parametrize(
    ("spoil", "code", "why"),
    [
        (_newer_database, 1, "has version 999"),
        (_foreign_database, 1, "is empty"),
        (_broken_strategy, 2, "mine:strategy is broken"),
    ],
)
def test_what_would_keep_the_next_daemon_from_starting_does_not_end_the_one_that_runs(
    autopilot, daemon, data_dir: Path, monkeypatch: pytest.MonkeyPatch, spoil: Any, code: int, why: str
) -> None:
    spoil(data_dir, monkeypatch)
    done = autopilot("restart")
    assert (done.code, daemon.requests) == (code, [])
    assert why in done.err


def test_an_exit_that_left_something_is_exit_code_1(autopilot, daemon) -> None:
    answer = {"symbol": "BTC/USD", "sold": "0", "position": None, "running": True, "accounts": [], "complete": False}
    daemon.answers[f"{API}/exit"] = (200, answer)
    assert autopilot("exit", "btc-usd", "--quantity", "0.10", "--account", "paper:kraken").code == 1
    assert daemon.asked(f"{API}/exit") == {"symbol": "BTC/USD", "quantity": "0.10", "account": "paper:kraken"}


def test_stop_without_a_daemon(autopilot) -> None:
    done = autopilot("stop")
    assert done.code == 3
    assert done.err.startswith("error: the daemon is not running")
