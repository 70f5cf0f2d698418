"""Importing candle files of other programs: read, checked, stored without the unusable candles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autopilot.adapters.imports.table_files import SUFFIXES, numeric, read_table, times_ms
from autopilot.domain.candle_faults import CandleFault, find_faults, shifted_by, stamped_at_close
from autopilot.domain.candles import Candles, FaultKind, FloatArray, IntArray, unusable
from autopilot.domain.errors import CandleError
from autopilot.domain.market import split_symbol
from autopilot.domain.progress import Progress, unwatched
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.market_data import CandleStore

Bars = tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]
"""Open, high, low, close, volume."""

_FIELDS = ("timestamp", "open", "high", "low", "close", "volume")
_OTHER_NAMES = {
    "timestamp": ("date", "datetime", "time", "unix", "open_time", "opentime", "open_at_ms", "unnamed:_0"),
    "open": ("o",),
    "high": ("h",),
    "low": ("l",),
    "close": ("c",),
    "volume": ("vol", "v", "base_volume"),
}
_NAME = re.compile(
    r"(?:(?P<exchange>[a-z0-9]+)_)?(?P<base>[a-z0-9]+)-(?P<quote>[a-z0-9]+)[-_](?P<timeframe>\d+[mhd]?)", re.IGNORECASE
)
_NAME_WITHOUT_DASH = re.compile(
    r"(?:(?P<exchange>[a-z0-9]+)_)?(?P<base>[a-z0-9]{2,}?)_?(?P<quote>usdt|usdc|usd|eur|gbp|jpy|cad|aud|chf|btc|xbt|eth)"
    r"[-_](?P<timeframe>\d+[mhd]?)",
    re.IGNORECASE,
)
"""Only with a well-known quote currency: FEAR_GREED_1d is no market."""
_MINUTES = {str(timeframe.ms // 60_000): timeframe.value for timeframe in Timeframe}


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The import of ``file``, which has ``read`` rows: some were ``dropped`` (number by reason), and ``written`` were
    new or changed in the store."""

    file: Path
    exchange: str
    symbol: str
    timeframe: Timeframe
    read: int
    written: int
    dropped: Mapping[str, int]
    faults: tuple[CandleFault, ...]


@dataclass(frozen=True, slots=True)
class FileMarket:
    """The market that a file's name or the user names; None for a part that is not named."""

    exchange: str | None = None
    symbol: str | None = None
    timeframe: Timeframe | None = None


def import_path(
    store: CandleStore,
    path: Path,
    exchange: str | None = None,
    symbol: str | None = None,
    timeframe: Timeframe | None = None,
    *,
    coin_names: Mapping[str, str] | None = None,
    progress: Progress = unwatched,
) -> tuple[ImportReport, ...]:
    """One file, or every file of a folder whose name shows its market, as ``KRAKEN_BTC-USD_1h.csv.gz`` does.

    The arguments win over the name, in which ``coin_names`` are replaced (``XBT`` by ``BTC``). Every good candle is
    kept, sorted; of two with the same time the later in the file. ``progress`` is called before each file is read.
    Importing again changes nothing. Raises CandleError, naming the file, UnknownSymbol, StoreError.
    """
    given = FileMarket(exchange.lower() if exchange else None, symbol, timeframe)
    if symbol is not None:
        split_symbol(symbol)
    if not path.exists():
        raise CandleError(f"{path} does not exist", hint="check the path")
    if not path.is_dir():
        files = [path]
    elif symbol is not None:
        raise CandleError(f"{path} is a folder and cannot all be {symbol}", hint="name one file to say its symbol")
    else:
        files = [file for file in sorted(path.iterdir()) if _is_candle_file(file)]
        if not files:
            raise CandleError(
                f"no file in {path} is named after its market", hint="name files as KRAKEN_BTC-USD_1h.csv.gz"
            )
    markets = [_market(file, given, coin_names or {}) for file in files]
    reports = []
    for number, (file, market) in enumerate(zip(files, markets, strict=True), start=1):
        progress("import", number - 1, len(files), file.name)
        reports.append(_import(store, file, *market))
    return tuple(reports)


def market_of(name: str, coin_names: Mapping[str, str]) -> FileMarket:
    """The market in a file's name, such as ``KRAKEN_BTC-USD_1h.csv.gz``, ``BTC_USDT-1h.feather``,
    ``ETHUSDT_5m.parquet`` or ``XBTUSD_60.csv``; ``coin_names`` in it are replaced."""
    stem = name
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        stem = stem.removesuffix(suffix)
    match = _NAME.fullmatch(stem) or _NAME_WITHOUT_DASH.fullmatch(stem)
    if match is None:
        return FileMarket()
    length = match["timeframe"].lower()
    timeframe = next((known for known in Timeframe if known in (length, _MINUTES.get(length))), None)
    base, quote = (coin_names.get(match[part].upper(), match[part].upper()) for part in ("base", "quote"))
    return FileMarket(match["exchange"].lower() if match["exchange"] else None, f"{base}/{quote}", timeframe)


def _is_candle_file(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(SUFFIXES) and market_of(path.name, {}).timeframe is not None


def _market(path: Path, given: FileMarket, coin_names: Mapping[str, str]) -> tuple[str, str, Timeframe]:
    named = market_of(path.name, coin_names)
    exchange = given.exchange or named.exchange
    symbol = given.symbol or named.symbol
    timeframe = given.timeframe or named.timeframe
    if exchange is None or symbol is None or timeframe is None:
        missing = {"exchange": exchange, "symbol": symbol, "timeframe": timeframe}
        names = [name for name, value in missing.items() if value is None]
        raise CandleError(
            f"the name of {path} does not show its {' and '.join(names)}",
            hint=f"give {' and '.join('--' + name for name in names)}, or name it as KRAKEN_BTC-USD_1h.csv.gz",
        )
    return exchange, symbol, timeframe


def _import(store: CandleStore, path: Path, exchange: str, symbol: str, timeframe: Timeframe) -> ImportReport:
    read, at_ms, bars = _columns(path)
    _check_length(path, at_ms, timeframe)
    faults = find_faults(at_ms, *bars, timeframe)
    if stamped_at_close(at_ms, timeframe):
        at_ms = at_ms - at_ms % timeframe.ms
    dropped = {"no time": read - len(at_ms)}
    good = np.ones(len(at_ms), dtype=np.bool_)
    for kind, mask in unusable(at_ms, *bars, timeframe).items():
        dropped[kind.value] = int(mask.sum())
        good &= ~mask
    last = _last_of_each(at_ms[good])
    dropped[FaultKind.DUPLICATE.value] = int(good.sum()) - len(last)
    candles = Candles.from_arrays(timeframe, at_ms[good][last], *(bar[good][last] for bar in bars))
    if not len(candles):
        raise CandleError(f"{path} has no usable {timeframe} candle", hint="download it again")
    stored = store.load_candles(
        exchange, symbol, timeframe, since_ms=int(candles.open_at_ms[0]), until_ms=candles.last_at_ms
    )
    shift = shifted_by(candles.open_at_ms, candles.close, stored.open_at_ms, stored.close, timeframe)
    if shift:
        raise CandleError(
            f"{path} is shifted by one candle against the {exchange} {symbol} {timeframe} candles stored already",
            hint="one of the two has closing times for opening times: import under another --exchange and compare",
        )
    return ImportReport(
        file=path,
        exchange=exchange,
        symbol=symbol,
        timeframe=timeframe,
        read=read,
        written=store.save_candles(exchange, symbol, candles),
        dropped={reason: count for reason, count in dropped.items() if count},
        faults=faults,
    )


def _columns(path: Path) -> tuple[int, IntArray, Bars]:
    """(number of rows, open times, five numbers) of the rows that have a time."""
    frame = read_table(path, _FIELDS)
    names = {
        field: next((name for name in (field, *_OTHER_NAMES[field]) if name in frame.columns), None)
        for field in _FIELDS
    }
    absent = [field for field, name in names.items() if name is None]
    if absent:
        raise CandleError(
            f"{path} has no column for {', '.join(absent)}; its columns are {', '.join(map(str, frame.columns))}",
            hint=f"name the columns {','.join(_FIELDS)}",
        )
    at_ms = times_ms(frame[names["timestamp"]])
    has_time = at_ms > 0
    opened, high, low, close, volume = (numeric(frame[names[field]])[has_time] for field in _FIELDS[1:])
    return len(frame), at_ms[has_time], (opened, high, low, close, volume)


def _last_of_each(at_ms: IntArray) -> IntArray:
    """Indices, ascending in time, of the last row that has each time."""
    order = np.argsort(at_ms, kind="stable")
    ordered = at_ms[order]
    last: IntArray = order[np.concatenate([ordered[1:] != ordered[:-1], [True]])[: len(ordered)]]
    return last


def _check_length(path: Path, at_ms: IntArray, timeframe: Timeframe) -> None:
    """Raises CandleError when most candles follow each other at another distance than the timeframe's."""
    steps, counts = np.unique(np.diff(np.unique(at_ms)), return_counts=True)
    if not len(steps):
        return
    usual = int(steps[np.argmax(counts)])
    if usual != timeframe.ms and counts.max() * 2 > counts.sum() > 1:
        right = next((f"--timeframe {known}" for known in Timeframe if known.ms == usual), "another file")
        raise CandleError(
            f"the candles of {path} are {usual / 60_000:g} minutes apart, which is not {timeframe}",
            hint=f"use {right}",
        )
