"""Disk space that is kept, given back once, and kept again when there is room."""

from __future__ import annotations

import errno
import os
from collections import namedtuple
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from autopilot.adapters.store import ballast as ballast_module
from autopilot.adapters.store.ballast import BALLAST_BYTES, BALLAST_NAME, MARGIN_BYTES, Ballast
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.full_disk import FullDisk
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.trading_modes import SqliteTradingModes
from autopilot.domain.errors import StoreFull
from autopilot.domain.order import Order, OrderStatus, Purpose, Side
from autopilot.domain.trading_mode import ModeEntry, TradingMode

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def ballast(tmp_path: Path) -> Ballast:
    return Ballast(tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / BALLAST_NAME


def allocated(file: Path) -> int:
    return file.stat().st_blocks * 512


def test_its_blocks_are_allocated_for_its_owner_only(ballast: Ballast, file: Path) -> None:
    assert not ballast.is_released, "nobody has made it yet"
    assert ballast.keep()
    assert (file.stat().st_mode & 0o777, file.stat().st_size) == (0o600, BALLAST_BYTES)
    assert allocated(file) >= BALLAST_BYTES
    assert not ballast.is_released
    assert ballast.keep()


def test_it_is_given_back_once_and_made_again(ballast: Ballast, file: Path) -> None:
    ballast.keep()
    assert ballast.release()
    assert (allocated(file), ballast.is_released) == (0, True)
    assert not ballast.release()
    assert ballast.keep()
    assert (allocated(file) >= BALLAST_BYTES, ballast.is_released) == (True, False)


@pytest.mark.parametrize(("free", "is_kept"), [(BALLAST_BYTES + MARGIN_BYTES - 1, False), (10**9, True)])
def test_it_is_made_only_with_a_margin(
    ballast: Ballast, monkeypatch: pytest.MonkeyPatch, free: int, is_kept: bool
) -> None:
    monkeypatch.setattr(ballast_module.shutil, "disk_usage", lambda _: Usage(0, 0, free))
    assert ballast.keep() is is_kept
    assert (ballast.is_kept, ballast.is_released) == (is_kept, False)


def test_a_disk_that_never_had_room_is_written_but_nothing_is_bought(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ballast_module.shutil, "disk_usage", lambda _: Usage(0, 0, 70_000_000))
    assert not database.ballast.keep()
    with database.transaction(durable=False) as connection:
        connection.execute("INSERT INTO sentiment (name, known_at_ms, value) VALUES ('index', 1, 0.5)")
    (found,) = FullDisk(database.ballast).restrictions("paper:kraken")
    assert (found.mode, "no room for the 16 MB" in found.detail, "80 MB" in found.hint) == (
        TradingMode.REDUCING,
        True,
        True,
    )


def test_a_copy_with_holes_gets_its_blocks(ballast: Ballast, file: Path) -> None:
    with file.open("wb") as copy:
        copy.truncate(BALLAST_BYTES)
    assert allocated(file) == 0
    assert ballast.keep()
    assert allocated(file) >= BALLAST_BYTES


def test_a_file_system_that_cannot_allocate_gets_written_blocks(
    ballast: Ballast, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(ballast_module.os, "posix_fallocate", refused)
    assert ballast.keep()
    assert allocated(file) >= BALLAST_BYTES


def test_another_file_behind_a_link_is_left_alone(ballast: Ballast, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"precious")
    file.symlink_to(other)
    assert not ballast.keep()
    assert not ballast.release()
    assert other.read_bytes() == b"precious"


def exit_of(make_order: Callable[..., Order]) -> Order:
    return make_order("exit", side=Side.SELL, purpose=Purpose.STOP_LOSS, reason="x" * 50_000)


def sells(database: Database, make_order: Callable[..., Order]) -> None:
    SqliteLedger(database).save_order(exit_of(make_order))


def books_an_answer(database: Database, make_order: Callable[..., Order]) -> None:
    answered = make_order("entry", status=OrderStatus.FILLED, reason="x" * 50_000)
    SqliteLedger(database).apply_fills(answered, ())


def halts(database: Database, make_order: Callable[..., Order]) -> None:
    entry = ModeEntry("*", TradingMode.HALTED, "PANIC", "x" * 50_000, 1, "a user")
    SqliteTradingModes(database).restrict(entry)


def intends_an_entry(database: Database, make_order: Callable[..., Order]) -> None:
    SqliteLedger(database).save_order(make_order("entry", reason="x" * 50_000))


@pytest.mark.parametrize(
    ("write", "is_urgent"),
    [(sells, True), (books_an_answer, True), (halts, True), (intends_an_entry, False)],
    ids=lambda case: getattr(case, "__name__", ""),
)
def test_only_what_an_exit_or_a_command_stores_gets_the_space(
    database: Database,
    make_order: Callable[..., Order],
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Database, Callable[..., Order]], None],
    is_urgent: bool,
) -> None:
    """A full database stands for the disk: its limit rises by the ballast that is given back."""
    pages = database.row("PRAGMA page_count")[0]
    database.connection.execute(f"PRAGMA max_page_count = {pages}")
    database.ballast.keep()
    release = Ballast.release

    def released(ballast: Ballast) -> bool:
        done = release(ballast)
        database.connection.execute(f"PRAGMA max_page_count = {pages + 100}")
        return done

    monkeypatch.setattr(Ballast, "release", released)
    with suppress(StoreFull):
        write(database, make_order)
    assert database.ballast.is_released is is_urgent
    stored = database.row("SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM trading_modes)")[0]
    assert stored == int(is_urgent)


def test_without_a_ballast_a_full_disk_is_an_error_as_before(
    database: Database, make_order: Callable[..., Order]
) -> None:
    database.connection.execute(f"PRAGMA max_page_count = {database.row('PRAGMA page_count')[0]}")
    with pytest.raises(StoreFull) as caught:
        sells(database, make_order)
    assert "make room" in caught.value.hint
