"""Another program holds the database of a running daemon: queries are answered, and status says what is wrong."""

from __future__ import annotations

import stat
from typing import Any

from lock_holder import held_by_another_program

from autopilot.control.client import ControlClient


def until(home: Any, state: str) -> None:
    """Wait for the event of this state."""
    for event in home.events("symbol"):
        if event["body"]["state"] == state:
            return


def codes(status: Any) -> set[str]:
    return {each["code"] for each in status["health"] if each["level"] == "error"}


def test_a_locked_database_is_said_and_survived(home: Any) -> None:
    home.configure(symbols=["BTC/USD"], exchange="simulated", interval=0.1, simulated={"speed": 20_000.0})
    home.start()
    ballast = home.data_dir / "autopilot.ballast"
    assert stat.S_IMODE(ballast.stat().st_mode) == 0o600
    with held_by_another_program(home.database):
        until(home, "retrying")
        status = ControlClient(home.socket, 4.0).get("/api/autopilot/status")
        assert "DATABASE_LOCKED" in codes(status)
        assert status["database"]["locked_at_ms"] > 0
        (symbol,) = status["symbols"]
        assert "database is locked" in symbol["message"]
        assert home.here("status", "--check").code == 1
        paused = home.here("pause")
        assert paused.code == 1, "it holds, and is not stored"
        assert "another program holds it" in paused.out
    last = home.client.events(("decision",), None)
    assert next(iter(last))["kind"] == "decision", "it decides again"
    status = home.json("status")
    assert "DATABASE_LOCKED" not in codes(status)
    assert status["database"]["locked_at_ms"] is None
    assert status["database"]["growth_bytes_per_day"] is None, "not known yet"
