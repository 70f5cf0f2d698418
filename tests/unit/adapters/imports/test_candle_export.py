"""Candles in files and frames are the stored candles to the last digit."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from autopilot.adapters.imports import candle_export
from autopilot.adapters.imports.candle_export import EXPORT_SUFFIXES, export_candles
from autopilot.adapters.imports.candle_files import import_path
from autopilot.adapters.imports.frames import candle_frame
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.domain.candles import Candles
from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import HOUR_MS, Timeframe

H1 = Timeframe.H1
NAMES = ("open_at_ms", "open", "high", "low", "close", "volume")
TEXT_SUFFIXES = [suffix for suffix in EXPORT_SUFFIXES if suffix not in (".feather", ".parquet")]


def wild(length: int = 300) -> Candles:
    """Prices and volumes with all digits that a float has, from tiny to huge."""
    random = np.random.default_rng(7)
    close = np.exp(random.uniform(np.log(1e-9), np.log(1e9), length))
    at_ms = 1_700_006_400_000 + np.arange(length, dtype=np.int64) * HOUR_MS
    volume = np.where(random.random(length) < 0.1, 0.0, np.exp(random.normal(0.0, 8.0, length)))
    return Candles.from_arrays(H1, at_ms, close / 1.1, close * 1.3, close / 1.7, close, volume)


def same(one: Candles, other: Candles) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in NAMES)


@pytest.mark.parametrize("suffix", TEXT_SUFFIXES)
def test_importing_an_exported_file_gives_equal_candles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(candle_export, "ROWS_AT_ONCE", 70)
    candles, seen, path = wild(), [], tmp_path / f"KRAKEN_BTC-USD_1h{suffix}"
    export_candles(candles, path, progress=lambda _, written, total, detail="": seen.append((written, total)))
    assert seen == [(rows, 300) for rows in (0, 70, 140, 210, 280, 300)]
    with closing(open_database(tmp_path / "autopilot.db")) as database:
        store = SqliteCandles(database)
        import_path(store, path)
        stored = store.load_candles("kraken", "BTC/USD", H1)
        assert same(stored, candles)
        export_candles(stored, tmp_path / f"again{suffix}")
        assert import_path(store, path)[0].written == 0
    if not suffix.endswith(".gz"):
        assert (tmp_path / f"again{suffix}").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("suffix", [".feather", ".parquet"])
def test_binary_files_keep_every_digit_or_say_which_library_they_need(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"KRAKEN_BTC-USD_1h{suffix}"
    if "pyarrow" in sys.modules or _is_installed("pyarrow"):
        export_candles(wild(), path)
        with closing(open_database(tmp_path / "autopilot.db")) as database:
            import_path(SqliteCandles(database), path)
            assert same(SqliteCandles(database).load_candles("kraken", "BTC/USD", H1), wild())
    else:
        with pytest.raises(CandleError, match="needs a library") as refused:
            export_candles(wild(), path)
        assert "pyarrow" in refused.value.hint
        assert list(tmp_path.iterdir()) == []


def _is_installed(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None


def test_a_file_that_exists_is_replaced_only_on_request(tmp_path: Path) -> None:
    path = tmp_path / "candles.json"
    path.write_text("mine")
    with pytest.raises(CandleError, match="exists already") as refused:
        export_candles(wild(), path)
    assert (path.read_text(), refused.value.hint) == ("mine", "add --force to replace it")
    export_candles(wild(), path, force=True)
    assert len(json.loads(path.read_text())) == 300


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: folder / "candles.xlsx", "has no known ending"),
        (lambda folder: folder / "nowhere" / "candles.csv", "cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_written_is_named_and_leaves_nothing(
    tmp_path: Path, spoil: Callable[[Path], Path], said: str
) -> None:
    with pytest.raises(CandleError, match=f"candles.*{said}") as refused:
        export_candles(wild(), spoil(tmp_path))
    assert refused.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    path.write_text("old")

    def full(stage: str, written: int, total: int, detail: str = "") -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(CandleError, match="No space left"):
        export_candles(wild(), path, force=True, progress=full)
    assert [each.name for each in tmp_path.iterdir()] == ["candles.csv"]
    assert path.read_text() == "old"


def test_a_frame_holds_the_stored_candles_by_utc_time(tmp_path: Path) -> None:
    candles, path = wild(), tmp_path / "autopilot.db"
    with closing(open_database(path)) as database:
        SqliteCandles(database).save_candles("kraken", "BTC/USD", candles)
    frame = candle_frame(str(path), "kraken", "BTC/USD", "1h")
    assert (frame.index.name, str(frame.index.dtype)) == ("timestamp", "datetime64[ms, UTC]")
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == dict.fromkeys(NAMES[1:], "float64")
    assert frame.index.astype("int64").tolist() == candles.open_at_ms.tolist()
    assert all(np.array_equal(frame[name].to_numpy(), getattr(candles, name)) for name in NAMES[1:])


def test_a_frame_without_candles_is_refused_and_makes_no_database(tmp_path: Path) -> None:
    with pytest.raises(CandleError, match=re.escape("no 1h candles of kraken BTC/USD are stored")):
        candle_frame(tmp_path / "autopilot.db", "kraken", "BTC/USD", "1h")
    assert list(tmp_path.iterdir()) == []


def test_the_example_in_the_documents_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(open_database(tmp_path / "autopilot.db")) as database:
        SqliteCandles(database).save_candles("kraken", "BTC/USD", wild())
    text = (Path(__file__).parents[4] / "docs" / "commands.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, object] = {}
    exec(example, names)
    assert len(names["daily"]) == 13  # type: ignore[arg-type]
