"""Which column of a table with a header is which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autopilot.adapters.imports.currencies import usual_name
from autopilot.adapters.imports.layouts import (
    CLOSED,
    COUNTS,
    MARKETS,
    NAMED_LAYOUTS,
    OPENING_TIMES,
    PRICES,
    QUOTE_VOLUMES,
    TAKER_VOLUMES,
    TIMES,
    field_of,
    normal,
)
from autopilot.adapters.imports.moments import is_clock, is_date
from autopilot.adapters.imports.numbers import numeric_columns
from autopilot.adapters.imports.tables import CellTable
from autopilot.domain.errors import CandleError
from autopilot.domain.market import split_symbol

_FIELDS = (*PRICES, "volume")
_SAMPLE = 24
_SHORT = ("o", "h", "l", "c", "v", "max", "min")


@dataclass(frozen=True, slots=True)
class NamedColumns:
    """Places of columns: of the same moments, the most exact first; of a time of day that belongs to the last of them;
    of open, high, low, close, volume; of what must agree with these."""

    layout: str
    times: Sequence[int]
    clock: int | None
    numbers: Sequence[int]
    quotes: Sequence[int]
    counts: Sequence[int]
    takers: Sequence[int]
    closed: int | None


def named_columns(table: CellTable, symbol: str) -> NamedColumns:
    """Raises CandleError where a column is missing, or two could be meant and differ."""
    names = [normal(name) for name in table.names or ()]
    _require_one_market(table, names)
    special = next((layout for layout in NAMED_LAYOUTS if layout.names <= set(names)), None)
    fields = special.fields if special else {}
    base, quote_currency = split_symbol(symbol)
    numbers, absent = [], []
    for field in _FIELDS:
        places = [at for at, name in enumerate(names) if name == fields[field]] if field in fields else None
        if places is None:
            places = [at for at, name in enumerate(names) if field_of(name) == field]
        if field == "volume" and "volume" not in fields:
            places += [at for at, name in enumerate(names) if _volume_of(name) == base]
        if places:
            numbers.append(_one_of(table, places, field))
        else:
            absent.append(field)
    times, clock = _times(table, names, fields.get("time"))
    if not times:
        absent.insert(0, "time")
    if absent:
        raise CandleError(
            _absent(table, names, absent, base), hint="name the columns timestamp,open,high,low,close,volume"
        )
    quotes = [
        at
        for at, name in enumerate(names)
        if at not in numbers
        and (name == fields.get("quote") or name in QUOTE_VOLUMES or _volume_of(name) == quote_currency)
    ]
    return NamedColumns(
        layout=special.name if special else "header",
        times=times,
        clock=clock,
        numbers=numbers,
        quotes=quotes,
        counts=[at for at, name in enumerate(names) if name in COUNTS],
        takers=[at for at, name in enumerate(names) if name in TAKER_VOLUMES],
        closed=next((at for at, name in enumerate(names) if name in CLOSED and _is_flag(table.columns[at])), None),
    )


def _is_flag(column: Sequence[Any]) -> bool:
    return {str(cell).strip().lower() for cell in column} <= {"true", "false"}


def _volume_of(name: str) -> str | None:
    """``volume_btc`` → BTC."""
    head, _, currency = name.rpartition("_")
    return usual_name(currency.upper(), None) if head in ("volume", "vol") else None


def _one_of(table: CellTable, places: Sequence[int], field: str) -> int:
    """The column of a field. Where several are called so, a whole name wins over a short one, and a lower-case letter
    over its capital, as streams write them; others must hold the same numbers. Raises CandleError."""
    whole = [at for at in places if normal((table.names or ())[at]) not in _SHORT]
    places = whole or places
    names = [str((table.names or ())[at]).strip() for at in places]
    if all(len(name) == 1 for name in names) and any(name.islower() for name in names):
        places = [at for at, name in zip(places, names, strict=True) if name.islower()]
    first, *others = places
    for other in others:
        if not _equal(table.columns[first], table.columns[other]):
            shown = f"{names[0]!r} and {str((table.names or ())[other]).strip()!r}"
            raise CandleError(
                f"two of its columns can be the {field}, {shown}, and their numbers differ",
                hint="rename the one that is not meant",
            )
    return first


def _equal(one: Sequence[Any], other: Sequence[Any]) -> bool:
    if list(one) == list(other):
        return True
    left, right = numeric_columns([one, other])
    return bool(len(left)) and bool((left == right).all())


def _times(table: CellTable, names: Sequence[str], special: str | None) -> tuple[list[int], int | None]:
    """(columns of the time, the most exact first; the column of a time of day)."""
    raw = [str(name).strip() for name in table.names or ()]
    found = [names.index(name) for name in ((special,) if special else (*OPENING_TIMES, *TIMES)) if name in names]
    if "t" in names:
        # Streams write the opening as t and the closing as T.
        letters = [at for at, name in enumerate(names) if name == "t"]
        lower = [at for at in letters if raw[at] == "t"]
        found = [(lower or letters)[0] if at in letters else at for at in found]
    if not found and names and not names[0]:
        found = [0]
    dates = [at for at in found if all(is_date(cell) for cell in table.columns[at][:_SAMPLE])]
    clocks = [at for at in found if all(is_clock(cell) for cell in table.columns[at][:_SAMPLE])]
    clock = clocks[0] if clocks and dates and clocks[0] not in dates else None
    moments = [at for at in found if at not in clocks and not (at in dates and clock is None and len(found) > 1)]
    if clock is not None:
        moments = [at for at in moments if at not in dates] + dates[:1]
    return sorted(moments or found[:1], key=lambda at: (at in dates, not _is_number(table.columns[at]))), clock


def _is_number(column: Sequence[Any]) -> bool:
    return all(str(cell).strip().replace(".", "").isdigit() for cell in column[:_SAMPLE])


def _require_one_market(table: CellTable, names: Sequence[str]) -> None:
    for at, name in enumerate(names):
        if name in MARKETS:
            markets = list(dict.fromkeys(str(cell).strip().upper() for cell in table.columns[at]))
            if len(markets) > 1:
                raise CandleError(
                    f"it holds {len(markets)} markets: {', '.join(markets[:4])}",
                    hint="save each market in a file of its own",
                )


def _absent(table: CellTable, names: Sequence[str], absent: Sequence[str], base: str) -> str:
    shown = ", ".join(str(name).strip() or "(without a name)" for name in table.names or ())
    words = f"it has no column for {', '.join(absent)}; its columns are {shown}"
    others = [name for name in names if name in QUOTE_VOLUMES or _volume_of(name)]
    if "volume" in absent and others:
        words += f"; {others[0]} is not the volume in {base}"
    return words
