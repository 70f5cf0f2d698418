"""A state of the code, installed as a user has it: in an environment with what it needs and nothing else.

Needs the tests beside the benchmarks: they make such environments, of links and within a second.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from autopilot.config.paths import find_paths
from autopilot.control.client import ControlClient
from autopilot.control.errors import DaemonNotRunning, DaemonUnreachable
from autopilot.control.protocol import API, HEALTH
from benchmarks.costs import Spent, environment, spend

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "tests" / "stand_ins" / "product_environment.py"
POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class Installation:
    """``checkout``: the folder of its source; ``scripts``: of its programs."""

    name: str
    checkout: Path
    scripts: Path

    @property
    def python(self) -> str:
        return str(self.scripts / "python")

    def command(self, directory: Path, *arguments: str) -> list[str]:
        return [str(self.scripts / "autopilot"), "--data-dir", str(directory), *arguments]

    def autopilot(self, directory: Path, *arguments: str) -> Spent:
        """The cost of one command. Raises CommandFailed."""
        return spend(self.command(directory, *arguments))

    @contextmanager
    def configured(self, settings: Mapping[str, object]) -> Iterator[Path]:
        """A data directory with this configuration."""
        with tempfile.TemporaryDirectory(prefix="ap-") as name:
            directory = Path(name)
            find_paths(None, directory, {}).config_file.write_text(tomli_w.dumps(settings))
            yield directory

    @contextmanager
    def daemon(self, directory: Path, first: str = "", more: Mapping[str, str] | None = None) -> Iterator[Daemon]:
        """A daemon that answers, started in ``directory`` without any symbol running. Stopped at the end. ``first``:
        Python code that its process runs before everything else. ``more``: environment variables."""
        command = self.command(directory, "daemon")
        if first:
            command[:1] = [self.python, "-c", f"{first}\nfrom autopilot.cli.main import main\nmain()"]
        with (directory / "daemon.out").open("w") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**environment(), **(more or {})},
            )
            try:
                yield Daemon(directory, process.pid, _answering(process, directory))
            finally:
                process.terminate()
                process.wait(60)


@dataclass(frozen=True, slots=True)
class Daemon:
    """One running daemon and a client of its socket."""

    directory: Path
    pid: int
    client: ControlClient


def _answering(process: subprocess.Popen[bytes], directory: Path) -> ControlClient:
    """A client, as soon as the daemon answers."""
    client = ControlClient(find_paths(None, directory, {}).socket)
    while process.poll() is None:
        with suppress(DaemonNotRunning, DaemonUnreachable):
            client.get(HEALTH)
            return client
        time.sleep(POLL_S)
    raise DaemonNotRunning(f"the daemon ended: {(directory / 'daemon.out').read_text()[-500:]}", hint="")


def start_symbols(daemon: Daemon) -> None:
    """Run the configured symbols."""
    daemon.client.post(f"{API}/start", {})


@contextmanager
def installations(before: str | None) -> Iterator[tuple[Installation, Installation | None]]:
    """(this code, the code of the git revision ``before`` in a worktree of its own). Raises CalledProcessError."""
    with ExitStack() as opened:
        place = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="ap-env-")))
        now = _installed("now", ROOT, place / "now")
        if before is None:
            yield now, None
            return
        checkout = place / "checkout"
        _git("worktree", "add", "--detach", "--force", str(checkout), before)
        opened.callback(_git, "worktree", "remove", "--force", str(checkout))
        yield now, _installed(f"before ({before})", checkout, place / "before")


def _installed(name: str, checkout: Path, place: Path) -> Installation:
    command = [sys.executable, str(PROGRAM), str(place), str(checkout / "src" / "autopilot")]
    scripts = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    # As pip does: else the first of several measured starts compiles what the others load.
    for options in ([str(checkout / "src")], ["-l", *map(str, Path(scripts).parent.glob("lib/*/site-packages"))]):
        spend([sys.executable, "-m", "compileall", "-q", *options])
    return Installation(name, checkout, Path(scripts))


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)
