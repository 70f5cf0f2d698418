"""The audit log of a real daemon: who did what, whole also after SIGKILL."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from home import Home

from autopilot.adapters.audit_head import read_head
from autopilot.distribution import installed_version


@pytest.fixture
def trading(home: Home) -> Home:
    """A home that trades a short simulated market as fast as it can."""
    home.configure(
        symbols=["BTC/USD"],
        exchange="simulated",
        min_confidence_threshold=0.45,
        interval=0.05,
        simulated={"seed": 3, "end": "2024-01-02T18:00:00Z", "speed": 0.0},
    )
    return home


def rows(home: Home, kind: str) -> list[dict[str, Any]]:
    """The oldest first."""
    found: list[dict[str, Any]] = home.json("audit", "show", "--limit", "1000", "--kind", kind)["audit"]
    return found[::-1]


def test_what_a_daemon_does_and_who_asked_for_it(trading: Home) -> None:
    trading.foreground()
    trading.client.post("/api/autopilot/start", {"auto_execute": True})
    assert trading.follow({"BTC/USD"})
    pid = trading.pid()
    stops = [trading.run("stop", *symbols).code for symbols in (("--symbol", "BTC/USD"), ("--symbol", "BTC/USD"), ())]
    assert stops == [0, 1, 0]
    assert trading.gone(pid)

    commands = rows(trading, "command")
    assert commands[0]["actor"] == f"uid {os.geteuid()} pid {os.getpid()}"
    assert commands[0]["body"]["command"] == "POST /api/autopilot/start"
    assert commands[0]["body"]["asked"]["auto_execute"] is True
    assert [row["body"]["result"] for row in commands] == ["done", "done", "NOT_FOUND", "done"]
    assert len({row["actor"] for row in commands}) == 4, "each a process of its own"

    start, stop = rows(trading, "daemon")
    assert (start["body"]["event"], stop["body"]["event"]) == ("start", "stop")
    assert start["body"]["version"] == installed_version()
    assert len(start["body"]["config_sha256"]) == 64
    assert start["body"]["pid"] == pid

    orders = trading.here("orders", "--limit", "1000", "--json").document["orders"]
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
    shown = trading.here("audit", "show")
    assert shown.code == 0
    assert "POST stop: done" in shown.out


def test_after_sigkill_it_is_whole_and_goes_on(trading: Home) -> None:
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


def test_a_daemon_that_meets_a_cut_log_says_so_and_runs(trading: Home) -> None:
    trading.start()
    assert trading.follow({"BTC/USD"})
    trading.stop()
    anchored = read_head(trading.data_dir / "audit.head")
    assert anchored
    cut(trading.database, anchored.seq)
    assert trading.run("audit", "verify").code == 1

    daemon = trading.foreground()
    assert "THE AUDIT LOG WAS CHANGED" in daemon.log.read_text()
    (found,) = rows(trading, "break")
    assert f"the log had row {anchored.seq}" in found["body"]["problem"]
    verdict = trading.here("audit", "verify")
    assert verdict.code == 1
    assert f"row {found['seq']}: when a daemon started, the log had been changed" in verdict.out


def cut(database: Path, seq: int) -> None:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("DROP TRIGGER audit_is_not_cut")
    assert connection.execute("DELETE FROM audit WHERE seq = ?", (seq,)).rowcount == 1
    connection.close()
