"""A real daemon in a directory of its own, for as long as it is measured."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import tomli_w

from autopilot.config.paths import find_paths
from autopilot.control.client import ControlClient
from autopilot.control.errors import DaemonNotRunning
from autopilot.control.protocol import API

COMMAND = str(Path(sys.executable).parent / "autopilot")
"""The installed program, as a user starts it."""


@contextmanager
def configured(settings: Mapping[str, object]) -> Iterator[Path]:
    """A data directory with this configuration. Whatever daemon was started in it is stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="autopilot-bench-") as name:
        directory = Path(name)
        find_paths(None, directory, {}).config_file.write_text(tomli_w.dumps(settings))
        try:
            yield directory
        finally:
            _stop(directory)


def autopilot(directory: Path, *arguments: str) -> str:
    """The output of one command. Raises CalledProcessError."""
    command = [COMMAND, "--data-dir", str(directory), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout


def daemon(directory: Path) -> ControlClient:
    return ControlClient(find_paths(None, directory, {}).socket)


def real_candles() -> Path | None:
    """The folder of real candles, where the environment names one."""
    folder = os.environ.get("AUTOPILOT_TEST_DATA")
    return Path(folder) / "ohlcv" if folder else None


def _stop(directory: Path) -> None:
    """Returns when its process is gone: it still writes into the directory until then."""
    client = daemon(directory)
    with suppress(DaemonNotRunning):
        process = Path("/proc") / str(client.get("/health")["pid"])
        client.post(f"{API}/stop")
        while process.exists():
            time.sleep(0.05)
