"""Where a passphrase comes from when nobody types it, and that a process that holds it keeps its memory to itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autopilot.daemon.passphrase import CREDENTIAL, FD_VARIABLE, given_passphrase, passphrase_pipe
from autopilot.domain.errors import VaultLocked


def test_a_credential_comes_before_a_descriptor(tmp_path: Path) -> None:
    (tmp_path / CREDENTIAL).write_text("from systemd\n")
    descriptor = passphrase_pipe("from a pipe")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), FD_VARIABLE: str(descriptor)}
    assert given_passphrase(environ) == "from systemd"
    os.close(descriptor)


def test_a_descriptor_is_read_once_and_forgotten(tmp_path: Path) -> None:
    descriptor = passphrase_pipe("from a pipe")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), FD_VARIABLE: str(descriptor)}
    assert given_passphrase(environ) == "from a pipe"
    assert given_passphrase(environ) is None
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@pytest.mark.parametrize("text", ["", "\n"])
def test_nothing_is_no_passphrase(text: str, tmp_path: Path) -> None:
    (tmp_path / CREDENTIAL).write_text(text)
    with pytest.raises(VaultLocked, match="empty"):
        given_passphrase({"CREDENTIALS_DIRECTORY": str(tmp_path)})


@pytest.mark.parametrize("descriptor", ["nine", "987654"])
def test_a_descriptor_that_is_none_is_named(descriptor: str) -> None:
    with pytest.raises(VaultLocked) as refused:
        given_passphrase({FD_VARIABLE: descriptor})
    assert FD_VARIABLE in refused.value.hint


def test_no_core_dump_and_nobody_attaches() -> None:
    program = (
        "import ctypes, resource\n"
        "from autopilot.daemon.hardening import keep_memory_private\n"
        "keep_memory_private()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split("\n")[0] == "(0, 0) 0"
