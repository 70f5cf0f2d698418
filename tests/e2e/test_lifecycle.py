"""Starting, stopping and starting again, as a user meets it."""

from __future__ import annotations

import signal
import socket
import stat
import time
from collections.abc import Callable

import pytest
from home import Home

QUICK = {"exchange": "simulated", "interval": 0.1, "simulated": {"speed": 2000.0}}
"""A candle in about two seconds: the daemon has something to do, and time to answer."""


@pytest.fixture
def running(home: Home) -> Home:
    """A daemon that runs BTC/USD."""
    home.configure(symbols=["BTC/USD"], **QUICK)
    home.start()
    return home


def states(home: Home) -> dict[str, str]:
    return {symbol["symbol"]: symbol["state"] for symbol in home.json("status")["symbols"]}


def test_start_brings_up_a_daemon_that_answers_and_outlives_the_command(home: Home) -> None:
    home.configure(symbols=["BTC/USD", "ETH/USD"], **QUICK)
    started = home.run("start", "--json").document
    assert [symbol["symbol"] for symbol in started["started"]] == ["BTC/USD", "ETH/USD"]
    assert states(home) == {"BTC/USD": "running", "ETH/USD": "running"}
    assert stat.S_IMODE(home.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.socket.parent.stat().st_mode) == 0o700
    assert (home.data_dir / "state" / "autopilot.log").stat().st_size > 0
    pid = home.pid()
    stopped = home.run("stop", "--json")
    assert (stopped.code, stopped.document["daemon"]) == (0, "stopping")
    assert home.gone(pid)


def test_starting_twice_changes_nothing(running: Home) -> None:
    pid = running.pid()
    again = running.run("start", "--json").document
    assert again["started"] == []
    assert again["already_running"] == ["BTC/USD"]
    assert running.pid() == pid


def test_a_symbol_that_runs_with_options_of_its_own_is_started_again_without_them(running: Home) -> None:
    running.json("stop", "--symbol", "BTC/USD")
    running.json("start", "--symbol", "BTC/USD", "--timeframe", "4h")
    again = running.json("start", "--symbol", "BTC/USD")
    assert (again["started"], again["already_running"], again["changed"]) == ([], ["BTC/USD"], [])
    assert running.json("status")["symbols"][0]["timeframe"] == "4h"


def test_options_change_a_symbol_that_holds_nothing_and_both_values_are_shown(running: Home) -> None:
    changed = running.here("start", "--symbol", "BTC/USD", "--timeframe", "4h", "--interval", "0.2")
    assert changed.code == 0
    assert changed.out.splitlines()[1:] == [
        "BTC/USD on simulated (4h, every 0.2 s, paper money, auto-execute off): running",
        "  timeframe: 1h → 4h",
        "  interval: 0.1 s → 0.2 s",
    ]
    (symbol,) = running.json("status")["symbols"]
    assert (symbol["timeframe"], symbol["interval"], symbol["running"]) == ("4h", 0.2, True)


def test_a_second_daemon_is_refused(running: Home) -> None:
    pid = running.pid()
    second = running.run("daemon")
    assert second.code == 1
    assert f"a daemon (process {pid}) already runs on {running.data_dir}" in second.err
    assert "Traceback" not in second.err
    assert running.pid() == pid


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_gracefully_and_a_restart_takes_up_what_ran(home: Home, number: signal.Signals) -> None:
    home.configure(symbols=["BTC/USD", "ETH/USD"], **QUICK)
    daemon = home.foreground()
    home.start()
    home.json("stop", "--symbol", "ETH/USD")
    assert daemon.end(number) == 0
    assert not home.socket.exists()
    assert "Traceback" not in daemon.log.read_text()

    known = home.here("status", "--json")
    assert known.code == 3
    assert {symbol["symbol"]: symbol["state"] for symbol in known.document["symbols"]} == {
        "BTC/USD": "stopped",
        "ETH/USD": "stopped",
    }
    assert known.document["daemon"]["running"] is False

    home.foreground()
    event = next(event for event in home.events("symbol") if event["body"]["state"] == "running")
    assert event["body"]["symbol"] == "BTC/USD"
    assert states(home) == {"BTC/USD": "running", "ETH/USD": "stopped"}


def test_stopping_one_symbol_leaves_the_others_and_the_daemon(home: Home) -> None:
    home.configure(symbols=["BTC/USD", "ETH/USD"], **QUICK)
    home.start()
    stopped = home.json("stop", "--symbol", "BTC/USD")
    assert stopped["stopped"] == ["BTC/USD"]
    assert stopped["daemon"] == "running"
    assert states(home) == {"BTC/USD": "stopped", "ETH/USD": "running"}
    again = home.here("stop", "--symbol", "BTC/USD", "--json")
    assert again.code == 1
    assert "BTC/USD is not running" in again.trouble["message"]


def test_stop_ends_the_daemon_and_a_second_stop_says_that_none_runs(running: Home) -> None:
    pid = running.pid()
    assert running.json("stop")["daemon"] == "stopping"
    assert running.gone(pid)
    assert not running.socket.exists()
    again = running.here("stop")
    assert again.code == 3
    assert again.err.startswith("error: the daemon is not running")
    assert "try: autopilot start" in again.err


def test_status_without_daemon_or_database(home: Home) -> None:
    done = home.run("status")
    assert done.code == 3
    assert done.out == ""
    assert "the daemon is not running" in done.err


@pytest.fixture
def holding(home: Home) -> Home:
    """Holds a position of BTC/USD at the end of its market, so that nothing else will change it."""
    home.configure(
        symbols=["BTC/USD"],
        exchange="simulated",
        auto_execute=True,
        min_confidence_threshold=0.45,
        interval=0.1,
        simulated={"seed": 3, "end": "2024-01-02T18:00:00Z", "speed": 0.0},
    )
    home.start()
    assert home.follow({"BTC/USD"})
    return home


def test_stop_warns_of_a_position_that_stays(holding: Home) -> None:
    stopped = holding.here("stop", "--symbol", "BTC/USD")
    assert stopped.code == 0
    held = holding.json("positions")["positions"]
    assert [position["symbol"] for position in held] == ["BTC/USD"]
    assert f"warning: BTC/USD: {held[0]['quantity']} still held" in stopped.err


def test_flatten_sells_what_is_held(holding: Home) -> None:
    stopped = holding.json("stop", "--symbol", "BTC/USD", "--flatten")
    assert stopped["flattened"] == ["BTC/USD"]
    assert stopped["warnings"] == []
    assert holding.json("positions")["positions"] == []
    (last, *_) = holding.json("orders")["orders"]
    assert (last["side"], last["purpose"], last["status"]) == ("sell", "flatten", "filled")
    assert holding.json("trades")["trades"][0]["exit_purpose"] == "flatten"


def test_after_a_kill_in_another_place_and_with_other_defaults_start_goes_on(holding: Home) -> None:
    quantity = holding.json("positions")["positions"][0]["quantity"]
    holding.kill_hard()
    checked = holding.here("status", "--check")
    assert checked.code == 1
    assert f"BTC/USD: {quantity} still held in paper:simulated; neither the position nor its stop" in checked.out
    with holding.moved():
        holding.configure(symbols=["SOL/USD"], timeframe="4h", **QUICK)
        started = holding.run("start")
        assert (started.code, started.err) == (0, "")
        assert "BTC/USD on simulated (1h, every 0.1 s, paper money, auto-execute on)" in started.out
        assert "taken up: it ran before and it holds a position" in started.out
        assert "SOL/USD" not in started.out
        assert holding.here("status", "--check").code == 0
        refused = holding.here("start", "--timeframe", "4h", "--json")
        assert (refused.code, refused.trouble["code"]) == (5, "SAFETY_REFUSED")
        assert "BTC/USD runs on simulated at 1h" in refused.trouble["message"]
        assert "you asked for 4h" in refused.trouble["message"]
        assert holding.json("exit", "BTC/USD", "--quantity", "0.01")["running"]
        assert holding.here("exit", "BTC/USD", "--quantity", "99").code == 4
        assert holding.json("exit", "BTC/USD")["position"] is None
        commands = [row["body"] for row in holding.json("audit", "show", "--kind", "command")["audit"]]
        assert [each["result"] for each in commands if each["command"] == "POST /api/autopilot/exit"] == [
            "done",
            "POSITION_TOO_SMALL",
            "done",
        ]
        holding.stop()
    assert holding.here("status", "--check").code == 3, "nothing is held"
    assert holding.here("exit", "BTC/USD").code == 3


def test_a_daemon_that_was_started_for_nothing_ends_again(home: Home) -> None:
    home.configure(symbols=["BTC/USD"], **QUICK)
    refused = home.run("start", "--exchange", "nosuch", "--interval", "60")
    assert refused.code == 2
    assert "there is no exchange 'nosuch'" in refused.err
    assert home.here("status").code == 3


def test_restart_goes_on_in_a_new_process(running: Home) -> None:
    running.json("start", "--symbol", "ETH/USD", "--timeframe", "4h")
    pid = running.pid()
    running.config_file.write_text(running.config_file.read_text() + "intervall = 5\n")
    assert running.here("restart").code == 2
    assert running.pid() == pid, "a mistake in the configuration ends nothing"
    running.configure(symbols=["SOL/USD"], **QUICK)
    again = running.run("restart")
    assert (again.code, again.err) == (0, "")
    assert again.out.count("taken up: it ran before") == 2
    assert running.gone(pid)
    assert running.pid() != pid
    assert states(running) == {"BTC/USD": "running", "ETH/USD": "running"}
    running.stop()
    assert [each["symbol"] for each in running.run("restart", "--json").document["started"]] == ["BTC/USD", "ETH/USD"]


def test_an_unreachable_exchange_is_said_at_once_and_holds_nobody_up(running: Home) -> None:
    began = time.monotonic()
    started = running.here("start", "--symbol", "XRP/USD", "--exchange", "coinbase", "--interval", "60")
    assert time.monotonic() - began < 11.0
    assert started.code == 0
    assert "XRP/USD on coinbase" in started.out
    assert "keeps trying" in started.out
    found = {symbol["symbol"]: symbol for symbol in running.json("status")["symbols"]}
    assert found["XRP/USD"]["state"] == "retrying"
    assert "coinbase" in found["XRP/USD"]["message"]
    decided = next(event for event in running.events("decision", after=None))
    assert decided["body"]["symbol"] == "BTC/USD", "the other symbol goes on"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff\xfe" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/autopilot/start HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{nonsense",
        b"POST /api/autopilot/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
        b"A" * 70_000,
    ],
    ids=["bytes", "no such version", "broken JSON", "endless body", "endless line"],
)
def test_garbage_on_the_socket_ends_nothing(shared_daemon: Home, garbage: bytes) -> None:
    pid = shared_daemon.pid()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(20)
        connection.connect(str(shared_daemon.socket))
        try:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(1 << 16)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
    assert not answer or answer.startswith(b"HTTP/1."), answer[:80]
    assert b" 200 " not in answer.split(b"\r\n", 1)[0]
    assert b"Traceback" not in answer
    assert shared_daemon.pid() == pid
    assert states(shared_daemon) == {"BTC/USD": "running"}


@pytest.fixture(scope="module")
def shared_daemon(new_home: Callable[[], Home]) -> Home:
    home = new_home()
    home.configure(symbols=["BTC/USD"], **QUICK)
    home.start()
    return home
