"""Training as a user has it: alone, through the daemon, canceled, killed, twice at once; and a model that decides."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ALONE = {"exchange": "simulated", "symbols": ["BTC/USD"], "interval": 0.1}
"""The market stands still unless told otherwise: only the training works."""
LONG = ("--days", "2000", "--symbol", "BTC/USD", "--symbol", "ETH/USD", "--symbol", "SOL/USD")


def configure(home: Any, **more: Any) -> None:
    home.configure(**ALONE, simulated={"speed": 0.001}, **more)


def task(home: Any, name: str) -> dict[str, Any]:
    return dict(home.client.get(f"/api/autopilot/tasks/{name}")["task"])


def wait_for(home: Any, name: str, *states: str) -> dict[str, Any]:
    """Asking is what a client can do; each answer takes its time."""
    while True:
        found = task(home, name)
        if found["state"] in states and (found["state"] != "running" or found["stage"]):
            return found


def working_for(pid: int) -> list[int]:
    """The processes that a training which has just begun starts for its work; there are some before it ends."""
    while True:
        listed = [each.read_text().split() for each in Path(f"/proc/{pid}/task").glob("*/children")]
        if any(listed):
            return [int(worker) for each in listed for worker in each]
        os.kill(pid, 0)


@contextmanager
def training_alone(home: Any) -> Iterator[subprocess.Popen[str]]:
    """`autopilot retrain` in a process of its own that has come to its samples."""
    command = [str(Path(sys.executable).with_name("autopilot")), "--data-dir", str(home.data_dir), "retrain", *LONG]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stderr
            while process.stderr.readline().strip() != "samples":
                assert process.poll() is None
            yield process
        finally:
            process.kill()


@pytest.fixture
def daemon(home: Any) -> Any:
    configure(home)
    home.json("start")
    return home


def test_without_a_daemon_it_trains_here_and_says_what_came_of_it(home: Any) -> None:
    configure(home)
    done = home.run("retrain", "--days", "60")
    assert done.code == 0, done.err
    assert "Not enough to tell whether there is an edge" in done.out
    assert "it was stored, but does not decide" in done.out
    assert done.err.splitlines()[0] == "existing samples"
    listed = home.run("tasks", "--json")
    assert listed.code == 3
    assert [each["state"] for each in listed.document["tasks"]] == ["succeeded"]
    assert home.json("model-info")["state"] == "insufficient"


def test_a_surrogate_says_what_nothing_looks_like_and_keeps_nothing(home: Any) -> None:
    configure(home)
    done = home.run("retrain", "--days", "60", "--surrogate")
    assert done.code == 0, done.err
    assert "without their direction; not stored" in done.out
    assert home.json("models", "list")["models"] == []
    assert home.json("model-info")["state"] == "untrained"


def test_the_same_training_gives_the_same_model_with_and_without_a_daemon(daemon: Any) -> None:
    through = daemon.json("retrain", "--days", "60")["result"]
    daemon.run("stop")
    alone = daemon.json("retrain", "--days", "60")["result"]
    assert {name: through[name] for name in ("model_id", "samples", "metrics")} == {
        name: alone[name] for name in ("model_id", "samples", "metrics")
    }
    assert len(daemon.json("models", "list")["models"]) == 1


def test_one_training_at_a_time_and_the_other_is_told_which(daemon: Any) -> None:
    begun = daemon.json("retrain", *LONG, "--detach")
    second = daemon.run("retrain", "--days", "60", "--json")
    assert second.code == 4
    assert begun["id"] in second.trouble["message"]
    daemon.client.post(f"/api/autopilot/tasks/{begun['id']}/cancel", {})
    assert task(daemon, begun["id"])["state"] == "canceled"
    assert daemon.json("retrain", "--days", "60")["state"] == "succeeded"


def test_a_training_that_is_killed_has_failed_and_the_daemon_lives(daemon: Any) -> None:
    begun = daemon.json("retrain", *LONG, "--detach")
    running = wait_for(daemon, begun["id"], "running")
    workers = working_for(running["pid"])
    os.kill(running["pid"], signal.SIGKILL)
    assert all(daemon.gone(worker) for worker in workers)
    failed = wait_for(daemon, begun["id"], "failed")
    assert "SIGKILL" in failed["error"]["message"]
    assert "memory" in failed["error"]["message"]
    assert daemon.json("status")["daemon"]["running"]
    shown = daemon.run("tasks", begun["id"])
    assert "killed by SIGKILL" in shown.out


def test_a_daemon_that_died_leaves_no_training_unfinished(daemon: Any) -> None:
    begun = daemon.json("retrain", *LONG, "--detach")
    running = wait_for(daemon, begun["id"], "running")
    daemon.kill_hard()
    os.kill(running["pid"], signal.SIGKILL)
    assert daemon.gone(running["pid"])
    daemon.json("start")
    assert task(daemon, begun["id"])["state"] == "failed"


def test_a_training_of_another_command_is_respected_and_when_killed_in_nobody_s_way(home: Any) -> None:
    configure(home)
    with training_alone(home) as other:
        home.json("start")
        refused = home.run("retrain", "--days", "60", "--json")
        (task_id,) = [each["id"] for each in home.run("tasks", "--json").document["tasks"]]
        assert refused.code == 4
        assert task_id in refused.trouble["message"]
        assert task(home, task_id)["state"] == "running"
        other.kill()
        other.wait(40)
        assert home.json("retrain", "--days", "60")["state"] == "succeeded"
        assert task(home, task_id)["state"] == "failed"


def test_stopping_the_daemon_cancels_its_training(daemon: Any) -> None:
    begun = daemon.json("retrain", *LONG, "--detach")
    running = wait_for(daemon, begun["id"], "running")
    pid = daemon.pid()
    daemon.json("stop")
    assert daemon.gone(pid)
    assert daemon.gone(running["pid"])
    assert daemon.run("tasks", begun["id"], "--json").document["state"] == "canceled"


@pytest.mark.parametrize("through_daemon", [True, False])
def test_ctrl_c_cancels_and_nothing_is_left_half_done(home: Any, through_daemon: bool) -> None:
    configure(home)
    if through_daemon:
        home.json("start")
    with training_alone(home) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == 130
    tasks = home.run("tasks", "--json").document["tasks"]
    assert [each["state"] for each in tasks] == ["canceled"]
    assert home.json("models", "list")["models"] == []


def test_what_cannot_be_trained_fails_with_words(home: Any) -> None:
    configure(home)
    failed = home.run("retrain", "--days", "1", "--json")
    assert failed.code == 1
    assert "too few to train on" in failed.trouble["message"]
    assert "more days" in failed.trouble["hint"]
    assert home.run("tasks", "--json").document["tasks"][0]["error"]["traceback"]


def test_the_training_configuration_is_kept_and_used_at_once(daemon: Any) -> None:
    answer = daemon.run("config", "get", "training.days")
    assert answer.out.strip() == "90"
    given = {"days": 60, "symbols": ["ETH/USD"], "min_samples_per_strategy": 5}
    address = "http://autopilot/api/autopilot/bootstrap-config"
    curl = subprocess.run(
        ["curl", "-s", "-X", "PUT", "-d", json.dumps(given), "--unix-socket", daemon.socket, address],
        capture_output=True,
        check=True,
    )
    assert json.loads(curl.stdout) == {**given, "timeframe": "1h"}
    done = daemon.json("retrain")
    assert (done["request"]["days"], done["request"]["symbols"]) == (60, ["ETH/USD"])
    daemon.run("stop")
    daemon.json("start")
    assert daemon.client.get("/api/autopilot/bootstrap-config")["days"] == 60


@pytest.mark.parametrize("damage", ["none", "altered", "missing"])
def test_a_champion_decides_unless_its_files_are_damaged(home: Any, damage: str) -> None:
    home.configure(**ALONE, simulated={"speed": 0, "end": "2024-01-03"}, auto_execute=True)
    model = home.json("retrain", "--days", "60")["result"]["model_id"]
    assert home.run("models", "promote", model).code == 5
    home.json("models", "promote", model, "--force")
    (text,) = (home.data_dir / "models").glob(f"{model}*.txt")
    if damage == "altered":
        text.write_bytes(text.read_bytes().replace(b"leaf_value=", b"leaf_value=9", 1))
    elif damage == "missing":
        text.unlink()
    home.json("start")
    assert home.follow({"BTC/USD"})
    decisions = home.json("decisions", "--limit", "100")["decisions"]
    assert len(decisions) == 48
    assert {each["decided_by"] for each in decisions} == {"model" if damage == "none" else "rules"}
    status = home.json("status")["model"]
    assert (status["id"], status["usable"]) == (model, damage == "none")
    if damage != "none":
        assert "the rule table decides" in home.run("status").out
        assert model in home.json("explain")["selection"]["note"]
