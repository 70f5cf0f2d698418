"""What `open_database` and `open_readonly` make of every kind of file they can find."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import pytest
from privileges import without_privileges

from autopilot.adapters.lock import LOCK_NAME, hold_lock
from autopilot.adapters.store import database as database_module
from autopilot.adapters.store.autopilots import AutopilotEntry
from autopilot.adapters.store.database import Database, open_database, open_readonly
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.schema import APPLICATION_ID, BOOKS, MIGRATIONS
from autopilot.domain.errors import StoreCorrupt, StoreError, StoreTooNew, StoreUnavailable
from autopilot.domain.order import Fill, Order
from autopilot.domain.portfolio import Position, RoundTrip
from autopilot.ports.ledger import EquityMark


def refused(path: Path, kind: type[StoreError], *, readonly_too: bool = True) -> StoreError:
    """Both ways of opening raise ``kind``, name the file and say what to try."""
    with pytest.raises(kind) as caught:
        open_database(path)
    if readonly_too:
        with pytest.raises(kind), open_readonly(path):
            pytest.fail("it was opened")
    assert type(caught.value) is kind
    assert str(path) in str(caught.value)
    assert caught.value.hint
    return caught.value


def filled(path: Path, make_order: object, count: int = 60) -> None:
    database = open_database(path)
    ledger = SqliteLedger(database)
    for number in range(count):
        ledger.save_order(make_order(f"order-{number}"))  # type: ignore[operator]
    database.close()


def test_a_new_database_is_ours_and_whole(path: Path) -> None:
    database = open_database(path)
    assert database.row("PRAGMA user_version")[0] == len(MIGRATIONS)
    assert database.row("PRAGMA application_id")[0] == APPLICATION_ID
    assert database.row("PRAGMA journal_mode")[0] == "wal"
    assert database.row("PRAGMA foreign_keys")[0] == 1
    tables = database.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
    assert {row["name"] for row in tables} >= set(BOOKS)
    assert all("STRICT" in row["sql"] for row in tables)
    database.close()


def test_only_the_owner_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "new" / "directory" / "autopilot.db"
    before = os.umask(0)
    try:
        database = open_database(path)
        with database.transaction(durable=True) as connection:
            connection.execute("INSERT INTO paper_balances VALUES ('a', 'USD', '1')")
        files = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert files == {"autopilot.db": 0o600, "autopilot.db-wal": 0o600, "autopilot.db-shm": 0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700
    database.close()


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ("orders", Order),
        ("fills", Fill),
        ("positions", Position),
        ("round_trips", RoundTrip),
        ("equity", EquityMark),
        ("autopilots", AutopilotEntry),
    ],
)
def test_a_table_has_a_column_for_every_field(database: Database, table: str, kind: type) -> None:
    columns = {row["name"] for row in database.rows(f"PRAGMA table_info({table})")} - {"id"}
    assert columns == {field.name for field in fields(kind)}


def test_opening_again_writes_nothing(path: Path) -> None:
    open_database(path).close()
    before = path.read_bytes()
    open_database(path).close()
    assert path.read_bytes() == before


STEPS = (
    "CREATE TABLE first (a TEXT) STRICT; INSERT INTO first VALUES ('kept')",
    "ALTER TABLE first ADD COLUMN b INTEGER NOT NULL DEFAULT 7;",
    "CREATE TABLE third (c TEXT) STRICT; INSERT INTO third SELECT a FROM first",
)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_older_version_is_brought_forward_with_its_rows(path: Path, version: int) -> None:
    open_database(path, STEPS[:version]).close()
    database = open_database(path, STEPS)
    assert database.row("PRAGMA user_version")[0] == 3
    assert tuple(database.row("SELECT a, b, c FROM first, third")) == ("kept", 7, "kept")
    database.close()


def test_a_step_that_fails_leaves_the_old_version_untouched(path: Path, contents) -> None:
    open_database(path, STEPS[:1]).close()
    before = contents(path)
    with pytest.raises(StoreError, match="nonsense"):
        open_database(path, (STEPS[0], "CREATE TABLE half (a TEXT) STRICT", "nonsense"))
    assert contents(path) == before
    open_database(path, STEPS).close()


def test_an_older_database_is_not_queried_before_it_is_brought_forward(path: Path) -> None:
    open_database(path, ()).close()
    with pytest.raises(StoreError, match="older version"), open_readonly(path):
        pytest.fail("it was opened")
    assert not path.with_name(LOCK_NAME).exists(), "a query of another user must not own it"


def test_a_newer_database_is_left_alone(path: Path) -> None:
    open_database(path, (*MIGRATIONS, "CREATE TABLE from_the_future (a TEXT) STRICT")).close()
    before = path.read_bytes()
    error = refused(path, StoreTooNew)
    assert f"version {len(MIGRATIONS) + 1}" in str(error)
    assert path.read_bytes() == before


def test_a_database_of_another_program(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mails (text TEXT)")
    other.close()
    assert "not a database of Autopilot" in str(refused(path, StoreCorrupt))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="cut to nothing"),
        pytest.param(bytes(range(256)) * 64, id="any bytes"),
        pytest.param(b"SQLite format 3\x00" + b"\xa5" * 8_176, id="a header and then garbage"),
        pytest.param(b"SQL", id="a header cut short"),
        pytest.param(b"this is a letter, and no database at all\n" * 100, id="text"),
    ],
)
def test_a_file_that_is_no_database(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refused(path, StoreCorrupt)
    assert path.read_bytes() == content


@pytest.mark.parametrize("kept", [0.25, 0.5, 0.9])
def test_a_truncated_database(path: Path, make_order, kept: float) -> None:
    filled(path, make_order)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    refused(path, StoreCorrupt)


@pytest.mark.parametrize("table", ["orders", "fills", "positions", "paper_orders"])
def test_garbage_inside_the_books_is_found_at_the_start(path: Path, make_order, make_fill, table: str) -> None:
    filled(path, make_order)
    database = open_database(path)
    order = make_order("order-0")
    SqliteLedger(database).apply_fills(order, [make_fill(order, n, "0.01", "100") for n in range(100)])
    with database.transaction(durable=True) as connection:
        connection.executemany(
            "INSERT INTO paper_orders VALUES ('a', ?, 0, '{}', '{}')", [(str(number),) for number in range(300)]
        )
    root = database.row("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,))[0]
    size = database.row("PRAGMA page_size")[0]
    database.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    with pytest.raises(StoreCorrupt) as caught:
        open_database(path)
    assert caught.value.hint


def test_a_query_that_meets_garbage_says_that_the_database_is_damaged(path: Path, make_order) -> None:
    filled(path, make_order)
    with open_readonly(path) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'orders'").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(StoreCorrupt), open_readonly(path) as connection:
        connection.execute("SELECT * FROM orders").fetchall()


@pytest.mark.parametrize("side_file", ["-wal", "-shm"])
def test_garbage_beside_a_closed_database_does_no_harm(path: Path, make_order, side_file: str) -> None:
    filled(path, make_order, 3)
    path.with_name(path.name + side_file).write_bytes(os.urandom(8_192))
    database = open_database(path)
    assert database.row("SELECT count(*) FROM orders")[0] == 3
    database.close()


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.write_text("not a directory")
    refused(file / "autopilot.db", StoreUnavailable)
    refused(file / "deeper" / "autopilot.db", StoreUnavailable)
    refused(tmp_path, StoreUnavailable)


def test_queries_do_not_make_a_database(path: Path) -> None:
    with pytest.raises(StoreUnavailable) as caught, open_readonly(path):
        pytest.fail("it was opened")
    assert caught.value.hint == "autopilot start, which creates it"
    assert not path.exists()


@pytest.fixture
def foreign_directory() -> Iterator[Path]:
    """A directory in which others may look, and nobody but root may write."""
    directory = Path(tempfile.mkdtemp())
    yield directory
    directory.chmod(0o700)
    shutil.rmtree(directory)


def test_a_directory_that_may_not_be_written(foreign_directory: Path) -> None:
    foreign_directory.chmod(0o555)
    with without_privileges():
        refused(foreign_directory / "autopilot.db", StoreUnavailable)
    assert list(foreign_directory.iterdir()) == []


def test_a_directory_that_may_not_be_entered(foreign_directory: Path) -> None:
    open_database(foreign_directory / "autopilot.db").close()
    foreign_directory.chmod(0o000)
    with without_privileges():
        refused(foreign_directory / "autopilot.db", StoreUnavailable)


def test_a_file_that_may_only_be_read(foreign_directory: Path) -> None:
    path = foreign_directory / "autopilot.db"
    open_database(path).close()
    path.chmod(0o444)
    foreign_directory.chmod(0o555)
    with without_privileges():
        refused(path, StoreUnavailable, readonly_too=False)


def test_no_room_for_a_new_database_leaves_nothing_behind(path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(StoreUnavailable):
            open_database(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(path.parent.iterdir()) == []
    open_database(path).close()


def test_no_room_for_a_write_changes_nothing(database: Database, ledger: SqliteLedger, make_order, make_fill) -> None:
    order = make_order("one")
    ledger.save_order(order)
    used = database.row("PRAGMA page_count")[0]
    database.connection.execute(f"PRAGMA max_page_count = {used}")
    with pytest.raises(StoreUnavailable, match="full") as caught:
        ledger.apply_fills(order, [make_fill(order, n, "0.001", "100") for n in range(1_000)])
    assert "room" in caught.value.hint
    assert ledger.positions(order.account) == ()
    database.connection.execute(f"PRAGMA max_page_count = {used * 100}")
    assert len(ledger.apply_fills(order, [make_fill(order, 1, "0.001", "100")])) == 1


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
print("free", flush=True)
sys.stdin.readline()
"""


def test_a_database_that_another_process_holds(path: Path, make_order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.05)
    database = open_database(path)
    ledger = SqliteLedger(database)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(StoreUnavailable, match="locked") as caught:
            ledger.save_order(make_order("one"))
        assert "another program" in caught.value.hint
        with pytest.raises(StoreUnavailable, match="locked"):
            open_database(path)
        assert ledger.order("one") is None, "reading goes on"
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "free\n"
        ledger.save_order(make_order("one"))
        holder.stdin.write("\n")
    assert ledger.order("one") == make_order("one")
    database.close()


OPENER = """
import sys
from pathlib import Path
from autopilot.adapters.store.database import open_database
print("ready", flush=True)
sys.stdin.readline()
database = open_database(Path(sys.argv[1]))
with database.transaction(durable=True) as connection:
    connection.execute("INSERT INTO paper_balances VALUES (?, 'USD', '1')", (sys.argv[2],))
database.close()
"""


def test_two_processes_that_create_it_at_once_share_one(path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, str(path), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=30)
        assert process.returncode == 0
    with open_readonly(path) as connection:
        assert [row[0] for row in connection.execute("SELECT account FROM paper_balances ORDER BY 1")] == ["0", "1"]
    assert not [file for file in path.parent.iterdir() if file.suffix == ".new"]


def test_what_a_killed_creation_left_is_in_nobodys_way(path: Path) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.write_bytes(b"half")
    open_database(path).close()
    assert not draft.exists()


def test_a_name_with_every_awkward_character(tmp_path: Path) -> None:
    path = tmp_path / "a b?mode=memory#c%41é" / "x.db"
    open_database(path).close()
    assert path.exists()
    with open_readonly(path) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone()[0] == 0


HOLD = """
import sys
from pathlib import Path
from autopilot.adapters.lock import hold_lock
with hold_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_database_is_not_upgraded_beneath_the_daemon_of_its_version(path: Path) -> None:
    open_database(path, MIGRATIONS[:-1]).close()
    lock = path.with_name(LOCK_NAME)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as daemon:
        assert daemon.stdin is not None
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == "held\n"
        with pytest.raises(StoreUnavailable, match=f"process {daemon.pid}") as caught:
            open_database(path)
        assert "autopilot restart" in caught.value.hint
        with pytest.raises(StoreUnavailable, match="still runs"), open_readonly(path):
            pytest.fail("it was opened")
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS) - 1
        daemon.stdin.close()
    with hold_lock(lock):
        open_database(path).close()
    with open_readonly(path):
        pass
