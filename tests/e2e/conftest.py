"""The installed program as a user has it: its own processes, a real socket, a real database."""

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
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from autopilot.adapters.store.database import open_readonly
from autopilot.control.client import ControlClient
from autopilot.control.errors import ControlError
from autopilot.daemon.readiness import READY_FD

LIMIT_S = 40.0
"""Nothing in these tests takes that long unless it hangs."""

PROGRAM = (sys.executable, "-P", "-m", "autopilot")
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
        """The error that a command with --json names."""
        found: dict[str, str] = self.document["error"]
        return found


@dataclass
class Foreground:
    """`autopilot daemon`, that is, its process."""

    process: subprocess.Popen[bytes]
    log: Path

    def end(self, number: signal.Signals) -> int:
        """The exit code after this signal."""
        self.process.send_signal(number)
        return self.process.wait(LIMIT_S)


@dataclass
class Home:
    """One data directory and whatever runs on it."""

    directory: Path
    pids: set[int] = field(default_factory=set)
    """Of every daemon seen here."""
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

    def run(self, *arguments: str | Path, given: bytes = b"", **environment: str) -> Finished:
        """The installed command, as typed; it reads ``given``."""
        done = self.typed(*arguments, given=given, **environment)
        with suppress(ControlError, OSError):
            self._see()
        return done

    def typed(self, *arguments: str | Path, given: bytes = b"", **environment: str) -> Finished:
        """As `run`, and the daemon is not asked who it is."""
        done = subprocess.run(
            [Path(sys.executable).with_name("autopilot"), "--data-dir", self.data_dir, *arguments],
            check=False,
            capture_output=True,
            timeout=LIMIT_S,
            env={**os.environ, **environment},
            input=given,
        )
        return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())

    def json(self, *arguments: str) -> Any:
        """What a command answers that is expected to succeed."""
        done = self.run(*arguments, "--json")
        assert done.code == 0, done.err
        return done.document

    def foreground(self) -> Foreground:
        """A daemon that is ready."""
        log = self.directory / "foreground.log"
        readable, writable = os.pipe()
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [*PROGRAM, "--data-dir", str(self.data_dir), "daemon"],
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
        """Every row that tells of trading, without the numbers that only order them."""
        with open_readonly(self.database) as connection:
            return {
                table: sorted(_comparable(dict(row)) for row in connection.execute(f"SELECT * FROM {table}"))
                for table in BOOKS
            }

    def gone(self, pid: int) -> bool:
        """Whether the process ended in time; it need not be our child."""
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
        """The running daemon's."""
        return self._see()

    def kill_hard(self) -> None:
        """SIGKILL to the daemon, and wait for its end."""
        self.end(signal.SIGKILL)

    def end(self, number: signal.Signals) -> None:
        """This signal to the daemon, and wait for its end."""
        pid = self.pid()
        os.kill(pid, number)
        assert self.gone(pid)

    def clear(self) -> None:
        """End what is left of this test, and nothing else."""
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
    return json.dumps([value for name, value in row.items() if name != "id" or isinstance(value, str)])


@pytest.fixture(scope="session")
def new_home() -> Iterator[Callable[[], Home]]:
    """Homes in short paths, which a Unix socket needs."""
    homes: list[Home] = []

    def make() -> Home:
        home = Home(Path(tempfile.mkdtemp(prefix="ap")))
        homes.append(home)
        return home

    with pytest.MonkeyPatch.context() as patched:
        for name in [name for name in os.environ if name.startswith("AUTOPILOT_") and name != "AUTOPILOT_TEST_DATA"]:
            patched.delenv(name)
        yield make
        for home in homes:
            if home.directory.exists():
                home.clear()


@pytest.fixture
def home(new_home: Callable[[], Home]) -> Iterator[Home]:
    home = new_home()
    yield home
    home.clear()
