"""The audit log of a real daemon: who did what, whole also after SIGKILL."""

from __future__ import annotations

import os
import sqlite3
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from autopilot.adapters.audit_head import read_head


@pytest.fixture
def trading(home: Any) -> Any:
    """A home that trades a short simulated market as fast as it can."""
    home.configure(
        symbols=["BTC/USD"],
        exchange="simulated",
        min_confidence_threshold=0.45,
        interval=0.05,
        simulated={"seed": 3, "end": "2024-01-02T18:00:00Z", "speed": 0.0},
    )
    return home


def rows(home: Any, kind: str) -> list[dict[str, Any]]:
    """The oldest first."""
    found: list[dict[str, Any]] = home.json("audit", "show", "--limit", "1000", "--kind", kind)["audit"]
    return found[::-1]


def test_what_a_daemon_does_and_who_asked_for_it(trading: Any) -> None:
    trading.foreground()
    trading.client.post("/api/autopilot/start", {"auto_execute": True})
    assert trading.follow({"BTC/USD"})
    trading.json("stop", "--symbol", "BTC/USD")
    refused = trading.run("stop", "--symbol", "BTC/USD")
    assert refused.code == 4
    pid = trading.pid()
    trading.json("stop")
    assert trading.gone(pid)

    commands = rows(trading, "command")
    assert commands[0]["actor"] == f"uid {os.geteuid()} pid {os.getpid()}"
    assert commands[0]["body"]["command"] == "POST /api/autopilot/start"
    assert commands[0]["body"]["asked"]["auto_execute"] is True
    assert [row["body"]["result"] for row in commands] == ["done", "done", "NOT_FOUND", "done"]
    assert len({row["actor"] for row in commands}) == 4, "each a process of its own"

    start, stop = rows(trading, "daemon")
    assert (start["body"]["event"], stop["body"]["event"]) == ("start", "stop")
    assert start["body"]["version"] == version("autopilot")
    assert len(start["body"]["config_sha256"]) == 64
    assert start["body"]["pid"] == pid

    orders = trading.run("orders", "--limit", "1000", "--json").document["orders"]
    assert orders
    last = {row["body"]["client_order_id"]: row["body"] for row in rows(trading, "order")}
    assert {name: (body["status"], body["filled"]) for name, body in last.items()} == {
        order["client_order_id"]: (order["status"], order["filled"]) for order in orders
    }
    led = {(row["body"]["decision_id"], row["body"]["order_id"]) for row in rows(trading, "decision")}
    assert led == {(order["decision_id"], order["client_order_id"]) for order in orders if order["decision_id"]}
    verdict = trading.json("audit", "verify")
    assert verdict["whole"]
    assert verdict["since_anchor"] == 0
    assert verdict["anchor"]["seq"] == verdict["rows"]
    shown = trading.run("audit", "show")
    assert shown.code == 0
    assert "POST stop: done" in shown.out


def test_after_sigkill_it_is_whole_and_goes_on(trading: Any) -> None:
    trading.foreground()
    trading.client.post("/api/autopilot/start", {"auto_execute": True})
    next(event for event in trading.events("order"))
    trading.kill_hard()
    assert trading.json("audit", "verify")["whole"]
    trading.foreground()
    assert trading.follow({"BTC/USD"})
    assert trading.json("audit", "verify")["whole"]
    assert [row["body"]["event"] for row in rows(trading, "daemon")] == ["start"] * 2
    assert rows(trading, "break") == []


def test_a_daemon_that_meets_a_cut_log_says_so_and_runs(trading: Any) -> None:
    trading.json("start")
    assert trading.follow({"BTC/USD"})
    pid = trading.pid()
    trading.json("stop")
    assert trading.gone(pid)
    anchored = read_head(trading.data_dir / "audit.head")
    assert anchored
    cut(trading.database, anchored.seq)
    assert trading.run("audit", "verify").code == 1

    daemon = trading.foreground()
    assert "THE AUDIT LOG WAS CHANGED" in daemon.log.read_text()
    (found,) = rows(trading, "break")
    assert f"row {anchored.seq} was there" in found["body"]["problem"]
    verdict = trading.run("audit", "verify")
    assert verdict.code == 1
    assert f"row {found['seq']}: when a daemon started, the log had been changed" in verdict.out


def cut(database: Path, seq: int) -> None:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("DROP TRIGGER audit_is_not_cut")
    assert connection.execute("DELETE FROM audit WHERE seq = ?", (seq,)).rowcount == 1
    connection.close()
