"""The daemon as a process: started in the background, found again, stopped by signals, killed, and started twice."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autopilot.adapters.lock import hold_lock
from autopilot.app.trading.passphrase import FD_VARIABLE
from autopilot.config.paths import Paths, find_paths
from autopilot.control.client import ControlClient
from autopilot.control.errors import DaemonNotRunning
from autopilot.daemon import spawn
from autopilot.daemon.spawn import Ensured, StartFailed, ensure_daemon
from autopilot.domain.credentials import Passphrase

PROGRAM = (sys.executable, str(Path(__file__).with_name("little_daemon.py")))


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 10
    while not (result := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)
    return result


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths(None, tmp_path, {})


@pytest.fixture
def background(paths: Paths) -> Iterator[Callable[..., Ensured]]:
    """Starts daemons as `autopilot start` does, and leaves none behind."""
    pids: set[int] = set()

    def start(mode: str = "plain", limit_s: float = 15.0, passphrase: Passphrase | None = None) -> Ensured:
        ensured = ensure_daemon(paths, [str(paths.data_dir), mode], limit_s, PROGRAM, passphrase)
        pids.add(ensured.health["pid"])
        return ensured

    yield start
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            continue


@pytest.fixture
def foreground(paths: Paths) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(mode: str = "plain", awaited: str = "socket") -> subprocess.Popen[str]:
        process = subprocess.Popen([*PROGRAM, str(paths.data_dir), mode], stderr=subprocess.PIPE, text=True)
        started.append(process)
        target = paths.socket if awaited == "socket" else paths.data_dir / awaited
        wait_for(lambda: target.exists() or process.poll() is not None)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def exit_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_it_is_started_once_found_again_and_stopped_on_request(background: Any, paths: Paths) -> None:
    first = background()
    assert first.started
    assert first.health["cwd"] == "/"
    assert first.health["session"] == first.health["pid"]
    second = background()
    assert not second.started
    assert second.health == first.health
    assert ControlClient(paths.socket).post("/api/autopilot/stop") == {"stopping": True}
    assert exit_of(first.health["pid"]) == 0
    assert (paths.data_dir / "closed").exists()
    assert not paths.socket.exists()
    with pytest.raises(DaemonNotRunning):
        ControlClient(paths.socket).get("/health")
    log = paths.log_file.read_text()
    assert "ready" in log
    assert log.rstrip().endswith("stopped")
    assert paths.log_file.stat().st_mode & 0o777 == 0o600


def test_after_a_kill_the_next_one_takes_over_socket_and_lock(background: Any, paths: Paths) -> None:
    first = background()
    os.kill(first.health["pid"], signal.SIGKILL)
    assert exit_of(first.health["pid"]) == -signal.SIGKILL
    assert paths.socket.exists()
    second = background()
    assert second.started
    assert second.health["pid"] != first.health["pid"]


def test_commands_at_the_same_time_start_one_daemon(background: Any) -> None:
    with ThreadPoolExecutor(3) as pool:
        ensured = [future.result() for future in [pool.submit(background) for _ in range(3)]]
    assert len({each.health["pid"] for each in ensured}) == 1
    assert [each.started for each in ensured].count(True) == 1


def test_a_second_daemon_is_refused_and_told_the_first_ones_pid(foreground: Any, paths: Paths) -> None:
    first = foreground()
    inode = paths.socket.stat().st_ino
    command = [*PROGRAM, str(paths.data_dir), "plain"]
    second = subprocess.run(command, check=False, capture_output=True, text=True, timeout=10)
    assert second.returncode == 1
    assert f"a daemon (process {first.pid}) already runs on {paths.data_dir}" in second.stderr
    assert "Traceback" not in second.stderr
    assert paths.socket.stat().st_ino == inode
    assert ControlClient(paths.socket).get("/health")["pid"] == first.pid


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_in_order(foreground: Any, paths: Paths, number: signal.Signals) -> None:
    daemon = foreground()
    daemon.send_signal(number)
    _, log = daemon.communicate(timeout=10)
    assert daemon.returncode == 0
    assert (paths.data_dir / "closed").exists()
    assert not paths.socket.exists()
    assert "Traceback" not in log


def test_a_second_signal_does_not_wait(foreground: Any, paths: Paths) -> None:
    daemon = foreground("stubborn")
    daemon.terminate()
    wait_for((paths.data_dir / "closing").exists)
    daemon.terminate()
    _, log = daemon.communicate(timeout=10)
    assert daemon.returncode == 0
    assert "stopping without waiting" in log
    assert not (paths.data_dir / "closed").exists()


def test_a_signal_before_it_is_up_stops_it_too(foreground: Any, paths: Paths) -> None:
    daemon = foreground("slow", awaited="opening")
    daemon.terminate()
    assert daemon.wait(10) == 0
    assert not paths.socket.exists()


def test_the_reason_of_a_refusal_reaches_the_command(background: Any) -> None:
    with pytest.raises(StartFailed, match=r"^the database is from the future$") as caught:
        background("refuse")
    assert caught.value.hint == "upgrade"


def test_what_takes_a_start_long_reaches_the_command_and_the_log(paths: Paths) -> None:
    said: list[str] = []
    arguments = [str(paths.data_dir), "migrating"]
    pid = ensure_daemon(paths, arguments, 15.0, PROGRAM, remark=said.append).health["pid"]
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert said == ["moved 1 of 2", "moved 2 of 2"]
    assert all(each in paths.log_file.read_text() for each in said)


def test_the_limit_begins_anew_with_each_remark(monkeypatch: pytest.MonkeyPatch) -> None:
    readable, writable = os.pipe()
    now, said = [0.0], []
    lines = [*(f'{{"ready": null, "busy": "{number}"}}' for number in range(5)), '{"ready": true}']

    def wait(_readable: list[int], _writable: list[int], _failed: list[int], seconds: float) -> Any:
        assert seconds == 10.0
        now[0] += 9.0
        os.write(writable, lines.pop(0).encode() + b"\n")
        return [readable], [], []

    monkeypatch.setattr(spawn, "select", SimpleNamespace(select=wait))
    monkeypatch.setattr(spawn, "time", SimpleNamespace(monotonic=lambda: now[0]))
    assert spawn._last_report(readable, 10.0, said.append) == b'{"ready": true}'
    assert said == list("01234")
    os.close(readable)
    os.close(writable)


def test_of_a_crash_the_last_word_is_told(background: Any, paths: Paths) -> None:
    paths.state_dir.mkdir()
    paths.log_file.write_text("an old line\n")
    with pytest.raises(
        StartFailed, match="ended at once with exit code 1: ZeroDivisionError: a bug at start"
    ) as caught:
        background("crash")
    assert str(paths.log_file) in caught.value.hint


def test_one_that_does_not_get_ready_is_ended(background: Any, paths: Paths) -> None:
    with pytest.raises(StartFailed, match=r"did not get ready within 1\.5 s"):
        background("slow", limit_s=1.5)
    with hold_lock(paths.lock_file):
        assert not paths.socket.exists()


def test_something_else_in_the_sockets_place_is_named(background: Any, paths: Paths) -> None:
    paths.socket.parent.mkdir()
    paths.socket.write_text("mine")
    with pytest.raises(StartFailed, match="is in the way: it is not a socket"):
        background()
    assert paths.socket.read_text() == "mine"
    assert (paths.data_dir / "closed").exists()


def test_a_lock_without_a_daemon_behind_the_socket_is_reported(
    background: Any, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second daemon has all the time that it needs to report; the limit passes in the first pause after it."""
    pauses: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + 60 * len(pauses), sleep=pauses.append)
    monkeypatch.setattr(spawn, "time", clock)
    with hold_lock(paths.lock_file), pytest.raises(StartFailed, match="but does not answer") as caught:
        background(limit_s=30.0)
    assert len(pauses) == 1, "it asked again until the limit"
    assert f"process {os.getpid()}" in str(caught.value)


def test_a_passphrase_reaches_the_daemon_and_nobody_else(background: Any, paths: Paths) -> None:
    secret = "canary żółć of four words"
    health = background(passphrase=Passphrase(secret)).health
    assert health["told"] == hashlib.sha256(secret.encode()).hexdigest()
    process = Path(f"/proc/{health['pid']}")
    public = [(process / name).read_bytes() for name in ("cmdline", "environ")]
    assert b"AUTOPILOT_PASSPHRASE_FD=" in public[1]
    public += [file.read_bytes() for file in paths.data_dir.rglob("*") if file.is_file()]
    assert b"canary" not in b"".join(public)
    assert background(passphrase=Passphrase("another one")).health == health


def test_a_descriptor_named_for_the_command_is_none_of_the_daemons(
    background: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FD_VARIABLE, "9")
    assert background().health["told"] is None


def open_descriptors() -> list[int]:
    return [number for number in range(256) if Path(f"/proc/self/fd/{number}").is_symlink()]


def test_a_daemon_that_dies_at_once_leaves_no_descriptor_behind(background: Any) -> None:
    before = open_descriptors()
    with pytest.raises(StartFailed):
        background("crash", passphrase=Passphrase("four random words"))
    assert open_descriptors() == before
