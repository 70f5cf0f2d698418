"""Stored candles to a file that `autopilot data import`, pandas and other programs read."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from autopilot.adapters.imports.frames import frame_of
from autopilot.domain.candles import Candles
from autopilot.domain.errors import CandleError
from autopilot.domain.progress import Progress, unwatched

if TYPE_CHECKING:
    import pandas as pd

EXPORT_SUFFIXES = (".csv", ".csv.gz", ".json", ".json.gz", ".feather", ".parquet")
STAGE = "export"
ROWS_AT_ONCE = 50_000


def export_suffix(path: Path) -> str:
    """The one of `EXPORT_SUFFIXES` in which ``path`` ends. Raises CandleError."""
    found = next((suffix for suffix in EXPORT_SUFFIXES if path.name.lower().endswith(suffix)), None)
    if found is None:
        raise CandleError(f"{path} has no known ending", hint=f"use one of {', '.join(EXPORT_SUFFIXES)}")
    return found


def export_candles(candles: Candles, path: Path, *, force: bool = False, progress: Progress = unwatched) -> None:
    """Write candles to ``path``, whole or not at all, in the format of its suffix.

    The columns are timestamp, open, high, low, close, volume. The timestamp is the open time, in milliseconds since the
    epoch in CSV and JSON (a list of objects), and a UTC time in feather and parquet. Numbers are exact: importing the
    file gives equal candles. Raises CandleError if the file exists without ``force``, or cannot be written.
    """
    suffix = export_suffix(path)
    if path.exists() and not force:
        raise CandleError(f"{path} exists already; nothing was written", hint="add --force to replace it")
    draft = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        _write(candles, draft, suffix, progress)
        draft.replace(path)
    except ImportError as error:
        raise CandleError(
            f"{path} needs a library that is not installed", hint="pip install pyarrow, or write .csv.gz"
        ) from error
    except OSError as error:
        raise CandleError(
            f"{path} cannot be written: {error.strerror or error}", hint="check the directory, its mode and the disk"
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _write(candles: Candles, path: Path, suffix: str, progress: Progress) -> None:
    if suffix == ".feather":
        frame_of(candles).reset_index().to_feather(path)
    elif suffix == ".parquet":
        frame_of(candles).reset_index().to_parquet(path, index=False)
    else:
        with _text_file(path, suffix) as file:
            (_write_json if ".json" in suffix else _write_csv)(_rows(candles, progress), file)
    progress(STAGE, len(candles), len(candles))


def _rows(candles: Candles, progress: Progress) -> Iterator[pd.DataFrame]:
    """Some at a time: a frame of all would take several times the memory of the candles."""
    for first in range(0, len(candles), ROWS_AT_ONCE):
        progress(STAGE, first, len(candles))
        frame = frame_of(candles[first : first + ROWS_AT_ONCE]).reset_index()
        frame["timestamp"] = frame["timestamp"].astype("int64")
        yield frame


def _text_file(path: Path, suffix: str) -> AbstractContextManager[TextIO]:
    if suffix.endswith(".gz"):
        return cast(TextIO, gzip.open(path, "wt", encoding="utf-8", newline=""))
    return path.open("w", encoding="utf-8", newline="")


def _write_csv(frames: Iterable[pd.DataFrame], file: TextIO) -> None:
    for number, frame in enumerate(frames):
        frame.to_csv(file, header=number == 0, index=False, lineterminator="\n")


def _write_json(frames: Iterable[pd.DataFrame], file: TextIO) -> None:
    """By the standard library: pandas rounds numbers to 15 digits."""
    file.write("[")
    file.writelines(
        (",\n" if number else "\n") + ",\n".join(json.dumps(row) for row in frame.to_dict("records"))
        for number, frame in enumerate(frames)
    )
    file.write("\n]\n")
