"""Every query works on a backup in a directory that cannot be written, and shows the newest rows, which are in the
WAL."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import islice

import pytest
from home import Home
from privileges import without_privileges

FILES = ("autopilot.db", "autopilot.db-wal", "autopilot.toml", "audit.head")
QUERIES = (
    ("status",),
    ("signals",),
    ("explain", "BTC/USD"),
    ("decisions",),
    ("orders",),
    ("positions",),
    ("trades",),
    ("performance",),
    ("tasks",),
    ("audit", "show"),
    ("model-info",),
    ("models", "list"),
    ("data", "list"),
)


@pytest.fixture(scope="module")
def homes(new_home: Callable[[], Home]) -> Iterator[tuple[Home, Home]]:
    """One whose daemon was killed, and its backup: the files without the index of the WAL."""
    home, copy = new_home(), new_home()
    home.configure(symbols=["BTC/USD"], exchange="simulated", interval=0.1, simulated={"speed": 20_000.0})
    home.start()
    assert len(list(islice(home.events("decision"), 3))) == 3
    home.kill_hard()
    copy.data_dir.mkdir()
    for name in FILES:
        shutil.copy(home.data_dir / name, copy.data_dir / name)
        (copy.data_dir / name).chmod(0o444)
    copy.directory.chmod(0o755)
    copy.data_dir.chmod(0o555)
    yield home, copy
    copy.data_dir.chmod(0o700)


@pytest.mark.parametrize("query", QUERIES, ids=" ".join)
def test_a_query_writes_nothing_and_answers_as_in_the_original(
    homes: tuple[Home, Home], query: tuple[str, ...]
) -> None:
    original, backup = homes
    expected = original.here(*query, "--json")
    with without_privileges():
        done = backup.here(*query, "--json")
    assert done.code == expected.code in (0, 3), done.err
    here = {"daemon", "database", "health"}
    assert {name: each for name, each in done.document.items() if name not in here} == {
        name: each for name, each in expected.document.items() if name not in here
    }
    assert sorted(each.name for each in backup.data_dir.iterdir()) == sorted(FILES)
