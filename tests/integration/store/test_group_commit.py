"""Group commit: what others see, what a crash leaves, and what an error undoes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from autopilot.adapters.store.commit_group import GROUP_S, PAUSE_S, CommitGroup
from autopilot.adapters.store.database import Database, open_database
from autopilot.domain.errors import StoreError


class Loop:
    """An event loop whose time the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self._due: list[tuple[float, Callable[[], None]]] = []

    def later(self, seconds: float, run: Callable[[], None]) -> None:
        self._due.append((self.now_s + seconds, run))

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        due, self._due = [each for each in self._due if each[0] <= self.now_s], []
        for _, run in due:
            run()


@pytest.fixture
def loop(database: Database) -> Loop:
    loop = Loop()
    database.group = CommitGroup(loop.later, lambda: loop.now_s)
    return loop


def write(database: Database, *given: str, durable: bool = False, grouped: bool = True) -> None:
    with database.transaction(durable=durable, grouped=grouped) as connection:
        for name in given:
            connection.execute("INSERT INTO sentiment (name, known_at_ms, value) VALUES (?, 1, 50.0)", (name,))


def names(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT name FROM sentiment ORDER BY name")]


def seen_by_others(path: Path) -> list[str]:
    other = sqlite3.connect(path)
    try:
        return names(other)
    finally:
        other.close()


def end_group_by_time(database: Database, loop: Loop) -> None:
    loop.wait(GROUP_S)


def end_group_by_name(database: Database, loop: Loop) -> None:
    database.commit_group()


def write_durably(database: Database, loop: Loop) -> None:
    write(database, "c", durable=True)


def write_ungrouped(database: Database, loop: Loop) -> None:
    write(database, "c", grouped=False)


@pytest.mark.parametrize("end", [end_group_by_time, end_group_by_name, write_durably, write_ungrouped])
def test_a_group_is_ours_at_once_and_everybodys_at_its_end(
    path: Path, database: Database, loop: Loop, end: Callable[[Database, Loop], None]
) -> None:
    write(database, "a")
    write(database, "b")
    assert names(database.connection) == ["a", "b"]
    assert seen_by_others(path) == []
    assert not database.is_locked()
    end(database, loop)
    assert seen_by_others(path)[:2] == ["a", "b"]
    assert not database.connection.in_transaction


def test_an_error_undoes_its_own_transaction_only(path: Path, database: Database, loop: Loop) -> None:
    write(database, "a")
    with pytest.raises(StoreError, match="UNIQUE"):
        write(database, "b", "a")
    write(database, "c")
    database.commit_group()
    assert seen_by_others(path) == ["a", "c"]


def test_after_a_group_others_get_to_write(path: Path, database: Database, loop: Loop) -> None:
    write(database, "a")
    loop.wait(GROUP_S)
    write(database, "b")
    assert seen_by_others(path) == ["a", "b"]
    loop.wait(PAUSE_S)
    write(database, "c")
    assert seen_by_others(path) == ["a", "b"]


def test_a_crash_loses_the_group_and_nothing_before_it(path: Path, database: Database, loop: Loop) -> None:
    write(database, "a")
    write(database, "b", durable=True)
    write(database, "c")
    database.connection.rollback()
    assert seen_by_others(path) == ["a", "b"]


def test_a_closed_database_has_all(path: Path) -> None:
    database = open_database(path)
    database.group = CommitGroup(Loop().later)
    write(database, "a")
    database.close()
    assert seen_by_others(path) == ["a"]


def test_without_a_group_each_is_committed_by_itself(path: Path, database: Database) -> None:
    write(database, "a")
    assert seen_by_others(path) == ["a"]
