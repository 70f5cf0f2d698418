"""Queries in a directory that cannot be written see every committed row, also those in the WAL."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from privileges import without_privileges

from autopilot.adapters.store.database import open_database, open_readonly
from autopilot.cli.main import main
from autopilot.config.paths import find_paths
from autopilot.domain.errors import StoreUnavailable

_ADD = "INSERT INTO paper_balances VALUES ('a', 'USD', '7')"


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory in which everybody may look, and that becomes read-only."""
    directory = Path(tempfile.mkdtemp())
    yield directory
    directory.chmod(0o700)
    shutil.rmtree(directory)


def close(path: Path) -> None:
    directory = path.parent
    for each in directory.iterdir():
        each.chmod(0o444)
    directory.chmod(0o555)


def closed_cleanly(path: Path) -> None:
    with closing(open_database(path)) as database, database.transaction(durable=True) as connection:
        connection.execute(_ADD)


def copied_with_its_wal(path: Path) -> None:
    """A backup of the two files, in which the index is missing."""
    original = path.with_name("original.db")
    with closing(open_database(original)) as database:
        with database.transaction(durable=True) as connection:
            connection.execute(_ADD)
        shutil.copy(original, path)
        shutil.copy(f"{original}-wal", f"{path}-wal")


def killed(path: Path) -> None:
    """A daemon that died, and left all three files."""
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom autopilot.adapters.store.database import open_database\n"
        "database = open_database(Path(sys.argv[1]))\n"
        f'with database.transaction(durable=True) as connection:\n    connection.execute("{_ADD}")\nos._exit(0)\n'
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)
    assert path.with_name(f"{path.name}-shm").exists()


def total(path: Path) -> list[str]:
    with open_readonly(path) as connection:
        return [row["total"] for row in connection.execute("SELECT total FROM paper_balances")]


@pytest.mark.parametrize("make", [closed_cleanly, copied_with_its_wal, killed], ids=lambda make: make.__name__)
def test_every_row_is_seen_and_nothing_is_written(place: Path, make: Callable[[Path], None]) -> None:
    path = place / "autopilot.db"
    make(path)
    close(path)
    before = {each.name: each.read_bytes() for each in place.iterdir()}
    with without_privileges():
        assert not os.access(place, os.W_OK, effective_ids=True)
        assert total(path) == ["7"]
    assert {each.name: each.read_bytes() for each in place.iterdir()} == before


def test_beside_the_socket_of_another_user_the_last_known_state_is_shown(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    closed_cleanly(place / "autopilot.db")
    socket_file = find_paths(data_dir=place).socket
    socket_file.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(socket_file))
        socket_file.chmod(0o600)
        close(place / "autopilot.db")
        socket_file.parent.chmod(0o755)
        command = ["--data-dir", str(place), "orders", "--json"]
        assert main(command) == 3, "nobody listens, as its owner finds out"
        capsys.readouterr()
        with without_privileges():
            code = main(command)
    said = capsys.readouterr()
    assert (code, json.loads(said.out)["orders"]) == (4, [])
    assert "could not be reached: Permission denied; this is the last known state" in said.err


def test_beside_a_running_daemon_the_newest_rows_are_seen(place: Path) -> None:
    path = place / "autopilot.db"
    with closing(open_database(path)) as database:
        for amount in ("1", "2"):
            with database.transaction(durable=True) as connection:
                connection.execute(f"INSERT OR REPLACE INTO paper_balances VALUES ('a', 'USD', '{amount}')")
            close(path)
            with without_privileges():
                assert total(path) == [amount]


def test_a_database_that_changes_while_it_is_read_without_locks_is_not_believed(place: Path) -> None:
    path = place / "autopilot.db"
    copied_with_its_wal(path)
    close(path)

    def read() -> None:
        with without_privileges(), open_readonly(path) as connection:
            assert connection.execute("SELECT count(*) FROM paper_balances").fetchone()[0] == 1
            with _privileges():
                os.utime(f"{path}-wal", ns=(1, 1))

    with pytest.raises(StoreUnavailable, match="changed while it was read") as caught:
        read()
    assert caught.value.hint == "run the command again"


@contextmanager
def _privileges() -> Iterator[None]:
    """As the owner again."""
    lowered = os.geteuid()
    os.seteuid(os.getuid())
    try:
        yield
    finally:
        os.seteuid(lowered)
