"""Every command that changes something has its row in the audit log, with a daemon or without one, whatever became of
it; and every command is either in the tables below or read-only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from small_models import keep_model
from typer.main import get_command

from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.store.audit import recent
from autopilot.adapters.store.database import open_database
from autopilot.cli.app import COMMANDS, app
from autopilot.domain.audit import AuditKind
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelScope, ModelState
from autopilot.domain.timeframe import Timeframe

API = "/api/autopilot"
READ_ONLY = {
    *("status", "signals", "explain", "decisions", "orders", "positions", "trades", "performance", "model-info"),
    *("db size", "db query"),
    *("models list", "models show", "models diff", "keys list", "audit show", "audit verify"),
    *("config show", "config get", "config path", "config validate", "data list", "data verify"),
    *("db query", "db size"),
}
"""They print."""
WRITES_ELSEWHERE = {"backtest", "backtest check", "sweep", "report", "parity", "data export", "demo"}
"""They write a file that the user names, keep candles that they fetched, or work in a directory of their own."""
BY_THE_DAEMON = {"start", "restart", "daemon"}
"""The daemon itself records its start and stop: see tests/e2e/test_audit.py."""
NEEDS_A_DAEMON = {"stop": ("stop",), "exit": ("exit", "BTC/USD")}
SECRET = "hunter2-hunter2"
MARKET = ("--exchange", "kraken", "--symbol", "BTC/USD")
FILE = "KRAKEN_BTC-USD_1h.csv"
TRAINING = ("--exchange", "replay", "--symbol", "BTC/USD")

ALONE: dict[str, list[tuple[tuple[str, ...], str]]] = {
    "init": [(("init",), "done"), (("init",), "CONFIG_ERROR")],
    "config set": [
        (("config", "set", "interval", "30"), "done"),
        (("config", "set", "interval", "--unset"), "done"),
        (("config", "set", "interval", SECRET), "CONFIG_ERROR"),
        (("config", "set", SECRET, SECRET), "CONFIG_ERROR"),
    ],
    "data import": [
        (("data", "import", FILE), "done"),
        (("data", "import", "nowhere.csv"), "CANDLE_ERROR"),
        (("data", "import", "fng.csv", "--sentiment"), "done"),
        (("data", "import", "nowhere.csv", "--sentiment"), "CANDLE_ERROR"),
    ],
    "data download": [(("data", "download", *MARKET), "INCOMPLETE")],
    "data rename": [
        (("data", "rename", *MARKET, "--to-symbol", "XRP/USD"), "NOT_FOUND"),
        (("data", "import", FILE), "done"),
        (("data", "rename", *MARKET, "--to-symbol", "XRP/USD"), "done"),
    ],
    "data delete": [
        (("data", "delete", *MARKET, "--yes"), "NOT_FOUND"),
        (("data", "import", FILE), "done"),
        (("data", "delete", *MARKET), "SAFETY_REFUSED"),
        (("data", "delete", *MARKET, "--yes"), "done"),
    ],
    "data prune": [
        (("data", "import", FILE), "done"),
        (("data", "prune", "--older-than", "2020-01-01"), "done"),
        (("data", "prune", "--older-than", "2100-01-01"), "SAFETY_REFUSED"),
        (("data", "prune", "--older-than", "2100-01-01", "--yes"), "done"),
    ],
    "retrain": [
        (("retrain", *TRAINING), "TRAINING_FAILED"),
        (("retrain", "--schedule", "0 3 * * 0"), "done"),
        (("retrain", "--schedule", "sometimes"), "CONFIG_ERROR"),
    ],
    "tasks": [(("tasks", "cancel", "t-1"), "NOT_FOUND")],
    "models promote": [
        (("models", "promote", "m-9"), "NOT_FOUND"),
        (("models", "promote", "m-1"), "done"),
        (("models", "promote", "m-2"), "SAFETY_REFUSED"),
    ],
    "models rollback": [(("models", "rollback"), result) for result in ("done", "done", "CONFLICT")],
    "reset-model": [(("reset-model", "--yes"), "done")],
    "keys add": [(("keys", "add", "kraken"), "SAFETY_REFUSED")],
    "keys rotate": [(("keys", "rotate", "kraken"), "NOT_FOUND")],
    "keys remove": [(("keys", "remove", "kraken", "--yes"), "NOT_FOUND")],
    "keys passphrase": [(("keys", "passphrase"), "NOT_FOUND")],
    "arm": [(("arm", "--exchange", "kraken", "--max-value", "5", "--accept-risk=live-money"), "NOT_FOUND")],
    "disarm": [(("disarm",), "done")],
    "pause": [(("pause",), "done")],
    "resume": [(("pause",), "done"), (("resume", "--exchange", "kraken"), "CONFLICT"), (("resume",), "done")],
    "panic": [(("panic",), "done")],
}
"""What is typed without a daemon, one after the other, and the result in its row."""

ASKED: dict[str, tuple[tuple[str, ...], str]] = {
    "stop": (("stop",), "stop"),
    "exit": (("exit", "BTC/USD"), "exit"),
    "pause": (("pause",), "pause"),
    "resume": (("resume",), "resume"),
    "panic": (("panic",), "panic"),
    "retrain": (("retrain", *TRAINING), "retrain"),
    "tasks": (("tasks", "cancel", "t-1"), "tasks/t-1/cancel"),
    "models promote": (("models", "promote", "m-1"), "models/m-1/promote"),
    "models rollback": (("models", "rollback"), "models/rollback"),
    "reset-model": (("reset-model", "--yes"), "reset"),
}
"""What is typed beside a daemon, and the request that it records."""


def registered() -> Iterator[str]:
    root: Any = get_command(app)
    for name in COMMANDS:
        command = root.get_command(None, name)
        inner = getattr(command, "commands", {})
        yield from (f"{name} {each}" for each in inner)
        if not inner or command.invoke_without_command:
            yield name


def rows(data_dir: Path) -> list[dict[str, Any]]:
    """The commands in the log, the oldest first."""
    database = data_dir / "autopilot.db"
    found = recent(database, 99, AuditKind.COMMAND)["audit"] if database.exists() else []
    return [row["body"] for row in reversed(found)]


@pytest.fixture
def models(data_dir: Path) -> None:
    """m-1 passed its gate and is champion no more, m-2 did not and is."""
    scope = ModelScope(CandleKind.REAL, Timeframe.H1)
    with closing(open_database(data_dir / "autopilot.db")) as database:
        for model_id, state in (("m-1", ModelState.SHADOW), ("m-2", ModelState.INSUFFICIENT)):
            keep_model(database, ModelFiles(data_dir / "models"), model_id, scope, state)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory with files to import."""
    (tmp_path / FILE).write_text("timestamp,open,high,low,close,volume\n1714521600000,1,2,1,2,5\n")
    (tmp_path / "fng.csv").write_text("timestamp,value\n1714521600,40\n")
    monkeypatch.chdir(tmp_path)


def test_every_command_is_in_a_table() -> None:
    tables = (READ_ONLY, WRITES_ELSEWHERE, BY_THE_DAEMON, NEEDS_A_DAEMON.keys(), ALONE.keys())
    assert sorted(registered()) == sorted(name for table in tables for name in table)
    assert ASKED.keys() <= NEEDS_A_DAEMON.keys() | ALONE.keys()


@pytest.mark.parametrize("name", ALONE)
def test_without_a_daemon_it_records_its_end(
    name: str, autopilot: Callable[..., Any], data_dir: Path, files: None, models: None
) -> None:
    before = rows(data_dir)
    for arguments, result in ALONE[name]:
        done = autopilot(*arguments)
        (row,) = rows(data_dir)[len(before) :]
        assert (row["result"], done.code == 0) == (result, result == "done"), done.err
        assert " ".join(arguments).startswith(row["command"])
        assert SECRET not in json.dumps(row)
        before.append(row)


@pytest.mark.parametrize("name", ASKED)
def test_beside_a_daemon_the_daemon_records_it(
    name: str, autopilot: Callable[..., Any], daemon: Any, data_dir: Path, models: None
) -> None:
    arguments, path = ASKED[name]
    daemon.answers[f"{API}/tasks/t-1"] = (200, {"task": {"id": "t-1", "state": "running"}})
    assert autopilot(*arguments).code != 0, "the daemon knows no such path"
    assert [asked for verb, asked, _ in daemon.requests if verb == "POST"] == [f"{API}/{path}"]
    assert rows(data_dir) == []


@pytest.mark.parametrize("name", NEEDS_A_DAEMON)
def test_what_needs_a_daemon_changes_nothing_without_one(
    name: str, autopilot: Callable[..., Any], data_dir: Path, models: None
) -> None:
    assert autopilot(*NEEDS_A_DAEMON[name]).code == 3
    assert rows(data_dir) == []


def test_an_import_says_which_files_series_and_how_much(
    autopilot: Callable[..., Any], data_dir: Path, tmp_path: Path, files: None
) -> None:
    autopilot("data", "import", str(tmp_path / FILE), str(tmp_path / "nowhere.csv"))
    (row,) = rows(data_dir)
    assert row["asked"]["files"] == [FILE, "nowhere.csv"]
    series = {"exchange": "kraken", "symbol": "BTC/USD", "timeframe": "1h", "read": 1, "written": 1}
    assert row["outcome"] == {"imported": [series], "refused": 1, "skipped": 0}
    shown = autopilot("audit", "show", "--kind", "command", COLUMNS="200").out
    assert f"data import: done, files {FILE}, nowhere.csv" in shown
    assert "imported kraken BTC/USD 1h (1)" in shown


def test_a_change_of_nothing_creates_nothing(autopilot: Callable[..., Any], data_dir: Path) -> None:
    for arguments in (("models", "rollback"), ("reset-model", "--yes"), ("data", "delete", *MARKET, "--yes")):
        autopilot(*arguments)
        assert not (data_dir / "autopilot.db").exists()
