"""A daemon that cannot come up says why in one line, without a traceback, and with the right exit code."""

from __future__ import annotations

import ctypes
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from home import Finished, Home

from autopilot.adapters.store.database import open_database

PR_SET_DUMPABLE = 4
"""prctl(2): whether the files in /proc of a process belong to its user."""


def file_in_place_of_the_directory(home: Home) -> None:
    home.data_dir.write_text("not a directory")


def read_only_directory(home: Home) -> None:
    home.data_dir.mkdir(mode=0o500)
    if os.access(home.data_dir, os.W_OK):
        pytest.skip("this user may write everywhere")


def corrupt_database(home: Home) -> None:
    home.data_dir.mkdir(mode=0o700)
    home.database.write_bytes(b"\x00garbage" * 2_000)


def damaged_database(home: Home) -> None:
    """One of ours, written over after its first page."""
    home.data_dir.mkdir(mode=0o700)
    open_database(home.database).close()
    with home.database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\x5a" * (home.database.stat().st_size - 4096))


def empty_database(home: Home) -> None:
    home.data_dir.mkdir(mode=0o700)
    home.database.touch()


def foreign_database(home: Home) -> None:
    home.data_dir.mkdir(mode=0o700)
    with sqlite3.connect(home.database) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()


def newer_database(home: Home) -> None:
    home.data_dir.mkdir(mode=0o700)
    database = open_database(home.database)
    database.connection.execute("PRAGMA user_version = 999")
    database.close()


def unknown_keys(home: Home) -> None:
    home.configure(exchnage="simulated", risk={"max_position": 3})


def wrong_types(home: Home) -> None:
    home.configure(interval="soon", paper={"balance": -5}, min_confidence_threshold=7.0)


def broken_toml(home: Home) -> None:
    home.data_dir.mkdir(mode=0o700)
    home.config_file.write_text("exchange = simulated =\n")


CASES: list[tuple[Callable[[Home], None], int, tuple[str, ...]]] = [
    (file_in_place_of_the_directory, 2, ("cannot create the directory",)),
    (read_only_directory, 2, ("cannot be written", "--data-dir")),
    (corrupt_database, 1, ("autopilot.db", "try:")),
    (empty_database, 1, ("is empty", "try:")),
    (foreign_database, 1, ("is not a database of Autopilot", "--data-dir")),
    (newer_database, 1, ("has version 999", "try:")),
    (unknown_keys, 2, ("exchnage", "did you mean", "max_position")),
    (wrong_types, 2, ("interval", "paper.balance", "min_confidence_threshold")),
    (broken_toml, 2, ("autopilot.toml", "line 1")),
    (damaged_database, 1, ("autopilot.db is damaged", "restore a backup")),
]


@pytest.fixture
def run(home: Home, request: pytest.FixtureRequest) -> Iterator[Callable[..., Finished]]:
    """Runs commands in processes of their own, or in that of the test, which then is as it was."""
    if request.param == "process":
        yield home.run
        return
    loggers = [logging.root, *map(logging.getLogger, ("ccxt", "asyncio"))]
    before = [(logger.level, logger.handlers[:]) for logger in loggers]
    yield home.here
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


@pytest.mark.parametrize(
    ("run", "command", "spoil", "code", "words"),
    [
        *(pytest.param("test", "daemon", *case, id=f"daemon: {case[0].__name__}") for case in CASES),
        pytest.param("process", "daemon", *CASES[-1], id=f"process of its own: {CASES[-1][0].__name__}"),
        *(pytest.param("process", "start", *case, id=f"start: {case[0].__name__}") for case in (CASES[2], CASES[6])),
    ],
    indirect=["run"],
)
def test_a_daemon_that_cannot_come_up_says_why(
    home: Home,
    run: Callable[..., Finished],
    command: str,
    spoil: Callable[[Home], None],
    code: int,
    words: tuple[str, ...],
) -> None:
    spoil(home)
    before = home.database.read_bytes() if home.database.is_file() else None
    done = run(command)
    assert done.code == code, done.err
    for word in words:
        assert word in done.err
    assert "Traceback" not in done.err + done.out
    assert done.out == ""
    assert not home.socket.exists()
    if before is not None:
        assert home.database.read_bytes() == before, "what cannot be read is left as it was"


def test_a_socket_path_that_is_too_long_is_said_at_once(home: Home) -> None:
    deep = home.directory / ("d" * 100)
    for command in ("start", "status", "daemon"):
        done = home.here("--data-dir", deep, command)
        assert done.code == 2, done.err
        assert "the system allows 107" in done.err
        assert "shorter" in done.err
        assert "Traceback" not in done.err
    assert not deep.exists()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--symbol", "BTCUSD"), "BTC/USD"),
        (("--symbol", "BTC/USD", "--timeframe", "7h"), "7h"),
        (("--symbol", "BTC/USD", "--interval", "-1"), "-1"),
        (("--symbol", "BTC/USD", "--interval", "nan"), "nan"),
    ],
    ids=["symbol", "timeframe", "negative interval", "interval that is no number"],
)
def test_a_wrong_command_line_starts_no_daemon(home: Home, arguments: tuple[str, ...], word: str) -> None:
    done = home.here("start", "--exchange", "simulated", *arguments)
    assert done.code == 2, done.err
    assert word in done.err
    assert "Traceback" not in done.err
    assert not home.database.exists()


@pytest.fixture(scope="module")
def idle(new_home: Callable[[], Home]) -> Home:
    """A daemon that was asked for nothing yet."""
    home = new_home()
    home.foreground()
    return home


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--exchange", "nosuch", "--interval", "60"), "nosuch"),
        (("--exchange", "replay"), "no candles are stored"),
        (("--exchange", "kraken", "--live"), "it is not armed"),
        (("--exchange", "simulated", "--live"), "real money cannot be traded on simulated"),
    ],
    ids=["exchange", "nothing stored", "real money", "no real exchange"],
)
def test_what_the_daemon_refuses_leaves_nothing_running(idle: Home, arguments: tuple[str, ...], word: str) -> None:
    done = idle.here("start", "--symbol", "BTC/USD", *arguments)
    # A name that no exchange has is refused before the daemon is asked.
    assert done.code == {"it is not armed": 5, "nosuch": 2}.get(word, 4), done.err
    assert word in done.err
    assert idle.json("status")["symbols"] == []
