"""Numbers as files write them, to the last digit: a decimal point or comma, and thousands apart, where the file as a
whole says which is which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from autopilot.adapters.imports.compact import CompactColumn, blocks_of
from autopilot.domain.candles import BoolArray, FloatArray
from autopilot.domain.errors import CandleError

_ALWAYS_HELD = 1e7
"""Below it a float, which holds 15 digits of any number, holds eight decimals."""
_HALF_DECIMAL = Decimal("0.000000005")
_SPACES = "\u00a0\u202f\u2019"
_WRITTEN = str.maketrans(_SPACES, "  '")
_PLAIN = re.compile(r"[-+]?\d+")
_SCIENTIFIC = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)[eE][-+]?\d+")
_DECIMAL = re.compile(r"[-+]?(\d*)([.,])(\d+)")
_GROUPED = re.compile(r"[-+]?\d{1,3}(?:([.,' ])\d{3})(?:\1\d{3})*(?:([.,])(\d+))?")


@dataclass(frozen=True, slots=True)
class _Notation:
    """The decimal mark and the mark between thousands; "" where no number shows it."""

    decimal: str
    group: str


def numeric_columns(columns: Sequence[Sequence[Any]]) -> tuple[FloatArray, ...]:
    """float64[n] of each column, exact to the last digit; NaN for a cell that is no number, or has none that is sure.

    Raises CandleError where numbers of the columns are written in notations that contradict each other.
    """
    found = [_plain(column) for column in columns]
    if all(array is not None for array in found):
        return tuple(array for array in found if array is not None)
    notation = _notation(columns)
    return tuple(_noted(column, notation) for column in columns)


def lost_digits(columns: Sequence[Sequence[Any]], values: Sequence[FloatArray]) -> BoolArray:
    """bool[n]: the rows with a number that a float holds neither as the cell writes it nor to eight decimals.
    ``values``: of the first of the columns, as `numeric_columns` reads them."""
    lost = np.zeros(len(values[0]), dtype=np.bool_)
    for column, numbers in zip(columns, values, strict=False):
        if not isinstance(column, np.ndarray):
            with np.errstate(invalid="ignore"):
                doubtful = np.flatnonzero(np.isfinite(numbers) & (np.abs(numbers) >= _ALWAYS_HELD))
            for row in doubtful.tolist():
                lost[row] |= not _is_held(_text(column[row]), float(numbers[row]))
    return lost


def _is_held(text: str, number: float) -> bool:
    for grouping, decimal in ((",' ", "."), (".' ", ",")):
        plain = text.translate({ord(mark): None for mark in grouping}).replace(decimal, ".")
        try:
            if float(plain) == number:
                written = Decimal(plain)
                return written == Decimal(repr(number)) or abs(written - Decimal(number)) <= _HALF_DECIMAL
        except (ValueError, InvalidOperation):
            continue
    return True


def _plain(column: Sequence[Any]) -> FloatArray | None:
    """The numbers of a column in which every cell is one with a decimal point; None for any other."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "iuf":
        return column.astype(np.float64)
    if isinstance(column, CompactColumn) and (numbers := column.numbers) is not None:
        return numbers
    read = [_plain_block(cells) for cells in blocks_of(column)]
    found = [block for block in read if block is not None]
    return np.concatenate([np.empty(0), *found]) if len(found) == len(read) else None


def _plain_block(column: Sequence[Any]) -> FloatArray | None:
    kinds = set(map(type, column))
    if kinds == {str}:
        if "_" in "".join(column):
            return None
    elif not kinds <= {int, float}:
        return None
    try:
        return np.array(list(map(float, column)), dtype=np.float64)
    except (ValueError, OverflowError):
        return None


def _text(cell: Any) -> str:
    """As the file writes it; "" for what is no number."""
    if isinstance(cell, str):
        return cell.translate(_WRITTEN).strip()
    return repr(cell) if isinstance(cell, int | float) and not isinstance(cell, bool) else ""


def _proofs(text: str) -> tuple[str, str]:
    """The decimal mark and the mark of thousands that this number proves, "" for one that it does not prove."""
    found = _DECIMAL.fullmatch(text)
    if found:
        whole, mark, rest = found.groups()
        is_sure = len(rest) != 3 or not 1 <= len(whole) <= 3 or whole.startswith("0")
        return (mark if is_sure else "", "")
    found = _GROUPED.fullmatch(text)
    if found and found[2] != found[1]:
        return found[2] or "", found[1]
    return (".", "") if _SCIENTIFIC.fullmatch(text) and "." in text else ("", "")


def _notation(columns: Sequence[Sequence[Any]]) -> _Notation:
    """Raises CandleError when two numbers contradict each other, and when nothing says what a comma means."""
    decimals: dict[str, str] = {}
    groups: dict[str, str] = {}
    unsure: dict[str, str] = {}
    for text in (_text(cell) for column in columns for cell in column):
        decimal, group = _proofs(text)
        if decimal:
            decimals.setdefault(decimal, text)
        if group:
            groups.setdefault(group, text)
        elif not decimal and (found := _DECIMAL.fullmatch(text)):
            unsure.setdefault(found[2], text)
    marks = [*decimals.items(), *groups.items()]
    if len(decimals) > 1 or len(groups) > 1 or set(decimals) & set(groups):
        shown = " and ".join(repr(text) for text in dict.fromkeys(text for _, text in marks))
        raise CandleError(
            f"its numbers mix separators: {shown}", hint="write all numbers in one way, best with a decimal point"
        )
    decimal, group = next(iter(decimals), ""), next(iter(groups), "")
    if not decimal:
        decimal = "," if group == "." else "."
        if "," in unsure and group != ",":
            raise CandleError(
                f"{unsure[',']!r} can be two numbers: nothing in the file says what the comma means",
                hint="write the numbers with a decimal point and nothing between thousands",
            )
    if not group:
        group = "." if decimal == "," else ","
    return _Notation(decimal, group)


def _noted(column: Sequence[Any], notation: _Notation) -> FloatArray:
    """A number that could be one with thousands or one with decimals counts only where its column settles that."""
    proven = any(_proofs(_text(cell))[1] for cell in column)
    has_decimals = any(notation.decimal in _text(cell) for cell in column)
    sure = proven or not has_decimals
    return np.fromiter((_number(_text(cell), notation, sure) for cell in column), np.float64, len(column))


def _number(text: str, notation: _Notation, groups_are_sure: bool) -> float:
    if _PLAIN.fullmatch(text):
        return float(text)
    if _SCIENTIFIC.fullmatch(text):
        return float(text) if notation.decimal == "." or "." not in text else np.nan
    found = _DECIMAL.fullmatch(text)
    if found and found[2] == notation.decimal:
        return float(text.replace(notation.decimal, "."))
    grouped = _GROUPED.fullmatch(text)
    if not grouped or grouped[1] != notation.group or (grouped[2] or notation.decimal) != notation.decimal:
        return np.nan
    if not groups_are_sure and not any(_proofs(text)):
        return np.nan
    return float(text.replace(notation.group, "").replace(notation.decimal, "."))
