"""The command on a terminal: a real pseudo-terminal of a known width."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pseudo_terminal import ESCAPE, Terminal


@pytest.fixture
def terminal(data_dir: Path) -> Callable[..., Terminal]:
    def run(*arguments: str, columns: int = 80, errors_too: bool = False, **extra: str) -> Terminal:
        command = [Path(sys.executable).with_name("autopilot"), "--data-dir", data_dir, *arguments]
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
        environment = {**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8", **extra}
        return Terminal(command, columns, environment, errors_too)

    return run


def lines_of(shown: str) -> list[str]:
    return [line.rstrip() for line in ESCAPE.sub("", shown).replace("\r", "").split("\n")]


QUERIES = ("status", "decisions", "signals", "orders", "positions", "trades", "explain")


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_a_screen_fits_its_terminal(terminal, daemon, query, columns) -> None:
    screen = terminal(query, columns=columns)
    assert screen.finish() == 0
    assert max(map(len, lines_of(screen.shown))) <= columns
    assert "SIMULATED MARKET" in " ".join(screen.shown.split())


def test_an_error_is_wrapped_between_words(terminal) -> None:
    refused = terminal("keys", "add", "bitstamp", columns=40, errors_too=True)
    assert refused.finish() == 2
    shown = [line for line in lines_of(refused.shown) if line]
    assert shown[0].startswith("error: real money cannot be traded on")
    assert max(map(len, shown)) <= 40
    assert " ".join(" ".join(shown).split()).endswith(
        "by its own id try: use one of binance, coinbase, kraken, or trade on paper"
    )


def test_long_work_shows_the_time_that_is_left_and_takes_the_bar_away(terminal) -> None:
    asked = ("--exchange", "simulated", "--symbol", "BTC/USD", "--days", "90", "--no-model")
    test = terminal("backtest", *asked, errors_too=True)
    assert test.finish() == 0
    assert re.search(r"(comparison|trading) .*about \d+ (s|min) left", " ".join(lines_of(test.shown)))
    assert max(map(len, lines_of(test.shown.rpartition("\x1b[2K")[2]))) <= 80


def test_a_terminal_gets_colors_and_a_ruled_table(terminal, daemon) -> None:
    screen = terminal("status")
    screen.finish()
    assert "\x1b[32mrunning\x1b[0m" in screen.shown
    assert "─────" in screen.shown


def test_no_color_is_honored(terminal, daemon) -> None:
    screen = terminal("status", NO_COLOR="1")
    screen.finish()
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", screen.shown)
    assert "─────" in screen.shown


def test_a_dumb_terminal_gets_no_style_at_all(terminal, daemon) -> None:
    screen = terminal("status", TERM="dumb")
    screen.finish()
    assert "\x1b" not in screen.shown
    assert "─────" in screen.shown


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("status", "\x1b[32m+20.61"),
        ("orders", "\x1b[32mbuy"),
        ("orders", "\x1b[35msell"),
        ("trades", "\x1b[31m-58.11"),
        ("decisions", "\x1b[33mdenied"),
    ],
)
def test_gain_and_loss_buy_and_sell_and_a_denial_have_their_colors(terminal, daemon, query, shown) -> None:
    screen = terminal(query)
    screen.finish()
    assert shown in screen.shown


def test_a_wide_terminal_shows_more(terminal, daemon) -> None:
    narrow, wide = terminal("status", columns=80), terminal("status", columns=200)
    narrow.finish()
    wide.finish()
    assert "bollinger_mean_reversion" not in narrow.shown
    assert "bollinger_mean_reversion" in wide.shown
    assert "1h paper, auto-execute on" in wide.shown


def test_json_on_a_terminal_is_still_json(terminal, daemon) -> None:
    screen = terminal("status", "--json")
    assert screen.finish() == 0
    assert "\x1b" not in screen.shown


def test_text_from_outside_cannot_steer_the_terminal(terminal, daemon) -> None:
    document = daemon.answers["/api/autopilot/status"][1]
    document["symbols"][2]["message"] = "gone \x1b[2J\x07\x9b31m away"
    screen = terminal("status", NO_COLOR="1", columns=120)
    screen.finish()
    assert "\x1b[2J" not in screen.shown
    assert "\x07" not in screen.shown
    assert "\x9b" not in screen.shown


@pytest.mark.parametrize(("word", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_a_reset_asks_first(terminal, daemon, word, code) -> None:
    daemon.answers["/api/autopilot/reset"] = (200, {"models": 1, "backup": "somewhere", "means": "the rules decide"})
    screen = terminal("reset-model", errors_too=True)
    screen.read(until="[y/N]")
    assert daemon.requests == []
    screen.type(f"{word}\n")
    assert screen.finish() == code
    assert bool(daemon.requests) is (code == 0)
    assert ("Backup: somewhere" if code == 0 else "nothing was changed") in screen.shown


def test_a_model_card_on_a_terminal_fits_it(terminal, daemon) -> None:
    card = json.loads((Path(__file__).parents[2] / "golden" / "cli" / "documents" / "model_card.json").read_text())
    said = "its probabilities are worse than base rates: log-loss skill -1.2 % [-2.0, -0.4] over 41 days"
    since = {"standing": "drifted", "sentence": said, "decisions": 984, "evidence": 0.2, "evidence_against": 3.1}
    around = {"sha256": "5d41", "note": "", "drift": since, "loaded": None}
    daemon.answers["/api/autopilot/model-info"] = (200, card | around)
    screen = terminal("model-info", NO_COLOR="1")
    assert screen.finish() == 0
    assert max(map(len, lines_of(screen.shown))) <= 80
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", screen.shown)
    assert card["gate"][3]["name"] in screen.shown


def test_watch_refreshes_until_interrupted_and_gives_the_screen_back(terminal, daemon) -> None:
    screen = terminal("status", "--watch")
    screen.read(until="BTC/USD")
    daemon.answers["/api/autopilot/status"][1]["symbols"][0]["symbol"] = "NEW/USD"
    screen.read(until="NEW/USD")
    screen.process.send_signal(signal.SIGINT)
    assert screen.finish() == 130
    assert screen.shown.index("\x1b[?1049h") < screen.shown.rindex("\x1b[?1049l")


def test_watch_ends_with_the_daemon(terminal, daemon) -> None:
    screen = terminal("status", "--watch")
    screen.read(until="BTC/USD")
    daemon.end()
    assert screen.finish() == 3


def test_watch_without_a_terminal_is_a_usage_error(autopilot, daemon) -> None:
    done = autopilot("status", "--watch")
    assert done.code == 2
    assert done.err.startswith("error: --watch needs a terminal")


def test_an_import_shows_its_progress_where_errors_go_to_a_terminal(terminal, tmp_path) -> None:
    file = tmp_path / "KRAKEN_BTC-USD_1h.csv"
    file.write_text("timestamp,open,high,low,close,volume\n1714564800000,10,12,9,11,1\n")
    screen = terminal("data", "import", str(file), errors_too=True)
    assert screen.finish() == 0
    progress, _, report = ESCAPE.sub("", screen.shown).partition("exchange")
    assert "━" in progress
    assert "━" not in report
