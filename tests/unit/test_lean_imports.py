"""Libraries that others import only to accept their types are held back, and are there when they are wanted."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from autopilot.lean_imports import HELD_BACK, held_back


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A library named polars, that nothing has imported yet."""
    (tmp_path / "polars").mkdir()
    (tmp_path / "polars" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "polars", raising=False)
    yield
    sys.modules.pop("polars", None)


def imported(program: str) -> list[str]:
    """The big libraries that a fresh interpreter has loaded after ``program``."""
    shown = f"{program}\nprint(*sorted(sys.modules.keys() & {{*{sorted(HELD_BACK)}, 'scipy', 'lightgbm'}}))"
    return subprocess.run(
        [sys.executable, "-c", f"import sys\n{shown}"], capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.mark.usefixtures("installed")
def test_a_held_back_library_seems_not_to_be_installed() -> None:
    with held_back(), pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module("polars")
    assert caught.value.name == "polars"


@pytest.mark.usefixtures("installed")
def test_it_is_importable_afterwards_also_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), held_back():
        raise ZeroDivisionError
    assert importlib.import_module("polars")


@pytest.mark.usefixtures("installed")
def test_other_threads_import_as_usual() -> None:
    found: list[object] = []
    other = Thread(target=lambda: found.append(importlib.import_module("polars")))
    with held_back():
        other.start()
        other.join()
    assert found


@pytest.mark.usefixtures("installed")
def test_a_library_that_is_loaded_stays() -> None:
    loaded = importlib.import_module("polars")
    with held_back():
        assert importlib.import_module("polars") is loaded


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("autopilot.daemon.wiring", []),
        ("autopilot.config.load", []),
        ("autopilot.app.backtest.run", []),
        ("autopilot.training.train", ["lightgbm", "scipy"]),
        ("autopilot.adapters.models.scoring_model", ["lightgbm", "scipy"]),
    ],
)
def test_only_training_and_serving_import_lightgbm_and_nothing_imports_pandas(module: str, expected: list[str]) -> None:
    assert imported(f"import {module}") == expected


def test_storing_a_sentiment_series_does_not_import_pandas(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
import numpy as np
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.sentiment import SqliteSentiment
from autopilot.domain.sentiment import SentimentSeries
database = open_database(Path({str(tmp_path)!r}) / "a.db")
SqliteSentiment(database).save_sentiment(SentimentSeries("fear", np.array([1, 2]), np.array([30.0, 40.0])))
assert SqliteSentiment(database).load_sentiment("fear", 0, 9).value.tolist() == [30.0, 40.0]
"""
    assert imported(program) == []


def test_pandas_works_after_lightgbm_was_imported_without_it() -> None:
    program = """
import autopilot.training.train
import pandas
assert pandas.DataFrame({"close": [1.0, 2.0]})["close"].mean() == 1.5
"""
    assert imported(program) == ["lightgbm", "pandas", "scipy"]
