"""autopilot performance: asked of the daemon, or computed from the database without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from autopilot.adapters.store.database import open_database

API = "/api/autopilot"
NOTHING = {"symbol": None, "last_days": None, "min_confidence_threshold": 0.75, "days_at_least": 20, "markets": []}
WAITING = {
    "exchange": "replay",
    "market": "replay",
    "timeframe": "1h",
    "decisions": 2,
    "first_matures_at_ms": 1_714_568_400_000,
    "ledger": None,
}


def test_the_daemon_is_asked_for_the_symbol_and_the_days(autopilot, daemon) -> None:
    daemon.answers[f"{API}/performance"] = (200, {**NOTHING, "markets": [WAITING]})
    done = autopilot("performance", "--symbol", "btc-usd", "--days", "30")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("REPLAY of stored candles")
    assert "none matured yet" in done.out
    assert daemon.asked(f"{API}/performance") == {"symbol": "BTC/USD", "days": "30"}


def test_json_is_the_daemons_document(autopilot, daemon) -> None:
    daemon.answers[f"{API}/performance"] = (200, {**NOTHING, "markets": [WAITING]})
    assert autopilot("performance", "--json").document == {**NOTHING, "markets": [WAITING]}


@pytest.mark.parametrize("days", ["0", "-1", "100000", "some"])
def test_days_that_make_no_sense_are_refused(autopilot, daemon, days) -> None:
    done = autopilot("performance", "--days", days)
    assert done.code == 2
    assert "--days" in done.err
    assert daemon.requests == []


def test_without_a_daemon_it_is_computed_with_the_configured_threshold(autopilot, data_dir: Path) -> None:
    open_database(data_dir / "autopilot.db").close()
    (data_dir / "autopilot.toml").write_text("min_confidence_threshold = 0.6\n")
    done = autopilot("performance", "--days", "7", "--json")
    assert done.code == 3
    assert done.document == {**NOTHING, "last_days": 7, "min_confidence_threshold": 0.6}
    done = autopilot("performance")
    assert done.out == "No decisions yet: each closed candle leads to one.\n"
    assert "the daemon is not running" in done.err


def test_where_a_daemon_computes_the_command_stays_light() -> None:
    program = "import autopilot.cli.commands.reports, sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"numpy", "pydantic", "aiohttp"} & set(done.stdout.split())
