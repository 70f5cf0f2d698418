"""Tables from other programs: CSV, JSON, feather, parquet, read as named columns."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.errors import CandleError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".csv.gz", ".txt", ".json", ".json.gz", ".feather", ".parquet")
_LATEST_MS = 4_102_444_800_000
"""2100: a later time is an error."""


def read_table(path: Path, headerless: tuple[str, ...]) -> pd.DataFrame:
    """The table with its column names in lower case. ``headerless``: the names of the first columns if the file has no
    header.

    Raises CandleError for a file that is missing, empty or not a table.
    """
    import pandas as pd

    suffix = next((known for known in reversed(SUFFIXES) if path.name.lower().endswith(known)), None)
    if suffix is None:
        raise CandleError(f"{path} has an unknown format", hint=f"use one of {', '.join(SUFFIXES)}")
    try:
        if suffix in (".feather", ".parquet"):
            frame: pd.DataFrame = (pd.read_feather if suffix == ".feather" else pd.read_parquet)(path)
        else:
            content = path.read_bytes()
            text = (gzip.decompress(content) if suffix.endswith(".gz") else content).decode("utf-8-sig")
            frame = _json(text, headerless) if ".json" in suffix else _csv(text, headerless)
    except OSError as error:
        raise CandleError(
            f"{path} cannot be read: {error.strerror or error}", hint="check the path and that you may read it"
        ) from error
    except ImportError as error:
        raise CandleError(
            f"{path} needs a library that is not installed", hint="pip install pyarrow, or convert the file to CSV"
        ) from error
    except (ValueError, EOFError, zlib.error, RecursionError) as error:
        raise CandleError(f"{path} cannot be read: {error}", hint=f"is it whole, and really {suffix}?") from error
    if frame.empty:
        raise CandleError(f"{path} has no rows", hint="download it again")
    return frame.set_axis([str(name).strip().lower().replace(" ", "_") for name in frame.columns], axis=1)


def times_ms(column: pd.Series[Any]) -> IntArray:
    """UTC milliseconds, int64[n], from numbers (seconds to nanoseconds since the epoch), ISO texts or timestamps; 0 for
    an unreadable time."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        moments = pd.to_datetime(column, utc=True)
        return _since_epoch(moments)
    numbers = numeric(column)
    if np.isnan(numbers).mean() > 0.5:
        return _since_epoch(pd.to_datetime(column.astype(str), utc=True, errors="coerce", format="ISO8601"))
    size = np.abs(numbers)
    with np.errstate(invalid="ignore"):
        milliseconds = np.select(
            [size < 1e11, size < 1e14, size < 1e17], [numbers * 1000, numbers, numbers // 1_000], numbers // 1_000_000
        )
        known = (milliseconds > 0) & (milliseconds < _LATEST_MS)
    return np.where(known, milliseconds, 0).round().astype(np.int64)


def numeric(column: pd.Series[Any]) -> FloatArray:
    """float64[n], exact to the last digit; NaN for a text that is not a number."""
    if column.dtype.kind in "iuf":
        return column.to_numpy(dtype=np.float64)
    values = column.tolist()
    try:
        return np.array([float(value) for value in values])
    except (TypeError, ValueError):
        return np.array([_number(value) for value in values])


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _since_epoch(moments: pd.Series[Any]) -> IntArray:
    known = moments.notna().to_numpy()
    at_ms = moments.dt.as_unit("ms").astype("int64").to_numpy()
    return np.where(known & (at_ms > 0) & (at_ms < _LATEST_MS), at_ms, 0)


def _csv(text: str, headerless: tuple[str, ...]) -> pd.DataFrame:
    """The table of a CSV file. Vendors put a line of their own before the header, and use commas, semicolons or
    tabs."""
    import pandas as pd

    rest = text
    while rest and max(rest.partition("\n")[0].count(mark) for mark in ",;\t") < 1:
        rest = rest.partition("\n")[2]
    first = rest.partition("\n")[0]
    if not first:
        raise ValueError("no line has columns")
    mark = max(",;\t", key=first.count)
    cells = next(csv.reader([first], delimiter=mark))
    named = not any(cell[:1].isdigit() or cell[:1] == "-" for cell in (cell.strip() for cell in cells))
    frame: pd.DataFrame = pd.read_csv(
        io.StringIO(rest),
        sep=mark,
        header=0 if named else None,
        dtype=str,
        keep_default_na=False,
        index_col=False,
        on_bad_lines="skip",
    )
    return frame if named else _name(frame, headerless)


def _json(text: str, headerless: tuple[str, ...]) -> pd.DataFrame:
    """The table of a JSON file: a list of lists, as freqtrade writes it, or a list of objects."""
    import pandas as pd

    rows = json.loads(text)
    if not isinstance(rows, list) or not all(isinstance(row, list | dict) for row in rows):
        raise ValueError("not a list of candles")
    frame = pd.DataFrame(rows)
    return frame if rows and isinstance(rows[0], dict) else _name(frame, headerless)


def _name(frame: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    if frame.shape[1] < len(names) and not frame.empty:
        raise ValueError(f"{frame.shape[1]} columns without names, expected {', '.join(names)}")
    width = frame.shape[1]
    return frame.set_axis([*names[:width], *(f"column {number}" for number in range(len(names), width))], axis=1)
