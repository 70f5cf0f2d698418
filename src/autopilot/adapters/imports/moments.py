"""Times as files write them, to UTC milliseconds: seconds to nanoseconds since the epoch, ISO, other orders of a date,
with or without a zone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from autopilot.adapters.imports.compact import CompactColumn, blocks_of
from autopilot.domain.candles import FIRST_INEXACT, IntArray
from autopilot.domain.errors import CandleError

_UNITS = ((1_000, 1), (1, 1), (1, 1_000), (1, 1_000_000))
"""(factor, divisor) to milliseconds of seconds, milliseconds, microseconds and nanoseconds."""
_EARLIEST_S, _LATEST_S = 500_000_000, 4_102_444_800
"""1985 to 2100: within it a number is a time in one unit at most."""
_HALF = r"[ -]?(?P<half{}>[AaPp])\.?[Mm]\.?"
_CLOCK = (
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    rf"(?:{_HALF.format('')})?|{_HALF.format('_alone')})"
)
"""An hour stands alone only with AM or PM: it would be a time that was cut off."""
_ZONE = r"(?:\s*(?P<zone>Z|UTC|(?:GMT|UTC)?[+-]\d{2}:?(?:\d{2})?|GMT))?"
_AFTER = rf"(?:(?:[T ]|,\s)\s*{_CLOCK}{_ZONE})?"
_YEAR_FIRST = re.compile(rf"(?P<year>\d{{4}})(?P<mark>[-/.])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}}){_AFTER}")
_YEAR_LAST = re.compile(
    rf"(?P<first>\d{{1,2}})(?P<mark>[-/.])(?P<second_part>\d{{1,2}})(?P=mark)(?P<year>\d{{4}}){_AFTER}"
)
_MONTH_FIRST = r"(?P<month>[A-Za-z]{3})[a-z]* (?P<day>\d{1,2}),? "
_MONTH_SECOND = r"(?P<day_first>\d{1,2})[- ](?P<month_last>[A-Za-z]{3})[a-z]*[- ]"
_NAMED = re.compile(
    rf"(?:[A-Za-z]{{3,9}},? )?(?:{_MONTH_FIRST}|{_MONTH_SECOND})(?P<year>\d{{4}}){_AFTER}(?: \([^)]*\))?"
)
_COMPACT = re.compile(
    r"(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:[T ]?(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2}))?)?"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK_ONLY = re.compile(rf"{_CLOCK}|\d{{4}}|\d{{6}}")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# numpy would read what follows a shorter time of day as a zone.
_ISO_MOMENT = re.compile(_ISO_DATE.pattern + r"[ T][0-9]{2}:[0-9]{2}:[0-9]{2}")
_DATE_LENGTHS = (8, 10, 11, 12)


def times_ms(column: Sequence[Any], zone: ZoneInfo | None = None) -> IntArray:
    """UTC milliseconds, int64[n]; 0 for a time that cannot be read. ``zone`` (default UTC) is for texts without one.

    Raises CandleError for dates of which nothing says whether the day or the month comes first.
    """
    if isinstance(column, np.ndarray):
        if column.dtype.kind in "iu":
            return _whole(column.astype(np.int64))
        column = column.tolist()
    numbers = _integers(column)
    if numbers is not None:
        at_ms = _whole(numbers)
        if at_ms.any() or not len(at_ms):
            return at_ms
    if zone is None and (iso := _iso(column)) is not None:
        return iso
    read = _reader(column, zone)
    return np.fromiter((read(_text_of(cell)) for cell in column), np.int64, len(column))


def is_clock(cell: Any) -> bool:
    """Whether a cell is a time of day without a date."""
    text = str(cell).strip()
    return bool(_CLOCK_ONLY.fullmatch(text.zfill(6 if len(text) > 4 else 4) if text.isdigit() else text))


def is_date(cell: Any) -> bool:
    """Whether a cell can be a date without a time of day."""
    text = str(cell).strip()
    return len(text) in (*_DATE_LENGTHS, 9) and ":" not in text and (not text.isdigit() or len(text) == 8)


def date_and_clock(dates: Sequence[Any], clocks: Sequence[Any]) -> list[str]:
    """The texts of dates and of times of day in two columns, as one."""
    return [f"{str(date).strip()} {_clock_text(str(clock).strip())}" for date, clock in zip(dates, clocks, strict=True)]


def _clock_text(text: str) -> str:
    """``93000`` and ``0930`` → ``09:30:00`` and ``09:30``."""
    if not text.isdigit():
        return text
    digits = text.zfill(4 if len(text) <= 4 else 6)
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def _text_of(cell: Any) -> str:
    """As the file writes it; "" for what is no time."""
    if isinstance(cell, str):
        return cell.strip()
    return repr(cell) if type(cell) in (int, float) else ""


def _integers(column: Sequence[Any]) -> IntArray | None:
    """The column as whole numbers; None if a cell is not one. A number with an exponent has lost its last digits."""
    numbers = column.numbers if isinstance(column, CompactColumn) and not column.has_exponents else None
    if numbers is not None:
        is_whole = (np.abs(numbers) < FIRST_INEXACT).all() and (numbers == np.floor(numbers)).all()
        if is_whole:
            return numbers.astype(np.int64)
    read = [_integer_block(cells) for cells in blocks_of(column)]
    found = [block for block in read if block is not None]
    return np.concatenate([np.empty(0, dtype=np.int64), *found]) if len(found) == len(read) else None


def _integer_block(column: Sequence[Any]) -> IntArray | None:
    kinds = set(map(type, column))
    if not kinds <= {str, int, float}:
        return None
    try:
        if kinds <= {int} or (kinds == {str} and "_" not in "".join(column)):
            return np.array(list(map(int, column)), dtype=np.int64)
        if float in kinds and str not in kinds:
            return np.array([_exact(cell) for cell in column], dtype=np.int64)
    except (ValueError, OverflowError):
        return None
    return None


def _exact(cell: float) -> int:
    return int(cell) if abs(cell) < 1e15 else 0


def _whole(numbers: IntArray) -> IntArray:
    """Milliseconds of numbers since the epoch, each in the unit that makes it a time; 0 for one that is none."""
    at_ms = np.zeros(len(numbers), dtype=np.int64)
    for scale, (factor, divisor) in zip((1, 10**3, 10**6, 10**9), _UNITS, strict=True):
        fits = (numbers >= _EARLIEST_S * scale) & (numbers < _LATEST_S * scale)
        at_ms[fits] = numbers[fits] * factor // divisor
    return at_ms


def _iso(column: Sequence[Any]) -> IntArray | None:
    """Texts that are all ``2025-01-03 22:00:00`` or a date alone, also with T and Z; None for any other."""
    length, read = len(_text_of(column[0])) if len(column) else 0, []
    for cells in blocks_of(column):
        texts = [_text_of(cell) for cell in cells]
        block = _iso_block(texts) if set(map(len, texts)) == {length} else None
        if block is None:
            return None
        read.append(block)
    return np.concatenate(read) if read else None


def _iso_block(texts: list[str]) -> IntArray | None:
    lengths = set(map(len, texts))
    if lengths == {20} and all(text[-1] == "Z" for text in texts):
        texts = [text[:-1] for text in texts]
    elif lengths not in ({19}, {10}):
        return None
    pattern = _ISO_DATE if lengths == {10} else _ISO_MOMENT
    if not all(map(pattern.fullmatch, texts)):
        return None
    try:
        moments = np.array(texts, dtype="datetime64[ms]").astype(np.int64)
    except ValueError:
        return None
    return np.where((moments > 0) & (moments < _LATEST_S * 1000), moments, 0)


def _reader(column: Sequence[Any], zone: ZoneInfo | None) -> Callable[[str], int]:
    day_first = _day_first(column)

    def read(text: str) -> int:
        for pattern in (_YEAR_FIRST, _YEAR_LAST, _NAMED, _COMPACT):
            found = pattern.fullmatch(text)
            if found:
                try:
                    return _moment(found.groupdict(), day_first, zone)
                except (ValueError, OverflowError):
                    return 0
        return _number(text)

    return read


def _number(text: str) -> int:
    """A number beside texts, or one with decimals."""
    whole, _, rest = text.partition(".")
    if not whole.isascii() or not whole.isdigit() or (rest and not rest.isdigit()) or len(whole) > 19:
        return 0
    at_ms = int(_whole(np.array([int(whole)], dtype=np.int64))[0]) if int(whole) < 2**63 else 0
    return at_ms + (int(rest.ljust(3, "0")[:3]) if rest and len(whole) in (9, 10) and at_ms else 0)


def _moment(parts: dict[str, str | None], day_first: bool, zone: ZoneInfo | None) -> int:
    """Raises ValueError for a date or a time of day that does not exist, or is not unique in its zone."""
    year = int(parts["year"] or 0)
    if "first" in parts:
        first, second = int(parts["first"] or 0), int(parts["second_part"] or 0)
        day, month = (first, second) if day_first or parts["mark"] == "." else (second, first)
    elif "month_last" in parts:
        day = int(parts["day"] or parts["day_first"] or 0)
        month = _MONTHS.index((parts["month"] or parts["month_last"] or "").lower()) + 1
    else:
        day, month = int(parts["day"] or 0), int(parts["month"] or 0)
    hour = int(parts["hour"] or 0)
    half = parts.get("half") or parts.get("half_alone")
    if half:
        if not 1 <= hour <= 12:
            raise ValueError(hour)
        hour = hour % 12 + (12 if half in "pP" else 0)
    fraction = int((parts.get("fraction") or "").ljust(3, "0")[:3])
    local = datetime(year, month, day, hour, int(parts.get("minute") or 0), int(parts.get("second") or 0))  # noqa: DTZ001
    return round(_utc(local, parts.get("zone"), zone).timestamp()) * 1000 + fraction


def _utc(local: datetime, written: str | None, zone: ZoneInfo | None) -> datetime:
    if written:
        sign = re.search(r"([+-])(\d{2}):?(\d{2})?", written)
        if sign is None:
            return local.replace(tzinfo=UTC)
        offset = timedelta(hours=int(sign[2]), minutes=int(sign[3] or 0))
        return local.replace(tzinfo=UTC) - (offset if sign[1] == "+" else -offset)
    if zone is None:
        return local.replace(tzinfo=UTC)
    moment = local.replace(tzinfo=zone)
    if moment.utcoffset() != moment.replace(fold=1).utcoffset():
        raise ValueError(local)
    return moment.astimezone(UTC)


def _day_first(column: Sequence[Any]) -> bool:
    """Whether dates such as 03/01/2025 begin with the day. Raises CandleError if nothing says so, or two say
    otherwise."""
    example, day_first, month_first = "", "", ""
    for text in map(_text_of, column):
        found = _YEAR_LAST.fullmatch(text)
        if found and found["mark"] != ".":
            example = example or text
            day_first = day_first or (text if int(found["first"]) > 12 else "")
            month_first = month_first or (text if int(found["second_part"]) > 12 else "")
    if example and bool(day_first) == bool(month_first):
        shown = f"{day_first!r} and {month_first!r} contradict each other" if day_first else f"{example!r}"
        raise CandleError(
            f"its dates do not show whether the day or the month comes first: {shown}",
            hint="write the dates as 2025-01-31",
        )
    return bool(day_first)
