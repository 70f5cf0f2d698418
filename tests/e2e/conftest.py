"""Homes of the installed program, in the environment of a user, and copies of homes that take long to make."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from home import Home
from product_environment import make_environment

SYMBOLS = ("BTC/USD", "ETH/USD")
MakeHome = Callable[[], Home]
CopyHome = Callable[[str, Callable[[Home], None]], Home]


@pytest.fixture(scope="session")
def scripts() -> Iterator[Path]:
    """The folder of the installed programs in an environment that has only what users have."""
    directory = Path(tempfile.mkdtemp(prefix="ap"))
    yield make_environment(directory)
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def new_home(scripts: Path) -> Iterator[MakeHome]:
    """Homes in short paths, which a Unix socket needs."""
    homes: list[Home] = []

    def make() -> Home:
        home = Home(Path(tempfile.mkdtemp(prefix="ap")), scripts)
        homes.append(home)
        return home

    with pytest.MonkeyPatch.context() as patched:
        for name in [name for name in os.environ if name.startswith("AUTOPILOT_") and name != "AUTOPILOT_TEST_DATA"]:
            patched.delenv(name)
        yield make
        for home in homes:
            if home.directory.exists():
                home.clear()


@pytest.fixture
def home(new_home: MakeHome) -> Iterator[Home]:
    home = new_home()
    yield home
    home.clear()


@pytest.fixture(scope="session")
def copied_home(new_home: MakeHome, tmp_path_factory: pytest.TempPathFactory) -> CopyHome:
    """A copy of the home that a function fills, once for all processes of the test run; no daemon may run on it."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "homes"
    shared.mkdir(exist_ok=True)

    def copy(name: str, fill: Callable[[Home], None]) -> Home:
        original = shared / name
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not original.exists():
                made = new_home()
                fill(made)
                shutil.copytree(made.directory, original)
                made.clear()
        home = new_home()
        shutil.copytree(original, home.directory, dirs_exist_ok=True)
        return home

    return copy


@pytest.fixture
def trained(copied_home: CopyHome) -> Iterator[Home]:
    """A home in which `autopilot retrain --days 60` trained a model without a daemon.

    The output of that command is beside the data directory, in ``retrain.out`` and ``retrain.err``.
    """
    home = copied_home("trained", _train)
    yield home
    home.clear()


def _train(home: Home) -> None:
    home.configure(exchange="simulated", symbols=["BTC/USD"], interval=0.1, simulated={"speed": 0.001})
    done = home.run("retrain", "--days", "60")
    assert done.code == 0, done.err
    (home.directory / "retrain.out").write_text(done.out)
    (home.directory / "retrain.err").write_text(done.err)


@pytest.fixture(scope="session")
def recorded_home(copied_home: CopyHome) -> MakeHome:
    """Makes homes whose daemon traded ten days of two simulated markets to their end, and was stopped."""
    return lambda: copied_home("recorded", _trade)


def _trade(home: Home) -> None:
    home.configure(
        exchange="simulated",
        symbols=list(SYMBOLS),
        interval=0.1,
        auto_execute=True,
        min_confidence_threshold=0.3,
        simulated={"speed": 0, "end": "2024-01-11"},
    )
    home.start()
    assert home.follow(set(SYMBOLS))
    home.stop()
