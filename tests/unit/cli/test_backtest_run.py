"""The plain form of `autopilot backtest`: what it reads, Typer would read alike."""

from __future__ import annotations

import pytest

from autopilot.cli import backtest_run
from autopilot.cli.app import run_command
from autopilot.cli.backtest_run import plain_options
from autopilot.cli.main import main
from autopilot.cli.session import Session

PLAIN = [
    [],
    ["--json"],
    ["--no-model", "--no-compare"],
    ["--compare", "--ungated"],
    ["--symbol", "BTC/USD", "--timeframe", "1h", "--symbol", "eth-usd", "--days", "365"],
    ["--from", "2024-01-01", "--to", "2024-06-01 12:00", "--exchange", "kraken", "--detail", "1m"],
    ["--model", "newest", "--in-sample", "--balance", "500"],
    ["--strategy", "macd", "--json"],
    ["--group", "momentum", "--retrain-every", "4w"],
    ["--strategy", "a name with spaces, ünusual", "--days", "007"],
]
FOR_TYPER = [
    ["--help"],
    ["check"],
    ["check", "--json"],
    ["--no-model", "check"],
    ["--symbol=BTC/USD"],
    ["--symbol"],
    ["--symbol", "--json"],
    ["--timeframe", "-1h"],
    ["--timeframe", "1h", "--timeframe", "4h"],
    ["--compare", "--no-compare"],
    ["--json", "--json"],
    ["--days", "0"],
    ["--days", "-3"],
    ["--days", "1.5"],
    ["--days", "+3"],
    ["--days", "1_000"],
    ["--days", "٣"],
    ["--fee", "0.1"],
    ["--html", "report.html"],
    ["--unknown", "value"],
    ["BTC/USD"],
    ["--"],
    [""],
]


@pytest.fixture
def shown(monkeypatch, tmp_path):
    """What `show_backtest` was called with: whether the output is JSON, and the options that are not the defaults."""
    monkeypatch.setenv("AUTOPILOT_DATA_DIR", str(tmp_path))
    calls, defaults = [], backtest_run.show_backtest.__kwdefaults__

    def show(session: Session, **options) -> None:
        changed = {name: value for name, value in options.items() if value != defaults[name]}
        calls.append((session.output.as_json, changed))

    monkeypatch.setattr(backtest_run, "show_backtest", show)
    monkeypatch.setattr("autopilot.cli.commands.backtest.show_backtest", show)
    return calls


@pytest.mark.parametrize("words", PLAIN)
def test_a_plain_form_is_read_as_typer_reads_it(shown, words) -> None:
    assert plain_options(words) is not None
    assert main(["backtest", *words]) == 0
    assert run_command(["backtest", *words]) == 0
    plain, by_typer = shown
    assert plain == by_typer


@pytest.mark.parametrize("words", FOR_TYPER)
def test_any_other_form_is_left_to_typer(words) -> None:
    assert plain_options(words) is None
