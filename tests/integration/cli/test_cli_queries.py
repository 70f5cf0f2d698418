"""Queries, as the installed command answers them: text, JSON and exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autopilot.adapters.store.database import open_database

API = "/api/autopilot"
GOLDEN = Path(__file__).parents[2] / "golden" / "cli"
LISTS = ("decisions", "signals", "orders", "positions", "trades")


@pytest.mark.parametrize("name", ["status", *LISTS])
def test_a_pipe_gets_plain_columns_that_do_not_change(autopilot, daemon, name) -> None:
    done = autopilot(name)
    assert (done.code, done.err) == (0, "")
    assert "\x1b" not in done.out
    assert "─" not in done.out
    assert done.out == (GOLDEN / "plain" / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", ["status", "orders"])
def test_the_installed_command_does_the_same(autopilot, installed, daemon, name) -> None:
    assert installed(name) == autopilot(name)
    assert installed(name, "--json") == autopilot(name, "--json")


@pytest.mark.parametrize("name", ["status", *LISTS])
def test_json_is_the_daemons_document_and_nothing_else(autopilot, daemon, name) -> None:
    done = autopilot(name, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.document == daemon.answers[f"{API}/{name}"][1]


@pytest.mark.parametrize("name", ["decisions", "signals", "orders", "trades"])
def test_filters_travel_to_the_daemon(autopilot, daemon, name) -> None:
    assert autopilot(name, "--symbol", "btc-usd", "--limit", "7").code == 0
    assert daemon.asked(f"{API}/{name}") == {"symbol": "BTC/USD", "limit": "7"}


def test_decisions_by_action_and_open_orders(autopilot, daemon) -> None:
    autopilot("decisions", "--action", "denied")
    autopilot("orders", "--open")
    assert daemon.asked(f"{API}/decisions")["action"] == "denied"
    assert daemon.asked(f"{API}/orders")["open"] == "true"


@pytest.mark.parametrize("name", LISTS)
def test_an_empty_list_says_so(autopilot, daemon, name) -> None:
    daemon.answers[f"{API}/{name}"] = (200, {name: []})
    done = autopilot(name)
    assert done.code == 0
    assert done.out.startswith("No ")
    assert autopilot(name, "--json").document == {name: []}


def test_status_of_one_symbol_asks_for_that_symbol(autopilot, daemon) -> None:
    daemon.answers[f"{API}/status/BTC/USD"] = daemon.answers[f"{API}/status"]
    assert autopilot("status", "btc-usd").code == 0
    assert autopilot("status", "BTC/USD", "--json").code == 0


@pytest.mark.parametrize("arguments", [[], ["--json"], ["BTC/USD"], ["nonsense"], ["nonsense", "--json"]])
def test_the_quick_way_and_typer_give_the_same_status(autopilot, daemon, arguments) -> None:
    daemon.answers[f"{API}/status/BTC/USD"] = daemon.answers[f"{API}/status"]
    quick = autopilot("status", *arguments)
    by_typer = autopilot("status", *arguments, "--")
    assert quick == by_typer


def test_status_with_nothing_running_says_how_to_start(autopilot, daemon) -> None:
    daemon.answers[f"{API}/status"] = (200, json.loads((GOLDEN / "documents" / "status_nothing.json").read_text()))
    assert "autopilot start --symbol BTC/USD" in autopilot("status").out


def test_explain_takes_an_id_a_symbol_or_the_latest(autopilot, daemon) -> None:
    decision = daemon.answers[f"{API}/decisions/3f2a9c01de"]
    daemon.answers[f"{API}/decisions/BTC/USD"] = decision
    by_id, by_symbol, latest = (autopilot("explain", *which) for which in (["3f2a9c01de"], ["btc-usd"], []))
    assert by_id.code == by_symbol.code == latest.code == 0
    assert by_id.out == by_symbol.out == latest.out
    assert "DENIED" in by_id.out
    assert autopilot("explain", "3f2a9c01de", "--json").document == decision[1]


def test_explain_before_the_first_decision(autopilot, daemon) -> None:
    daemon.answers[f"{API}/decisions"] = (200, {"decisions": []})
    done = autopilot("explain")
    assert done.code == 1
    assert done.err.startswith("error: nothing has been decided yet\ntry: ")


def test_the_daemons_refusal_is_printed_with_its_hint_and_its_code(autopilot, daemon) -> None:
    done = autopilot("explain", "ffffffffff", "--json")
    assert done.code == 1
    assert done.err == f"error: nothing at {API}/decisions/ffffffffff\ntry: autopilot status\n"
    assert done.document == {
        "error": {
            "code": "NotFound",
            "kind": "not_found",
            "message": f"nothing at {API}/decisions/ffffffffff",
            "hint": "autopilot status",
        }
    }


def test_a_safety_refusal_has_its_own_exit_code(autopilot, daemon) -> None:
    refusal = {
        "code": "SAFETY_REFUSED",
        "kind": "safety",
        "message": "live trading is not armed",
        "hint": "use --paper",
    }
    daemon.answers[f"{API}/start"] = (403, {"error": refusal})
    done = autopilot("start", "--symbol", "BTC/USD", "--live")
    assert (done.code, done.err) == (5, "error: live trading is not armed\ntry: use --paper\n")


def test_a_daemon_that_speaks_nonsense_is_unreachable(autopilot, daemon) -> None:
    daemon.answers[f"{API}/orders"] = (500, {})
    done = autopilot("orders")
    assert done.code == 4
    assert "Traceback" not in done.err


def test_without_a_daemon_and_without_a_database_there_is_nothing_to_say(autopilot) -> None:
    for name in ("status", *LISTS, "explain"):
        done = autopilot(name, "--json")
        assert done.code == 3
        assert done.document["error"]["code"] == "DAEMON_NOT_RUNNING"
        assert done.err.endswith("try: autopilot start\n")


def signal_events(*briefs: dict[str, object]) -> list[dict[str, object]]:
    return [{"seq": seq, "at_ms": 1, "kind": "signal", "body": brief} for seq, brief in enumerate(briefs, 1)]


def test_follow_prints_each_signal_as_a_line_until_the_daemon_ends(autopilot, daemon) -> None:
    daemon.events = signal_events(*daemon.answers[f"{API}/signals"][1]["signals"])
    done = autopilot("signals", "--follow")
    assert done.code == 3
    assert done.out.splitlines() == [
        "SIMULATED MARKET – prices are made up",
        "2024-05-01 13:00Z  BUY   BTC/USD  64,250.00  moving_average  0.61  denied  CONFIDENCE_BELOW_THRESHOLD"
        "  3f2a9c01de",
        "2024-05-01 12:00Z  SELL  ETH/USD  3,120.50  bollinger_mean_reversion  0.81  order  aa00aa00aa",
    ]
    assert daemon.asked(f"{API}/events") == {"kinds": "signal"}


def test_follow_one_symbol_as_json_lines(autopilot, daemon) -> None:
    briefs = daemon.answers[f"{API}/signals"][1]["signals"]
    daemon.events = signal_events(*briefs)
    done = autopilot("signals", "--follow", "--json", "--symbol", "ETH/USD")
    assert [json.loads(line) for line in done.out.splitlines()] == [briefs[1]]


def test_a_reader_that_leaves_early_causes_no_complaint(autopilot, daemon, data_dir) -> None:
    briefs = daemon.answers[f"{API}/decisions"][1]["decisions"]
    daemon.answers[f"{API}/decisions"] = (200, {"decisions": briefs * 5_000})
    command = [Path(sys.executable).with_name("autopilot"), "--data-dir", data_dir, "decisions", "--limit", "1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(100)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=20) == 0


def test_ctrl_c_is_quiet_and_has_its_exit_code(daemon, data_dir) -> None:
    daemon.stream_stays = True
    command = [Path(sys.executable).with_name("autopilot"), "--data-dir", data_dir, "signals", "--follow", "--json"]
    daemon.events = signal_events(*daemon.answers[f"{API}/signals"][1]["signals"])
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.readline()
        # A signal that comes in the very moment before the process waits for the socket is noticed only after the
        # wait; a person presses again.
        for _ in range(20):
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)
                break
        assert process.returncode == 130
        assert process.stderr.read() == b""


HEAVY = ("numpy", "pandas", "ccxt", "lightgbm", "aiohttp", "pydantic", "typer", "rich", "sqlite_utils", "talib")


LEAN = """
__future__ _json _socket time
autopilot autopilot.cli autopilot.config autopilot.control autopilot.domain
autopilot.cli.errors autopilot.cli.main autopilot.cli.output autopilot.cli.status_query autopilot.cli.streams
autopilot.cli.without_typer
autopilot.cli.render autopilot.cli.render.blocks autopilot.cli.render.fixed_point autopilot.cli.render.layout
autopilot.cli.render.real_money autopilot.cli.render.status autopilot.cli.render.words
autopilot.config.socket_place
autopilot.control.client autopilot.control.errors autopilot.control.json_parser autopilot.control.protocol
autopilot.domain.errors autopilot.domain.named_strings
"""
"""The modules that `autopilot status` may import beside those of an interpreter that does nothing."""


@pytest.mark.parametrize("arguments", [[], ["BTC/USD"], ["--check"]])
def test_status_imports_only_these(daemon, data_dir, arguments) -> None:
    daemon.answers[f"{API}/status/BTC/USD"] = daemon.answers[f"{API}/status"]
    program = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "from autopilot.cli.main import main\n"
        f"main(['--data-dir', {str(data_dir)!r}, 'status', *{arguments}])\n"
        "print(*set(sys.modules) - before, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30)
    assert done.stdout
    assert set(done.stderr.split()) <= set(LEAN.split())


@pytest.mark.parametrize("arguments", [["status"], ["status", "--json"]])
def test_the_last_known_state_imports_nothing_heavy(daemon, data_dir, arguments) -> None:
    open_database(data_dir / "autopilot.db").close()
    daemon.end()
    program = (
        "import sys\n"
        "from autopilot.cli.main import main\n"
        f"code = main(['--data-dir', {str(data_dir)!r}, *{arguments}])\n"
        f"print(code, [name for name in {HEAVY} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30)
    assert done.stderr.splitlines()[-1] == "3 []"


def test_other_queries_import_none_of_the_number_crunchers(daemon, data_dir) -> None:
    heavy = [name for name in HEAVY if name not in ("typer", "pydantic", "rich")]
    program = (
        "import sys\n"
        "from autopilot.cli.main import main\n"
        f"codes = [main(['--data-dir', {str(data_dir)!r}, name]) for name in {(*LISTS, 'explain')}]\n"
        f"print(codes, [name for name in {heavy} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30)
    assert done.stderr == "[0, 0, 0, 0, 0, 0] []\n"


def test_status_answers_at_once(daemon, data_dir) -> None:
    """The promise is 250 ms, 35 times the processor time of an interpreter that does nothing.

    Other programs on the machine do not add to processor time. It does not contain pauses, so the wall time has a
    limit too, one that only a pause can reach.
    """

    def measure(*arguments: str | Path) -> tuple[float, float]:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True, timeout=30)
        ended, after = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, ended - began

    status = Path(sys.executable).with_name("autopilot"), "--data-dir", data_dir, "status"
    nothing, answers = ([measure(*each) for _ in range(5)] for each in (("-c", "pass"), status))
    assert min(answers)[0] < 20 * min(nothing)[0]
    assert min(wall_s for _, wall_s in answers) < 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every socket")
def test_a_socket_that_may_not_be_opened_is_unreachable(autopilot, daemon, data_dir) -> None:
    (data_dir / "run" / "autopilot.sock").chmod(0)
    assert autopilot("status").code == 4
