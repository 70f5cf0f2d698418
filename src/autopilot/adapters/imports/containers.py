"""What a file holds: its text, or that of each member of an archive, or a table of a binary format.

Text is read and unpacked in blocks, and never beyond a size that the user sets: an archive may unpack to anything.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from autopilot.adapters.imports.csv_tables import Blocks, csv_table
from autopilot.adapters.imports.file_names import SUFFIXES, has_table_suffix, market_of
from autopilot.adapters.imports.json_tables import json_table
from autopilot.adapters.imports.tables import ROW, CellTable
from autopilot.domain.errors import CandleError

if TYPE_CHECKING:
    import pandas as pd

MAX_BYTES = 2 * 10**9
"""Of one table, unpacked, unless the user allows more: thirty million rows."""
MOST_MEMBERS = 20_000
AT_ONCE = 1 << 18
AT_FIRST = 1 << 16
"""The beginning of a file, which is read several times."""
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_ARCHIVES = (".zip", ".tar", ".tgz", ".7z", ".rar")
_NOT_TEXT = [chr(code) for code in (*range(9), 14, 15, 27, 127)]
_UNITS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "KB"))
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


def table_of(member: Member, max_bytes: int) -> CellTable:
    """Raises CandleError, without the file's name, for what is no table, not whole, or has more than ``max_bytes``
    unpacked."""
    suffix = member.inner or member.path.name
    if member.inner.lower().endswith(_ARCHIVES):
        raise CandleError("it is an archive in an archive", hint="unpack the outer one first")
    if not has_table_suffix(suffix) and not suffix.lower().endswith(".zip"):
        raise CandleError("it has an unknown format", hint=f"use one of {', '.join(SUFFIXES)}, or .gz or .zip of it")
    lower = suffix.lower()
    if lower.endswith((".feather", ".parquet")):
        content = b"".join(_parts(member, max_bytes))
        return _frame_table(content, max_bytes, is_feather=lower.endswith(".feather"))
    start = next(_parts(member, max_bytes), b"")
    for codec in _codecs(start):
        try:
            return _text_table(partial(_texts, member, codec, max_bytes))
        except UnicodeDecodeError:
            continue
    raise _no_text()


def _text_table(blocks: Blocks) -> CellTable:
    start = next((text.lstrip() for block in blocks() if (text := block).strip()), "")
    if not start:
        raise CandleError("it is empty: no line has columns", hint="download it again")
    return json_table("".join(blocks())) if start[0] in ("[", "{") else csv_table(blocks)


def _is_wanted(name: str) -> bool:
    last = name.rpartition("/")[2]
    is_named = has_table_suffix(name) or name.lower().endswith(_ARCHIVES)
    return is_named and not last.startswith(".") and not name.startswith("__MACOSX/")


def _parts(member: Member, max_bytes: int) -> Iterator[bytes]:
    """The unpacked content. Raises CandleError when it has more than ``max_bytes``, and for an archive that is damaged
    or encrypted."""
    size = 0
    try:
        with ExitStack() as stack:
            file = stack.enter_context(member.path.open("rb"))
            known = member.path.stat().st_size
            if member.inner:
                archive = stack.enter_context(zipfile.ZipFile(file))
                entry = archive.getinfo(member.inner)
                if entry.flag_bits & 1:
                    raise CandleError("it is encrypted", hint="unpack it with its password first")
                file, known = io.BufferedReader(stack.enter_context(archive.open(entry))), entry.file_size  # type: ignore[arg-type]
            unpacked: IO[bytes] | gzip.GzipFile = file
            if file.peek(2)[:2] == _GZIP:
                unpacked = stack.enter_context(gzip.open(file))
            else:
                _require_size(known, max_bytes)
            while part := unpacked.read(AT_ONCE if size else AT_FIRST):
                size += len(part)
                if size > max_bytes:
                    beyond = f"it has more than {size_words(max_bytes)} unpacked, which is the limit"
                    raise CandleError(beyond, hint=_split_or_allow(2 * max_bytes))
                yield part
    except FileNotFoundError as error:
        raise CandleError("it does not exist", hint="check the path") from error
    except _BROKEN as error:
        words = error.strerror if isinstance(error, OSError) else None
        raise CandleError(
            f"it cannot be read: {words}" if words else "it cannot be read: the archive is damaged, or not whole",
            hint="check that you may read it" if words else "download it again",
        ) from error


def _require_size(size: int, max_bytes: int) -> None:
    """Raises CandleError."""
    if size > max_bytes:
        words = f"it has {size_words(size)} unpacked, more than the limit of {size_words(max_bytes)}"
        raise CandleError(words, hint=_split_or_allow(size))


def _split_or_allow(size: int) -> str:
    """``size`` and a little more is enough."""
    return f"split it by years, or allow more with --max-size {size_words(size + 10**8).replace(' ', '')}"


def size_words(size: int) -> str:
    """``1_500_000_000`` → 1.5 GB."""
    unit, name = next((pair for pair in _UNITS if size >= pair[0]), (1, "bytes"))
    return f"{size / unit:.4g} {name}"


def size_of(text: str) -> int:
    """``1.5GB`` → 1,500,000,000 bytes. Raises ValueError."""
    found = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?(KB|MB|GB|TB|B|)", text.strip().upper())
    size = int(float(found[1]) * next((unit for unit, name in _UNITS if name == found[2]), 1)) if found else 0
    if not 0 < size < 2**63:
        raise ValueError(text)
    return size


def _codecs(start: bytes) -> tuple[str, ...]:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    if start[:4000:2].count(0) * 4 > len(start[:4000]) or start[1:4000:2].count(0) * 4 > len(start[:4000]):
        return ("utf-16-le",) if start[1:2] == b"\0" else ("utf-16-be",)
    return ("utf-8-sig", "cp1252")


def _texts(member: Member, codec: str, max_bytes: int) -> Iterator[str]:
    """The text, with one newline after each line. Raises UnicodeDecodeError for another codec's, CandleError for what
    is no text."""
    decoder = codecs.getincrementaldecoder(codec)()
    held = ""
    for part in _parts(member, max_bytes):
        text = held + decoder.decode(part)
        held = "\r" if text.endswith("\r") else ""
        yield _lines(text.removesuffix("\r"))
    yield _lines(held + decoder.decode(b"", final=True))


def _lines(text: str) -> str:
    if any(character in text for character in _NOT_TEXT):
        raise _no_text()
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _no_text() -> CandleError:
    return CandleError("it cannot be read: it is not a text file", hint="is it whole, and really a table?")


def _frame_table(content: bytes, max_bytes: int, *, is_feather: bool) -> CellTable:
    import pandas as pd

    kind = "feather" if is_feather else "parquet"
    try:
        if not is_feather:
            _require_size(_parquet_bytes(content), max_bytes)
        frame = (pd.read_feather if is_feather else pd.read_parquet)(io.BytesIO(content))
    except CandleError:
        raise
    except ImportError as error:
        raise CandleError(
            "it needs a library that is not installed", hint="pip install pyarrow, or convert it to CSV"
        ) from error
    except Exception as error:
        raise CandleError(f"it cannot be read: it is not a whole {kind} file", hint="download it again") from error
    return frame_table(frame)


def _parquet_bytes(content: bytes) -> int:
    """Of its columns in memory; repeated values take nearly nothing in the file."""
    parquet = import_module("pyarrow.parquet")
    metadata = parquet.ParquetFile(io.BytesIO(content)).metadata
    packed = sum(metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups))
    return int(max(packed, 8 * metadata.num_rows * metadata.num_columns))


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
        return column.to_numpy() if column.dtype in (np.int64, np.float64) else column.tolist()
    moments = pd.to_datetime(column, utc=True)
    at_ms = moments.dt.as_unit("ms").astype("int64").to_numpy()
    return np.where(moments.notna().to_numpy(), at_ms, 0)


def folder_files(folder: Path) -> Iterator[Path]:
    """The files below a folder that end as tables or archives do, in order of their names."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.is_file() and (has_table_suffix(path.name) or path.name.lower().endswith(".zip")):
            yield path
