"""Importing candle files of other programs: each file whole or not at all, and never other numbers than it holds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from autopilot.adapters.imports.bars import NOT_CLOSED, Bars, bars_of
from autopilot.adapters.imports.containers import MAX_BYTES, Member, folder_files, members, table_of
from autopilot.adapters.imports.csv_tables import CUT_OFF
from autopilot.adapters.imports.file_names import FileMarket, layouts_for, named_market
from autopilot.adapters.imports.layouts import Layout
from autopilot.adapters.imports.tables import HEADER_AGAIN, Loss
from autopilot.domain.candle_faults import CandleFault, find_faults, shifted_by, stamped_at_close
from autopilot.domain.candles import Candles, FaultKind, IntArray, unusable
from autopilot.domain.coverage import Way
from autopilot.domain.errors import AutopilotError, CandleError
from autopilot.domain.market import split_symbol
from autopilot.domain.progress import Progress, part_of, unwatched
from autopilot.domain.timeframe import MINUTE_MS, Timeframe
from autopilot.ports.market_data import CandleStore

MOST_LOST = 0.01
"""Of the rows of a file; with more of them unreadable or impossible the file is refused."""
MOST_LOST_LENIENT, MOST_IMPOSSIBLE_LENIENT = 0.25, 0.1
"""The same for a lenient import: a file that is bad beyond that is not understood."""
SAME_AGAIN = "same row again"
_HARMLESS = (HEADER_AGAIN, NOT_CLOSED, SAME_AGAIN)
"""Rows that hold nothing that is lost with them."""
FEWEST_SHARED, MOST_APART = 10, 0.05
"""Candles with the same time as stored ones; so far apart, they are another market's."""
READ, UNDERSTOOD, CHECKED, STORED = 1, 2, 4, 8
"""Steps of one file's import that are over then, by what they usually take."""
STAGE = "import"
Series = tuple[str, str, Timeframe]


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The user's options for the files. Without one, the names of the files decide. ``lenient``: as the command's.
    ``max_bytes``: of one table, unpacked."""

    exchange: str | None = None
    symbol: str | None = None
    timeframe: Timeframe | None = None
    layout: Layout | None = None
    zone: ZoneInfo | None = None
    lenient: bool = False
    max_bytes: int = MAX_BYTES


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The import of ``file``, which has ``read`` rows: some were ``dropped`` (number by reason; ``samples`` shows the
    first of each), and ``written`` were new or changed in the store. ``layout``: how its columns were known."""

    file: str
    exchange: str
    symbol: str
    timeframe: Timeframe
    layout: str
    read: int
    written: int
    dropped: Mapping[str, int]
    samples: Mapping[str, Loss]
    faults: tuple[CandleFault, ...]


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file of which nothing was stored, and why."""

    file: str
    message: str
    hint: str


@dataclass(slots=True)
class ImportOutcome:
    """Of several files: those imported, those refused, and those of a folder whose names show no candles of ours."""

    imported: list[ImportReport] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def import_path(
    store: CandleStore,
    path: Path,
    exchange: str | None = None,
    symbol: str | None = None,
    timeframe: Timeframe | None = None,
    *,
    lenient: bool = False,
) -> tuple[ImportReport, ...]:
    """As `import_paths`, of one path. Raises CandleError for the first file that is refused."""
    options = ImportOptions(exchange, symbol, timeframe, lenient=lenient)
    outcome = import_paths(store, [path], options)
    for refusal in outcome.refused:
        raise CandleError(refusal.message, hint=refusal.hint)
    return tuple(outcome.imported)


def import_paths(
    store: CandleStore, paths: Sequence[Path], options: ImportOptions, progress: Progress = unwatched
) -> ImportOutcome:
    """Import files, zip archives, and folders with all that is below them.

    A file's name shows its market, as ``KRAKEN_BTC-USD_1h.csv.gz`` does; ``options`` add or replace parts of it. Every
    good candle is stored, sorted; of two with the same time the later in the file. Importing again changes nothing.
    ``progress`` is called for the steps of each file. Raises UnknownSymbol, StoreError; CandleError before anything is
    stored if no file shows a market, or two that show different ones would go into one series.
    """
    if options.symbol is not None:
        split_symbol(options.symbol)
    options = replace(options, exchange=options.exchange.lower() if options.exchange else None)
    outcome = ImportOutcome()
    found = list(_found(paths, options, outcome))
    if not found and not outcome.refused:
        raise CandleError(
            f"no file in {', '.join(map(str, paths))} is named after its market",
            hint="name files as KRAKEN_BTC-USD_1h.csv.gz, or name one file and say its market with the options",
        )
    _require_one_market_each(found, options)
    joined: dict[Series, list[Candles]] = {}
    for number, (member, series) in enumerate(found):
        steps = part_of(progress, number, len(found))
        try:
            report = _import(store, member, series, options, joined.setdefault(series, []), steps)
        except CandleError as error:
            outcome.refused.append(_refusal(member, error))
        else:
            outcome.imported.append(report)
    return outcome


def _refusal(member: Member | Path, error: AutopilotError) -> RefusedFile:
    message = str(error)
    return RefusedFile(str(member), message if str(member) in message else f"{member}: {message}", error.hint)


def _found(paths: Sequence[Path], options: ImportOptions, outcome: ImportOutcome) -> Iterator[tuple[Member, Series]]:
    """The tables to import with their series. A refusal or a name without a market goes into ``outcome``."""
    for path in paths:
        is_folder = os.path.isdir(path)  # noqa: PTH112 - the method raises where a folder above may not be read
        if not is_folder and not os.path.isfile(path):  # noqa: PTH113
            words = "is not a regular file" if os.path.lexists(path) else "does not exist"
            outcome.refused.append(
                RefusedFile(str(path), f"{path} {words}", "check the path, and that you may read it")
            )
            continue
        for file in folder_files(path) if is_folder else [path]:
            try:
                tables = members(file)
            except CandleError as error:
                outcome.refused.append(_refusal(file, error))
                continue
            for member in tables:
                try:
                    series, missing = _series(member, options)
                except CandleError as error:
                    outcome.refused.append(_refusal(member, error))
                    continue
                if series is not None:
                    yield member, series
                elif (is_folder or len(tables) > 1) and missing != ["exchange"]:
                    outcome.skipped.append(str(member))
                else:
                    options_named = " and ".join(f"--{name}" for name in missing)
                    words = f"the name of {member} does not show its {' and '.join(missing)}"
                    hint = f"give {options_named}, or name it as KRAKEN_BTC-USD_1h.csv.gz"
                    outcome.refused.append(RefusedFile(str(member), words, hint))


def _series(member: Member, options: ImportOptions) -> tuple[Series | None, list[str]]:
    """The series of a table, or None and the parts of it that nothing shows. Raises CandleError for a name that can
    mean two markets."""
    named = named_market(member.name, options.exchange, options.symbol)
    exchange = options.exchange or named.exchange
    symbol = options.symbol or named.symbol
    timeframe = options.timeframe or named.timeframe
    if exchange is not None and symbol is not None and timeframe is not None:
        return (exchange, symbol, timeframe), []
    parts = {"exchange": exchange, "symbol": symbol, "timeframe": timeframe}
    return None, [name for name, value in parts.items() if value is None]


def _require_one_market_each(found: Sequence[tuple[Member, Series]], options: ImportOptions) -> None:
    """Raises CandleError when files whose names show different markets would go into one series."""
    by_series: dict[Series, list[tuple[FileMarket, Member]]] = {}
    for member, series in found:
        named = named_market(member.name, options.exchange, options.symbol)
        if named.symbol is None:
            continue
        known = by_series.setdefault(series, [])
        other = next(((market, first) for market, first in known if not market.may_be(named)), None)
        if other is not None:
            raise CandleError(
                f"{other[1].name} and {member.name} are named after different markets, {other[0].words} and"
                f" {named.words}, and cannot both be {' '.join((*series[:2], series[2].value))}",
                hint="import them one by one, or omit the options so that each file's name decides",
            )
        if all(market != named for market, _ in known):
            known.append((named, member))


def _import(
    store: CandleStore,
    member: Member,
    series: Series,
    options: ImportOptions,
    before: list[Candles],
    progress: Progress,
) -> ImportReport:
    exchange, symbol, timeframe = series
    progress(STAGE, 0, STORED, member.name)
    table = table_of(member, options.max_bytes)
    progress(STAGE, READ, STORED, member.name)
    bars = bars_of(
        table,
        symbol,
        layouts_for(member.name, exchange, is_json=member.is_json),
        options.layout,
        options.zone,
    )
    progress(STAGE, UNDERSTOOD, STORED, member.name)
    _check_length(bars.at_ms, timeframe)
    faults = find_faults(bars.at_ms, *bars.numbers, timeframe)
    candles = _candles(bars, timeframe)
    _require_few_lost(bars, options)
    if not len(candles):
        raise CandleError(f"it has no usable {timeframe} candle", hint="download it again")
    for other in before:
        _require_agreement(candles, other, "an earlier file of this import", exact=True)
    stored = store.load_candles(
        exchange, symbol, timeframe, since_ms=int(candles.open_at_ms[0]), until_ms=candles.last_at_ms
    )
    shift = shifted_by(candles.open_at_ms, candles.close, stored.open_at_ms, stored.close, timeframe)
    if shift:
        raise CandleError(
            f"it is shifted by one candle against the {exchange} {symbol} {timeframe} candles stored already",
            hint="one of the two has closing times for opening times: import under another --exchange and compare",
        )
    _require_agreement(candles, stored, f"the {exchange} {symbol} {timeframe} candles stored already", exact=False)
    progress(STAGE, CHECKED, STORED, member.name)
    written = store.save_candles(exchange, symbol, candles, Way.IMPORT)
    progress(STAGE, STORED, STORED, member.name)
    before.append(candles)
    lost = bars.losses.by_reason
    return ImportReport(
        file=str(member),
        exchange=exchange,
        symbol=symbol,
        timeframe=timeframe,
        layout=bars.layout,
        read=bars.table.read,
        written=written,
        dropped={reason: loss.count for reason, loss in lost.items()},
        samples=lost,
        faults=faults,
    )


def _candles(bars: Bars, timeframe: Timeframe) -> Candles:
    """The good rows, sorted; the others are counted in the losses of ``bars``."""
    at_ms = bars.at_ms
    if stamped_at_close(at_ms, timeframe):
        at_ms = at_ms - at_ms % timeframe.ms
    good = np.ones(len(at_ms), dtype=np.bool_)
    for kind, mask in unusable(at_ms, *bars.numbers, timeframe).items():
        _lose(bars, kind.value, np.flatnonzero(mask))
        good &= ~mask
    places = np.flatnonzero(good)
    last = places[_last_of_each(at_ms[places])]
    again = np.setdiff1d(places, last, assume_unique=True)
    stays = last[np.searchsorted(at_ms[last], at_ms[again])]
    same = np.ones(len(again), dtype=np.bool_)
    for number in bars.numbers:
        same &= number[again] == number[stays]
    _lose(bars, SAME_AGAIN, again[same])
    _lose(bars, FaultKind.DUPLICATE.value, again[~same])
    return Candles.from_arrays(timeframe, at_ms[last], *(number[last] for number in bars.numbers))


def _lose(bars: Bars, reason: str, places: IntArray) -> None:
    if len(places):
        row = int(bars.rows[places[0]])
        bars.losses.add(reason, bars.table.lines[row], bars.table.sample(row), len(places))


def _require_few_lost(bars: Bars, options: ImportOptions) -> None:
    """Raises CandleError when more than a few rows cannot be used."""
    lost = {reason: loss for reason, loss in bars.losses.by_reason.items() if reason not in _HARMLESS}
    if CUT_OFF in lost and not options.lenient:
        raise CandleError(
            f"it breaks off in its last line: {lost[CUT_OFF].sample}",
            hint="download it again, or take its other rows with --lenient",
        )
    count = sum(loss.count for loss in lost.values())
    allowed = MOST_LOST_LENIENT if options.lenient else MOST_LOST
    impossible = lost[FaultKind.IMPOSSIBLE.value].count if FaultKind.IMPOSSIBLE.value in lost else 0
    if count <= allowed * bars.table.read and impossible <= MOST_IMPOSSIBLE_LENIENT * bars.table.read:
        return
    reasons = [
        f"{reason}: {loss.count:,}, first in {loss.unit} {loss.line:,}: {loss.sample}"
        for reason, loss in sorted(lost.items(), key=lambda item: -item[1].count)
    ]
    raise CandleError(
        "\n".join([f"{count:,} of its {bars.table.read:,} rows cannot be used", *reasons]),
        hint="mend the file" if options.lenient else "mend the file, or take its other rows with --lenient",
    )


def _require_agreement(candles: Candles, other: Candles, name: str, *, exact: bool) -> None:
    """Raises CandleError when candles with the same times are another market's: ``exact`` if any number differs,
    otherwise if most closes are far apart."""
    _, mine, theirs = np.intersect1d(candles.open_at_ms, other.open_at_ms, assume_unique=True, return_indices=True)
    if not len(mine):
        return
    if exact:
        fields = ("open", "high", "low", "close", "volume")
        differing = sum((getattr(candles, each)[mine] != getattr(other, each)[theirs]).astype(int) for each in fields)
        count = int(np.count_nonzero(differing))
    else:
        apart = np.abs(candles.close[mine] / other.close[theirs] - 1.0) > MOST_APART
        count = int(apart.sum()) if len(mine) >= FEWEST_SHARED and 2 * apart.sum() > len(mine) else 0
    if count:
        raise CandleError(
            f"{count:,} of {len(mine):,} candles with the same times differ from {name}",
            hint="is it another market? Say which with --symbol, or remove the wrong one: autopilot data delete",
        )


def _last_of_each(at_ms: IntArray) -> IntArray:
    """Indices, ascending in time, of the last row that has each time."""
    order = np.argsort(at_ms, kind="stable")
    ordered = at_ms[order]
    last: IntArray = order[np.concatenate([ordered[1:] != ordered[:-1], [True]])[: len(ordered)]]
    return last


def _check_length(at_ms: IntArray, timeframe: Timeframe) -> None:
    """Raises CandleError when most candles follow each other at another distance than the timeframe's."""
    between = np.diff(np.sort(at_ms))
    steps, counts = np.unique(between[between > 0], return_counts=True)
    if not len(steps):
        return
    usual = int(steps[np.argmax(counts)])
    if usual != timeframe.ms and counts.max() * 2 > counts.sum() > 1:
        right = next((f"--timeframe {known}" for known in Timeframe if known.ms == usual), "another file")
        raise CandleError(
            f"its candles are {usual / MINUTE_MS:g} minutes apart, which is not {timeframe}", hint=f"use {right}"
        )
