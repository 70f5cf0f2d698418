"""Lines of plain numbers, by far the most that files of candles hold: all of a block read at once."""

from __future__ import annotations

import warnings

import numpy as np

from autopilot.domain.candles import BoolArray, FloatArray

_NUMERIC = b"0123456789.-+eE"
_NEWLINE = ord("\n")


def plain_numbers(lines: str, mark: str) -> tuple[FloatArray, BoolArray] | None:
    """float64[cells, lines] and bool[cells], whether a column has exponents, of lines with as many cells each, at least
    two: all of them numbers with a decimal point, and read as `float` does. None of any other. ``mark``: the character
    between cells, which is ASCII."""
    text, separator = lines.encode(), mark.encode()
    if text.translate(None, _NUMERIC + separator + b"\n"):
        return None
    content = np.frombuffer(text, dtype=np.uint8)
    places = np.flatnonzero((content == ord(mark)) | (content == _NEWLINE))
    width = 1 + text.partition(b"\n")[0].count(separator)
    if width == 1 or (len(places) + 1) % width or (np.diff(places, prepend=-1, append=len(text)) == 1).any():
        return None
    ends = np.append(content[places] == _NEWLINE, True).reshape(-1, width)
    if ends[:, :-1].any() or not ends[:, -1].all():
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)
            found = np.fromstring(text.replace(b"\n", separator), dtype=np.float64, sep=mark)
    except (DeprecationWarning, ValueError):
        return None
    if len(found) != ends.size:
        return None
    exponents = np.searchsorted(places, np.flatnonzero((content == ord("e")) | (content == ord("E")))) % width
    return found.reshape(-1, width).T, np.bincount(exponents, minlength=width) > 0
