import errno
import os
from pathlib import Path

import pytest

from autopilot.adapters.lock import AlreadyRunning, hold_lock
from autopilot.domain.errors import ConfigError


def test_only_one_holds_it_and_the_other_learns_who(tmp_path: Path) -> None:
    path = tmp_path / "autopilot.lock"
    with hold_lock(path):
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}") as caught, hold_lock(path):
            pass
        assert caught.value.pid == os.getpid()
        assert str(tmp_path) in str(caught.value)
        assert path.stat().st_mode & 0o777 == 0o600
    with hold_lock(path):
        pass


def test_what_a_dead_daemon_left_in_the_file_is_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "autopilot.lock"
    path.write_text("123456789012345678901234567890\n")
    with hold_lock(path):
        assert path.read_text() == f"{os.getpid()}\n"
    assert path.read_text() == ""


def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "autopilot.lock"
    with pytest.raises(ZeroDivisionError), hold_lock(path):
        raise ZeroDivisionError
    with hold_lock(path):
        pass


def test_a_directory_in_its_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot open the lock .*: Is a directory"), hold_lock(tmp_path):
        pass


def test_on_a_full_disk_it_is_held_without_the_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "autopilot.lock"

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with hold_lock(path):
        with pytest.raises(AlreadyRunning, match="a daemon already runs") as caught, hold_lock(path):
            pass
        assert caught.value.pid is None
