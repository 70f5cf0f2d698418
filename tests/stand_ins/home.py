"""A data directory and the installed program that works on it: real processes, a real socket, a real database."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import patch

import tomli_w

from autopilot.adapters.store.database import open_readonly
from autopilot.cli.main import main
from autopilot.control.client import ControlClient
from autopilot.control.errors import ControlError
from autopilot.daemon.readiness import READY_FD

LIMIT_S = 120.0
"""Seconds after which a test counts as hanging."""

BOOKS = ("decisions", "orders", "fills", "positions", "round_trips", "equity", "performance_samples", "paper_balances")


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def trouble(self) -> dict[str, str]:
        """The error in the document of a command with --json."""
        found: dict[str, str] = self.document["error"]
        return found


@dataclass
class Foreground:
    """The process of `autopilot daemon`."""

    process: subprocess.Popen[bytes]
    log: Path

    def end(self, number: signal.Signals) -> int:
        """Send a signal, and return the exit code of the process."""
        self.process.send_signal(number)
        return self.process.wait(LIMIT_S)


@dataclass
class Home:
    """One data directory and the processes that run on it."""

    directory: Path
    scripts: Path
    """The folder of `autopilot` and `python` in the environment of a user."""
    pids: set[int] = field(default_factory=set)
    """Process ids of the daemons that were seen on this directory."""
    children: list[Foreground] = field(default_factory=list)

    @property
    def data_dir(self) -> Path:
        return self.directory / "data"

    @property
    def database(self) -> Path:
        return self.data_dir / "autopilot.db"

    @property
    def socket(self) -> Path:
        return self.data_dir / "run" / "autopilot.sock"

    @property
    def config_file(self) -> Path:
        return self.data_dir / "autopilot.toml"

    @property
    def client(self) -> ControlClient:
        return ControlClient(self.socket, LIMIT_S)

    def configure(self, **settings: Any) -> None:
        self.data_dir.mkdir(mode=0o700, exist_ok=True)
        self.config_file.write_text(tomli_w.dumps(settings))

    @property
    def program(self) -> list[str | Path]:
        """The installed command on this data directory, without its arguments."""
        return [self.scripts / "autopilot", "--data-dir", self.data_dir]

    def run(self, *arguments: str | Path, given: bytes = b"", **environment: str) -> Finished:
        """Run the installed command in a process of its own, with ``given`` as its standard input.

        A daemon that it starts ends with the home.
        """
        done = self.run_only(*arguments, given=given, **environment)
        with suppress(ControlError, OSError):
            self._see()
        return done

    def run_only(self, *arguments: str | Path, given: bytes = b"", **environment: str) -> Finished:
        """As `run`, without a request to the daemon afterwards."""
        done = subprocess.run(
            [*self.program, *arguments],
            check=False,
            capture_output=True,
            timeout=LIMIT_S,
            env={**os.environ, **environment},
            input=given,
        )
        return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())

    def here(self, *arguments: str | Path) -> Finished:
        """Run the command in the process of the test, which saves its start-up.

        A daemon that it starts has the environment of the tests, not that of a user: see `start`.
        """
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "stdin", StringIO()), _limited():
            code = main(["--data-dir", str(self.data_dir), *map(str, arguments)])
        if "start" in arguments:
            with suppress(ControlError, OSError):
                self._see()
        return Finished(code, out.getvalue(), err.getvalue())

    def json(self, *arguments: str | Path) -> Any:
        """The document of a command that succeeds, run in the process of the test."""
        done = self.here(*arguments, "--json")
        assert done.code == 0, done.err
        return done.document

    def start(self) -> Any:
        """The document of `autopilot start` with a daemon in the foreground, which is started if none runs."""
        try:
            self._see()
        except (ControlError, OSError):
            self.foreground()
        return self.json("start")

    def stop(self) -> None:
        """End the daemon by `autopilot stop`, and wait until it is gone."""
        pid = self.pid()
        self.json("stop")
        assert self.gone(pid)

    def foreground(self) -> Foreground:
        """Start a daemon as a child process, and return when it is ready."""
        log = self.directory / "foreground.log"
        readable, writable = os.pipe()
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [self.scripts / "python", "-P", "-m", "autopilot", "--data-dir", self.data_dir, "daemon"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**os.environ, READY_FD: str(writable)},
                pass_fds=(writable,),
            )
        self.pids.add(process.pid)
        os.close(writable)
        with os.fdopen(readable) as said:
            line = said.readline()
        assert line, log.read_text()
        assert json.loads(line)["ready"], line
        self.children.append(Foreground(process, log))
        return self.children[-1]

    def events(self, *kinds: str, after: int | None = 0) -> Iterator[dict[str, Any]]:
        return self.client.events(kinds, after)

    def follow(self, symbols: set[str], enough: Callable[[dict[str, Any]], bool] = lambda _: False) -> bool:
        """Listen until ``enough`` or until all ``symbols`` are at the end of their market; True when they are."""
        left = set(symbols)
        for event in self.events():
            if event["kind"] == "symbol" and event["body"]["state"] == "finished":
                left.discard(event["body"]["symbol"])
            if not left:
                return True
            if enough(event):
                return False
        raise AssertionError("the daemon ended by itself")

    def contents(self) -> dict[str, list[str]]:
        """The rows of the trading tables, as sorted texts without row numbers."""
        with open_readonly(self.database) as connection:
            return {
                table: sorted(_comparable(dict(row)) for row in connection.execute(f"SELECT * FROM {table}"))
                for table in BOOKS
            }

    def gone(self, pid: int) -> bool:
        """Wait for the end of a process, child or not; False if it did not end in time."""
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            return bool(select.select([descriptor], [], [], LIMIT_S)[0])
        finally:
            os.close(descriptor)

    def _see(self) -> int:
        pid = int(self.client.get("/health")["pid"])
        self.pids.add(pid)
        return pid

    def pid(self) -> int:
        """The process id of the running daemon."""
        return self._see()

    def kill_hard(self) -> None:
        """Kill the daemon, and wait for its end."""
        self.end(signal.SIGKILL)

    def end(self, number: signal.Signals) -> None:
        """Send a signal to the daemon, and wait for its end."""
        pid = self.pid()
        os.kill(pid, number)
        assert self.gone(pid)

    @contextmanager
    def moved(self) -> Iterator[None]:
        """The data directory is at another place in the block, as on another machine; no daemon may run."""
        original, place = self.directory, Path(tempfile.mkdtemp(prefix="ap"))
        shutil.move(self.data_dir, place / "data")
        self.directory = place
        try:
            yield
        finally:
            self.directory = original
            shutil.move(place / "data", self.data_dir)
            place.rmdir()

    def clear(self) -> None:
        """Kill the daemons of this home, and remove its directory."""
        with suppress(ControlError, OSError):
            self._see()
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self.gone(pid)
        for child in self.children:
            child.process.wait(LIMIT_S)
        shutil.rmtree(self.directory)


def _comparable(row: dict[str, Any]) -> str:
    return json.dumps(
        [value for name, value in row.items() if name != "id" or isinstance(value, str)], default=bytes.hex
    )


@contextmanager
def _limited() -> Iterator[None]:
    """Raise TimeoutError in the body when it takes longer than LIMIT_S."""

    def give_up(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"the command took longer than {LIMIT_S:g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
