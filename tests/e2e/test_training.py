"""Training with and without a daemon: canceled, killed, twice at once; and a model that decides."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from home import Home

ALONE = {"exchange": "simulated", "symbols": ["BTC/USD"], "interval": 0.1}
"""With a simulated market that hardly moves, so that only the training works."""
LONG = ("--days", "2000", "--symbol", "BTC/USD", "--symbol", "ETH/USD", "--symbol", "SOL/USD")


def configure(home: Home, **more: Any) -> None:
    home.configure(**ALONE, simulated={"speed": 0.001}, **more)


def task(home: Home, name: str) -> dict[str, Any]:
    return dict(home.client.get(f"/api/autopilot/tasks/{name}")["task"])


def wait_for(home: Home, name: str, *states: str) -> dict[str, Any]:
    """The task when it is in one of ``states``; a running one when it has a stage."""
    while True:
        found = task(home, name)
        if found["state"] in states and (found["state"] != "running" or found["stage"]):
            return found


def working_for(pid: int) -> list[int]:
    """The worker processes of a training, as soon as it has some. Raises ProcessLookupError when it ends first."""
    while True:
        listed = [each.read_text().split() for each in Path(f"/proc/{pid}/task").glob("*/children")]
        if any(listed):
            return [int(worker) for each in listed for worker in each]
        os.kill(pid, 0)


@contextmanager
def training_alone(home: Home) -> Iterator[subprocess.Popen[str]]:
    """A process of `autopilot retrain` that works on its samples."""
    with subprocess.Popen(
        [*home.program, "retrain", *LONG], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stderr
            while process.stderr.readline().strip() != "samples":
                assert process.poll() is None
            yield process
        finally:
            process.kill()


@pytest.fixture
def daemon(home: Home) -> Home:
    configure(home)
    home.start()
    return home


def test_without_a_daemon_it_trains_here_and_says_what_came_of_it(trained: Home) -> None:
    said = (trained.directory / "retrain.out").read_text()
    assert "Not enough to tell whether there is an edge" in said
    assert "it was stored, but does not decide" in said
    assert "The rule table decides about simulated 1h candles: " not in said
    assert "The rule table decides about simulated 1h candles." in said
    before, advice, stage, *_ = (trained.directory / "retrain.err").read_text().splitlines()
    assert before.startswith("the gate requires at least 1,000 decisions out of sample on 180 days; ")
    assert before.endswith("this model cannot pass")
    assert advice.startswith("enough in any market: --days ")
    assert stage == "existing samples"
    listed = trained.here("tasks", "--json")
    assert listed.code == 3
    assert [each["state"] for each in listed.document["tasks"]] == ["succeeded"]
    assert trained.json("model-info")["state"] == "insufficient"


def test_a_surrogate_says_what_nothing_looks_like_and_keeps_nothing(home: Home) -> None:
    configure(home)
    done = home.here("retrain", "--days", "60", "--surrogate")
    assert done.code == 0, done.err
    assert "without their direction; not stored" in done.out
    assert home.json("models", "list")["models"] == []
    assert home.json("model-info")["state"] == "untrained"


def test_the_same_training_gives_the_same_model_with_and_without_a_daemon(daemon: Home) -> None:
    through = daemon.json("retrain", "--days", "60")["result"]
    daemon.stop()
    without = daemon.json("retrain", "--days", "60")["result"]
    for name in ("model_id", "samples", "metrics"):
        assert through[name] == without[name]
    assert len(daemon.json("models", "list")["models"]) == 1


def test_one_training_at_a_time_and_the_other_is_told_which(daemon: Home) -> None:
    begun = daemon.json("retrain", *LONG, "--detach")
    second = daemon.here("retrain", "--days", "60", "--json")
    assert second.code == 4
    assert begun["id"] in second.trouble["message"]
    daemon.client.post(f"/api/autopilot/tasks/{begun['id']}/cancel", {})
    assert task(daemon, begun["id"])["state"] == "canceled"
    assert daemon.json("retrain", "--days", "60")["state"] == "succeeded"


def test_a_training_that_is_killed_has_failed_and_the_daemon_lives(daemon: Home) -> None:
    begun = daemon.json("retrain", *LONG, "--detach")
    running = wait_for(daemon, begun["id"], "running")
    workers = working_for(running["pid"])
    os.kill(running["pid"], signal.SIGKILL)
    assert all(daemon.gone(worker) for worker in workers)
    failed = wait_for(daemon, begun["id"], "failed")
    assert "SIGKILL" in failed["error"]["message"]
    assert "memory" in failed["error"]["message"]
    assert daemon.json("status")["daemon"]["running"]
    shown = daemon.here("tasks", begun["id"])
    assert "killed by SIGKILL" in shown.out


def test_a_daemon_that_died_leaves_no_training_unfinished(daemon: Home) -> None:
    begun = daemon.json("retrain", *LONG, "--detach")
    running = wait_for(daemon, begun["id"], "running")
    daemon.kill_hard()
    os.kill(running["pid"], signal.SIGKILL)
    assert daemon.gone(running["pid"])
    daemon.start()
    assert task(daemon, begun["id"])["state"] == "failed"


def test_a_training_of_another_command_is_respected_and_when_killed_in_nobody_s_way(home: Home) -> None:
    configure(home)
    with training_alone(home) as other:
        home.start()
        refused = home.here("retrain", "--days", "60", "--json")
        (task_id,) = [each["id"] for each in home.json("tasks")["tasks"]]
        assert refused.code == 4
        assert task_id in refused.trouble["message"]
        assert task(home, task_id)["state"] == "running"
        other.kill()
        other.wait(40)
        assert home.json("retrain", "--days", "60")["state"] == "succeeded"
        assert task(home, task_id)["state"] == "failed"


def test_stopping_the_daemon_cancels_its_training(daemon: Home) -> None:
    begun = daemon.json("retrain", *LONG, "--detach")
    running = wait_for(daemon, begun["id"], "running")
    daemon.stop()
    assert daemon.gone(running["pid"])
    assert daemon.here("tasks", begun["id"], "--json").document["state"] == "canceled"


@pytest.mark.parametrize("through_daemon", [True, False])
def test_ctrl_c_cancels_and_nothing_is_left_half_done(home: Home, through_daemon: bool) -> None:
    configure(home)
    if through_daemon:
        home.start()
    with training_alone(home) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == 130
    tasks = home.here("tasks", "--json").document["tasks"]
    assert [each["state"] for each in tasks] == ["canceled"]
    assert home.json("models", "list")["models"] == []


@pytest.mark.parametrize("begun_by", ["the daemon", "a command beside a daemon", "a command alone"])
def test_a_training_is_canceled_by_its_id_whoever_began_it(home: Home, begun_by: str) -> None:
    configure(home)
    if begun_by != "a command alone":
        home.start()
    with contextlib.ExitStack() as stack:
        if begun_by == "the daemon":
            begun = home.json("retrain", *LONG, "--detach")
        else:
            other = stack.enter_context(training_alone(home))
            (begun,) = home.here("tasks", "--json").document["tasks"]
        if begun_by == "the daemon":
            begun = wait_for(home, begun["id"], "running")
        done = home.here("tasks", "cancel", begun["id"])
        assert (done.code, done.out) == (0, f"training {begun['id']} is canceled; nothing was changed\n")
        assert home.gone(begun["pid"])
        if begun_by != "the daemon":
            assert other.wait(40) == 130
    assert home.here("tasks", begun["id"], "--json").document["state"] == "canceled"
    assert home.json("models", "list")["models"] == []
    again = home.here("tasks", "cancel", begun["id"])
    assert (again.code, again.err.splitlines()[0]) == (4, f"error: training {begun['id']} has ended already: canceled")
    unknown = home.here("tasks", "cancel", "t0000")
    assert (unknown.code, unknown.err.splitlines()[0]) == (1, "error: there is no task 't0000'")
    commands = [row["body"]["command"] for row in home.json("audit", "show", "--kind", "command")["audit"]]
    assert any("cancel" in command for command in commands)
    assert home.here("retrain", "--days", "60").code == 0, "the lock is free"


def test_what_cannot_be_trained_fails_with_words(home: Home) -> None:
    configure(home)
    failed = home.here("retrain", "--days", "1", "--json")
    assert failed.code == 1
    assert "too few to train on" in failed.trouble["message"]
    assert "more days" in failed.trouble["hint"]
    task = home.here("tasks", "--json").document["tasks"][0]
    assert task["error"]["traceback"] == ""
    shown = home.here("tasks", task["id"]).out
    assert ("too few to train on" in shown, "Traceback" in shown) == (True, False)


def test_the_training_configuration_is_kept_and_used_at_once(daemon: Home) -> None:
    answer = daemon.here("config", "get", "training.days")
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
    daemon.stop()
    daemon.start()
    assert daemon.client.get("/api/autopilot/bootstrap-config")["days"] == 60


@pytest.mark.parametrize("is_altered", [False, True])
def test_a_champion_decides_unless_its_files_are_damaged(trained: Home, is_altered: bool) -> None:
    home = trained
    home.configure(**ALONE, simulated={"speed": 0, "end": "2024-01-03"}, auto_execute=True)
    (listed,) = home.json("models", "list")["models"]
    model = listed["id"]
    assert home.here("models", "promote", model).code == 5
    home.json("models", "promote", model, "--force")
    if is_altered:
        (text,) = (home.data_dir / "models").glob(f"{model}*.txt")
        text.write_bytes(text.read_bytes().replace(b"leaf_value=", b"leaf_value=9", 1))
    home.start()
    assert home.follow({"BTC/USD"})
    decisions = home.json("decisions", "--limit", "100")["decisions"]
    assert len(decisions) == 48
    assert {each["decided_by"] for each in decisions} == {"rules" if is_altered else "model"}
    status = home.json("status")["model"]
    assert (status["id"], status["usable"]) == (model, not is_altered)
    if is_altered:
        assert "the rule table decides" in home.here("status").out
        assert model in home.json("explain")["selection"]["note"]
