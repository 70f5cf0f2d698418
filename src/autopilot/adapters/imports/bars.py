"""A table's columns as the six numbers of a candle: which column is which, and what contradicts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from autopilot.adapters.imports.column_names import named_columns
from autopilot.adapters.imports.compact import CompactColumn
from autopilot.adapters.imports.layouts import LAYOUTS, PRICES, Layout, as_wide, known_names, layouts_of
from autopilot.adapters.imports.moments import date_and_clock, times_ms
from autopilot.adapters.imports.numbers import lost_digits, numeric_columns
from autopilot.adapters.imports.sense import number_column, require_sense
from autopilot.adapters.imports.tables import CellTable, Losses
from autopilot.domain.candles import BoolArray, FaultKind, FloatArray, IntArray
from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import DAY_MS

NO_TIME, NOT_CLOSED, EMPTY_FIELD = "no time", "not closed", "empty field"
MOST_IMPOSSIBLE = 0.01
"""Of the bars that a layout makes: more of them, and it is not the layout of these rows."""
MOST_TO_JUDGE = 5_000
"""Rows by which the names of the columns are checked."""


@dataclass(frozen=True, slots=True)
class Bars:
    """The readable rows of a file: open times int64[n] as written, five float64[n], NaN for an unreadable number.

    ``rows``: the place of each in the table. ``layout``: the name of the layout, or "header".
    """

    table: CellTable
    layout: str
    rows: IntArray
    at_ms: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    losses: Losses

    @property
    def numbers(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Open, high, low, close, volume."""
        return self.open, self.high, self.low, self.close, self.volume


def bars_of(
    table: CellTable, symbol: str, layouts: Sequence[Layout], asked: Layout | None = None, zone: ZoneInfo | None = None
) -> Bars:
    """The candles that the table holds. ``layouts``: those that rows without a header may have; ``asked``: the one that
    they must have. Raises CandleError, without the file's name."""
    if table.names is not None:
        if asked is not None:
            raise CandleError("it has a header, which says what its columns are", hint="leave --layout out")
        found = named_columns(table, symbol)
        times = [table.columns[at] for at in found.times]
        clock = table.columns[found.clock] if found.clock is not None else None
        closed = None if found.closed is None else _closed(table.columns[found.closed], "true")
        bars = _bars(table, found.layout, times, clock, [table.columns[at] for at in found.numbers], zone, closed)
        _require_sense(bars, found.quotes, found.counts, found.takers, [*found.times, *found.numbers])
        return bars
    answered = layouts_of(table.answer_of) if table.answer_of else ()
    bars = _by_layout(table, [*answered, *(each for each in layouts if each not in answered)], asked, zone)
    _require_sense(bars, *_beside(LAYOUTS[bars.layout]))
    return bars


def _beside(layout: Layout) -> tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]]:
    """Where a layout has volumes in the quote currency, numbers of trades, takers' volumes, and what is read."""
    fields = layout.columns
    places = {name: [at for at, field in enumerate(fields) if field == name] for name in ("quote", "count", "taker")}
    used = [at for at, field in enumerate(fields) if field in (*PRICES, "volume", "time", "date", "clock")]
    return places["quote"], places["count"], places["taker"], used


def _require_sense(
    bars: Bars, quotes: Sequence[int], counts: Sequence[int], takers: Sequence[int], used: Sequence[int]
) -> None:
    """Raises CandleError where the numbers show that two columns have each other's names."""
    if not len(bars.rows):
        return
    others = [at for at in range(len(bars.table.columns)) if at not in used]
    rows = np.arange(min(len(bars.rows), MOST_TO_JUDGE))
    values = {at: number_column(bars.table.columns[at], bars.rows[rows]) for at in others}
    require_sense(
        bars.at_ms[rows],
        *(number[rows] for number in bars.numbers),
        quotes=[values[at] for at in quotes if at in values],
        counts=[values[at] for at in counts if at in values],
        takers=[values[at] for at in takers if at in values],
        others=list(values.values()),
    )


def _by_layout(table: CellTable, layouts: Sequence[Layout], asked: Layout | None, zone: ZoneInfo | None) -> Bars:
    width = len(table.columns)
    fitting = [layout for layout in ([asked] if asked else layouts) if len(layout.columns) == width]
    if not fitting:
        raise CandleError(_no_layout(width, layouts, asked), hint=_layout_hint(width))
    found = [_bars_by(table, layout, zone) for layout in fitting]
    possible = [bars for bars in found if not is_wrong_layout(bars) and _fits_beside(bars)]
    if not possible:
        raise CandleError(
            f"its rows are not valid candles in the layout {' or '.join(layout.name for layout in fitting)}",
            hint=_layout_hint(width),
        )
    first, *others = possible
    if any(not _same(first, other) for other in others):
        names = " and ".join(bars.layout for bars in possible)
        raise CandleError(f"its rows without a header can be of the layouts {names}", hint="say which, with --layout")
    return first


def _bars_by(table: CellTable, layout: Layout, zone: ZoneInfo | None) -> Bars:
    numbers = [table.columns[layout.place(field)] for field in (*PRICES, "volume")]
    if "date" in layout.columns:
        clock = table.columns[layout.place("clock")]
        return _bars(table, layout.name, [table.columns[layout.place("date")]], clock, numbers, zone)
    closed = None
    if layout.closed:
        at, value = layout.closed
        closed = _closed(table.columns[at], value)
    return _bars(table, layout.name, [table.columns[layout.place("time")]], None, numbers, zone, closed)


def _closed(column: Sequence[Any], value: str) -> BoolArray:
    return np.fromiter((str(cell).strip().lower() in (value, "") for cell in column), np.bool_, len(column))


def _bars(
    table: CellTable,
    layout: str,
    times: Sequence[Sequence[Any]],
    clock: Sequence[Any] | None,
    numbers: Sequence[Sequence[Any]],
    zone: ZoneInfo | None,
    closed: BoolArray | None = None,
) -> Bars:
    """``times``: columns of the same moments, the most exact first; ``clock`` belongs to the last of them."""
    if clock is not None:
        times = [*times[:-1], date_and_clock(times[-1], clock)]
    at_ms = times_ms(times[0], zone)
    for other in (times_ms(column, zone) for column in times[1:]):
        # Two columns of one moment are not further apart: one of them may be written in some zone.
        at_ms = np.where((other == 0) | (np.abs(at_ms - other) <= DAY_MS), at_ms, 0)
    values = numeric_columns(numbers)
    is_closed = np.ones(len(table), dtype=np.bool_) if closed is None else closed
    if table.last_closed_s is not None:
        is_closed &= at_ms <= table.last_closed_s * 1000
    losses = Losses(dict(table.lost), table.unit)
    _count(losses, table, at_ms <= 0, NO_TIME)
    _count(losses, table, (at_ms > 0) & ~is_closed, NOT_CLOSED)
    is_good = (at_ms > 0) & is_closed
    for reason, bad in ((EMPTY_FIELD, _has_holes(table)), (FaultKind.INEXACT.value, lost_digits(numbers, values[:4]))):
        _count(losses, table, is_good & bad, reason)
        is_good &= ~bad
    rows = np.flatnonzero(is_good)
    if len(rows) < len(table):
        at_ms, values = at_ms[rows], tuple(value[rows] for value in values)
    opened, high, low, close, volume = values
    return Bars(table, layout, rows, at_ms, opened, high, low, close, volume, losses)


def _has_holes(table: CellTable) -> BoolArray:
    """The rows with an empty cell where the rows before and after have none, in a column that most rows fill: the cells
    beside it may be out of their place."""
    found = np.zeros(len(table), dtype=np.bool_)
    for column in table.columns:
        if isinstance(column, list | tuple | CompactColumn) and ("" in column or None in column):
            found |= _holes(column)
    return found


def _holes(column: Sequence[Any]) -> BoolArray:
    empty = np.fromiter((cell is None or cell == "" for cell in column), np.bool_, len(column))
    if 2 * empty.sum() >= len(empty):
        return np.zeros(len(column), dtype=np.bool_)
    filled = np.flatnonzero(~empty)
    empty[: filled[0]] = empty[filled[-1] + 1 :] = False
    return empty


def _count(losses: Losses, table: CellTable, mask: BoolArray, reason: str) -> None:
    places = np.flatnonzero(mask)
    if not len(places):
        return
    if reason == NO_TIME:
        for place in places[:1_000].tolist():
            cells = [str(column[place]) for column in table.columns]
            if known_names(cells) >= 4:
                raise CandleError(
                    f"{table.unit} {table.lines[place]} is another header: {table.sample(place)}",
                    hint="split the file there",
                )
    first = int(places[0])
    losses.add(reason, table.lines[first], table.sample(first), len(places))


def is_wrong_layout(bars: Bars) -> bool:
    """Whether more than a few bars are impossible, or none is readable."""
    prices = np.stack(bars.numbers[:4])
    readable = np.isfinite(prices).all(axis=0)
    if not readable.any():
        return True
    sound = prices[:, readable]
    impossible = (sound[1] < sound.max(axis=0)) | (sound[2] > sound.min(axis=0)) | (sound <= 0).any(axis=0)
    return bool(impossible.mean() > MOST_IMPOSSIBLE) or not 2 * readable.sum() >= len(bars.table)


def _fits_beside(bars: Bars) -> bool:
    """Whether what a layout has beside the candle can be it: a closing time, an average price."""
    columns, fields, few = bars.table.columns, LAYOUTS[bars.layout].columns, bars.rows[:MOST_TO_JUDGE]
    if "end" in fields:
        end = times_ms([columns[fields.index("end")][row] for row in few.tolist()])
        if (end < bars.at_ms[: len(few)]).mean() > 0.5:
            return False
    if "vwap" not in fields:
        return True
    vwap = number_column(columns[fields.index("vwap")], few)
    traded = bars.volume[: len(few)] > 0
    low, high = 0.99 * bars.low[: len(few)], 1.01 * bars.high[: len(few)]
    outside = (traded & ((vwap < low) | (vwap > high))).sum()
    return bool(2 * outside <= traded.sum())


def _same(one: Bars, other: Bars) -> bool:
    return np.array_equal(one.at_ms, other.at_ms) and all(
        np.array_equal(mine, theirs, equal_nan=True) for mine, theirs in zip(one.numbers, other.numbers, strict=True)
    )


def _no_layout(width: int, layouts: Sequence[Layout], asked: Layout | None) -> str:
    if asked is not None:
        return f"its rows have {width} columns, those of the layout {asked.name} have {len(asked.columns)}"
    if layouts:
        names = " and ".join(f"{layout.name} ({len(layout.columns)})" for layout in layouts)
        return f"its rows have no header and {width} columns, which is not {names}"
    return f"its rows have no header, and nothing shows what their {width} columns are"


def _layout_hint(width: int) -> str:
    names = ", ".join(as_wide(width))
    return (
        f"--layout with one of {names}, if it is one" if names else "add a line: timestamp,open,high,low,close,volume"
    )
