"""The candles in an archive file."""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from autopilot.adapters.archives.files import ArchiveFile
from autopilot.adapters.imports.bars import Bars, bars_of
from autopilot.adapters.imports.candle_files import MOST_LOST
from autopilot.adapters.imports.containers import Member, members, table_of
from autopilot.adapters.imports.layouts import LAYOUTS
from autopilot.domain.candles import Candles, unusable
from autopilot.domain.errors import CandleError

LARGEST_TABLE = 1 << 26
"""Bytes: ten times a month of 1m candles."""
_LAYOUT = LAYOUTS["binance"]
_HINT = "is data.archive_url an archive of Binance?"

log = logging.getLogger(__name__)


def read_archive(content: bytes, file: ArchiveFile, symbol: str) -> Candles:
    """All candles of a zip file. Unusable rows are logged and left out, as long as they are few.

    Raises CandleError, without the file's name, if it holds anything else than one table of this market, candles of
    another time, or too many unusable rows.
    """
    with TemporaryDirectory(prefix="autopilot-archive-") as folder:
        path = Path(folder, f"{file.name}.zip")
        path.write_bytes(content)
        table, expected = members(path), Member(path, f"{file.name}.csv")
        if table != (expected,):
            inside = ", ".join(member.inner or "no zip archive" for member in table[:3])
            raise CandleError(f"it holds {inside}, not {expected.inner} alone", hint=_HINT)
        return _candles(bars_of(table_of(expected, LARGEST_TABLE), symbol, (_LAYOUT,)), file)


def _candles(bars: Bars, file: ArchiveFile) -> Candles:
    outside = (bars.at_ms < file.span.from_ms) | (bars.at_ms >= file.span.to_ms)
    if outside.any():
        raise CandleError(f"{int(outside.sum()):,} of its {len(bars.at_ms):,} candles are not of its time", hint=_HINT)
    good = np.ones(len(bars.at_ms), dtype=np.bool_)
    for mask in unusable(bars.at_ms, *bars.numbers, file.timeframe).values():
        good &= ~mask
    lost = bars.table.read - int(good.sum())
    if lost > MOST_LOST * bars.table.read:
        raise CandleError(f"{lost:,} of its {bars.table.read:,} rows cannot be used", hint=_HINT)
    if lost:
        log.warning("%s: %d of its %d rows cannot be used", file.name, lost, bars.table.read)
    kept = np.flatnonzero(good)[::-1]
    at_ms, first = np.unique(bars.at_ms[kept], return_index=True)  # of the reversed rows: the last one of each time
    return Candles.from_arrays(file.timeframe, at_ms, *(number[kept[first]] for number in bars.numbers))
