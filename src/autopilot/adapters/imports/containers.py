"""What a file holds: its text, or that of each member of an archive, or a table of a binary format."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from autopilot.adapters.imports.csv_tables import csv_table
from autopilot.adapters.imports.file_names import SUFFIXES, has_table_suffix, market_of
from autopilot.adapters.imports.json_tables import json_table
from autopilot.adapters.imports.tables import ROW, CellTable
from autopilot.domain.errors import CandleError

if TYPE_CHECKING:
    import pandas as pd

MOST_BYTES = 1 << 30
"""Of one table, unpacked: ten million rows and more."""
MOST_MEMBERS = 20_000
_AT_ONCE = 1 << 20
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_ARCHIVES = (".zip", ".tar", ".tgz", ".7z", ".rar")
_TOO_LARGE = f"it holds more than {MOST_BYTES >> 30} GiB"
_BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Member:
    """A table that can be imported: a file, or the member ``inner`` of the archive ``path``."""

    path: Path
    inner: str = ""

    @property
    def name(self) -> str:
        """The name that shows its market."""
        if not self.inner:
            return self.path.name
        own = self.inner.rpartition("/")[2]
        return own if market_of(own).symbol else self.path.name

    @property
    def is_json(self) -> bool:
        """By its name."""
        return ".json" in (self.inner or self.path.name).lower()

    def __str__(self) -> str:
        return f"{self.path}:{self.inner}" if self.inner else str(self.path)


def members(path: Path) -> tuple[Member, ...]:
    """The tables of a file: itself, or the members of a zip archive that end as tables do. Raises CandleError."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if start != _ZIP:
            return (Member(path),)
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    except OSError as error:
        raise CandleError(
            f"it cannot be read: {error.strerror or error}", hint="check the path and that you may read it"
        ) from error
    except _BROKEN as error:
        raise CandleError("it is not a whole zip archive", hint="download it again") from error
    if len(entries) > MOST_MEMBERS:
        raise CandleError(f"it holds more than {MOST_MEMBERS:,} files", hint="unpack it, and import its folders")
    names = [entry.filename for entry in entries if _is_wanted(entry.filename)]
    if not names:
        raise CandleError("it holds no table", hint=f"a table ends in one of {', '.join(SUFFIXES)}")
    return tuple(Member(path, name) for name in names)


def table_of(member: Member) -> CellTable:
    """Raises CandleError, without the file's name, for what is no table, not whole, or too large."""
    suffix = member.inner or member.path.name
    if member.inner.lower().endswith(_ARCHIVES):
        raise CandleError("it is an archive in an archive", hint="unpack the outer one first")
    if not has_table_suffix(suffix) and not suffix.lower().endswith(".zip"):
        raise CandleError("it has an unknown format", hint=f"use one of {', '.join(SUFFIXES)}, or .gz or .zip of it")
    content = _content(member)
    lower = suffix.lower()
    if lower.endswith((".feather", ".parquet")):
        return _frame_table(content, is_feather=lower.endswith(".feather"))
    text = _decoded(content)
    if not text.strip():
        raise CandleError("it is empty: no line has columns", hint="download it again")
    return json_table(text) if text.lstrip()[:1] in ("[", "{") else csv_table(text)


def _is_wanted(name: str) -> bool:
    last = name.rpartition("/")[2]
    is_named = has_table_suffix(name) or name.lower().endswith(_ARCHIVES)
    return is_named and not last.startswith(".") and not name.startswith("__MACOSX/")


def _content(member: Member) -> bytes:
    try:
        if member.inner:
            with zipfile.ZipFile(member.path) as archive:
                if archive.getinfo(member.inner).flag_bits & 1:
                    raise CandleError("it is encrypted", hint="unpack it with its password first")
                with archive.open(member.inner) as file:
                    content = _capped(file)
        else:
            with member.path.open("rb") as file:
                content = _capped(file)
        if content[:2] == _GZIP:
            with gzip.open(io.BytesIO(content)) as file:
                content = _capped(file)
    except FileNotFoundError as error:
        raise CandleError("it does not exist", hint="check the path") from error
    except _BROKEN as error:
        words = error.strerror if isinstance(error, OSError) else None
        raise CandleError(
            f"it cannot be read: {words}" if words else "it cannot be read: the archive is damaged, or not whole",
            hint="check that you may read it" if words else "download it again",
        ) from error
    return content


def _capped(file: IO[bytes] | Any) -> bytes:
    """The whole content. Raises CandleError beyond a size that no table of candles has."""
    parts, size = [], 0
    while part := file.read(_AT_ONCE):
        size += len(part)
        if size > MOST_BYTES:
            raise CandleError(_TOO_LARGE, hint="split it by years")
        parts.append(part)
    return b"".join(parts)


def _decoded(content: bytes) -> str:
    """The text, with one newline after each line. Raises CandleError for what is no text."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        codecs: tuple[str, ...] = ("utf-16",)
    elif content[:4000:2].count(0) * 4 > len(content[:4000]) or content[1:4000:2].count(0) * 4 > len(content[:4000]):
        codecs = ("utf-16-le",) if content[1:2] == b"\0" else ("utf-16-be",)
    else:
        codecs = ("utf-8-sig", "cp1252")
    for codec in codecs:
        try:
            text = content.decode(codec)
        except UnicodeDecodeError:
            continue
        if any(chr(code) in text for code in (*range(9), 14, 15, 27, 127)):
            break
        return text.replace("\r\n", "\n").replace("\r", "\n")
    raise CandleError("it cannot be read: it is not a text file", hint="is it whole, and really a table?")


def _frame_table(content: bytes, *, is_feather: bool) -> CellTable:
    import pandas as pd

    kind = "feather" if is_feather else "parquet"
    try:
        frame = (pd.read_feather if is_feather else pd.read_parquet)(io.BytesIO(content))
    except ImportError as error:
        raise CandleError(
            "it needs a library that is not installed", hint="pip install pyarrow, or convert it to CSV"
        ) from error
    except Exception as error:
        raise CandleError(f"it cannot be read: it is not a whole {kind} file", hint="download it again") from error
    return frame_table(frame)


def frame_table(frame: pd.DataFrame) -> CellTable:
    """The table of a DataFrame, with its index if that is of times or has a name. Raises CandleError without rows."""
    import pandas as pd

    if frame.index.name is not None:
        frame = frame.reset_index()
    elif isinstance(frame.index, pd.DatetimeIndex):
        frame = frame.rename_axis("open_time").reset_index()
    if frame.empty:
        raise CandleError("it has no rows", hint="download it again")
    columns = tuple(cells_of_frame(frame.iloc[:, at]) for at in range(frame.shape[1]))
    return CellTable(tuple(map(str, frame.columns)), columns, range(1, len(frame) + 1), unit=ROW)


def cells_of_frame(column: pd.Series[Any]) -> Any:
    """The values; times as milliseconds, 0 for a missing one."""
    import pandas as pd

    if not pd.api.types.is_datetime64_any_dtype(column):
        return column.tolist()
    moments = pd.to_datetime(column, utc=True)
    at_ms = moments.dt.as_unit("ms").astype("int64").to_numpy()
    return np.where(moments.notna().to_numpy(), at_ms, 0)


def folder_files(folder: Path) -> Iterator[Path]:
    """The files below a folder that end as tables or archives do, in order of their names."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.is_file() and (has_table_suffix(path.name) or path.name.lower().endswith(".zip")):
            yield path
