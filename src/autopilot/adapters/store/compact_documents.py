"""A decision's document in some hundred bytes, and back, exactly.

An object is the number of its list of keys in `document_words`, then its values. A number with six digits leaves a mark
in its place: its digits take no more space than they need, and the rest is compressed with the phrases that documents
have in common. A checksum shows a changed byte. Standard library only: queries read documents too.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator
from typing import Any

from autopilot.adapters.store.document_words import KEYS, PHRASES
from autopilot.adapters.store.rows import stored_value
from autopilot.domain.document_types import Document
from autopilot.domain.errors import StoreCorrupt

VERSION = 1
"""The first byte of a compact document: which keys and phrases it was made with."""
DOCUMENT = "coalesce(document, plain_document)"
"""SQL for the document of a decision in either form."""
_HEAD_BYTES = 5
"""The version and a checksum."""
NUMBER_OF = {keys: number for number, keys in enumerate(KEYS, start=1)}
"""The number of each list of keys."""
_RAW = -zlib.MAX_WBITS
_WINDOW = -14
"""16 KB hold the phrases and nearly every document. A compressor of 32 KB takes three times as long to copy."""
_COMPRESSOR = zlib.compressobj(6, zlib.DEFLATED, _WINDOW, 8, zlib.Z_DEFAULT_STRATEGY, PHRASES)
"""Knows the phrases; each document is compressed by a copy."""
LETTERS = {
    f"{sign}e{exponent:+03d}": chr(middle + exponent)
    for sign, middle in (("+", ord("n")), ("-", ord("N")))
    for exponent in range(-9, 10)
}
"""A sign and an exponent of ten as one letter."""
_AROUND = {letter: (text[0], text[1:]) for text, letter in LETTERS.items()}
_DIGITS = 6
SHORT = frozenset(number / 100 for number in range(-100, 101))
"""Numbers that are left in their place, because many decisions have them there."""
MOST_DIGITS = 700
"""Python reads no integer with more than 4,300 digits."""


def compact_document(document: Document) -> bytes:
    """The compact form. Floats keep every bit."""
    letters: list[str] = []
    digits: list[str] = []
    values = _values(document, letters, digits)
    return packed(values, "".join(letters), "".join(map("".join, zip(*digits, strict=True))))


def packed(values: Any, letters: str, digits: str) -> bytes:
    """The compact form of values without names, of which the numbers with a mark are in ``letters`` and ``digits``: the
    first digits of all, then the second ones, and so on."""
    text = f"{letters}\n{json_text(values)}"
    compressor = _COMPRESSOR.copy()
    numbers = int(digits or "0").to_bytes(_size(len(letters)), "big")
    body = compressor.compress(text.encode()) + compressor.flush() + numbers
    return bytes((VERSION,)) + _checksum(body) + body


def decision_document(stored: bytes | str, decision_id: str = "") -> Document:
    """The document of a decision in either form. Raises StoreCorrupt, which names the decision if its id is given."""
    with stored_value(f"decision {decision_id}".rstrip()):
        if isinstance(stored, str):
            plain: Document = json.loads(stored)
            return plain
        if not stored or stored[0] != VERSION:
            raise ValueError(f"version {stored[:1]!r}")
        body = stored[_HEAD_BYTES:]
        if stored[1:_HEAD_BYTES] != _checksum(body):
            raise ValueError("the checksum is another")
        found: Document = _restored(*_parts(body))
        return found


def readable_document(stored: bytes | str, decision_id: str) -> tuple[Document | None, StoreCorrupt | None]:
    """The document of a decision in either form, or why it cannot be read."""
    try:
        return decision_document(stored, decision_id), None
    except StoreCorrupt as damage:
        return None, damage


def json_document(stored: bytes | str | None) -> str | None:
    """The document of a decision in either form as JSON, if there is one. Raises StoreCorrupt."""
    if not isinstance(stored, bytes):
        return stored
    return json_text(decision_document(stored))


def json_text(document: Any) -> str:
    """As JSON without a blank that is not needed."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def know_documents(connection: sqlite3.Connection) -> None:
    """Let SQL call ``decision_document``. It gives ``{"unreadable": why}`` for a spoiled document: an error would say
    neither which row it is nor what is wrong."""

    def shown(stored: bytes | str | None) -> str | None:
        try:
            return json_document(stored)
        except StoreCorrupt as error:
            return json_text({"unreadable": str(error)})

    connection.create_function("decision_document", 1, shown, deterministic=True)


def _parts(stored: bytes) -> tuple[Any, Iterator[float]]:
    """The values, and the numbers that have only a mark there. Raises ValueError."""
    decompressor = zlib.decompressobj(_RAW, PHRASES)
    try:
        text = decompressor.decompress(stored).decode()
    except zlib.error as error:
        raise ValueError(str(error)) from error
    letters, _, values = text.partition("\n")
    packed = decompressor.unused_data
    if len(packed) != _size(len(letters)):
        raise ValueError("numbers are missing")
    count = len(letters)
    digits = str(int.from_bytes(packed, "big")).zfill(_DIGITS * count)
    columns = [digits[at * count : (at + 1) * count] for at in range(_DIGITS)]
    return json.loads(values), (
        float(f"{sign}{first}.{''.join(rest)}{exponent}")
        for (sign, exponent), (first, *rest) in zip(
            (_AROUND[letter] for letter in letters), zip(*columns, strict=True), strict=True
        )
    )


def _checksum(body: bytes) -> bytes:
    """Nothing else tells a changed byte: most of them give another document."""
    return zlib.crc32(body).to_bytes(_HEAD_BYTES - 1, "big")


def _size(count: int) -> int:
    """Bytes that hold the digits of so many numbers."""
    return int(((10 ** (_DIGITS * count) - 1).bit_length() + 7) // 8)


def _values(value: Any, letters: list[str], digits: list[str]) -> Any:
    """``value`` without names; an empty list is the mark of a number that was added to ``letters`` and ``digits``."""
    if isinstance(value, float):
        return _number(value, letters, digits)
    if isinstance(value, list):
        return [0, *[_values(item, letters, digits) for item in value]]
    if not isinstance(value, dict):
        return value
    number = NUMBER_OF.get(tuple(value))
    if number is None:
        return {key: _values(item, letters, digits) for key, item in value.items()}
    return [number, *[_values(item, letters, digits) for item in value.values()]]


def _number(value: float, letters: list[str], digits: list[str]) -> Any:
    """The mark, or the number itself if it is short already, or has more than six digits."""
    text = f"{value:+.5e}"
    letter = LETTERS.get(text[0] + text[8:])
    if value in SHORT or letter is None or float(text) != value or len(letters) == MOST_DIGITS:
        return value
    letters.append(letter)
    digits.append(text[1] + text[3:8])
    return ()


def _restored(value: Any, numbers: Iterator[float]) -> Any:
    """The inverse of `_values`."""
    kind = type(value)
    if kind is dict:
        return {key: _restored(item, numbers) for key, item in value.items()}
    if kind is not list:
        return value
    if not value:
        return next(numbers)
    number, *items = value
    if number == 0:
        return [_restored(item, numbers) for item in items]
    return dict(zip(KEYS[number - 1], [_restored(item, numbers) for item in items], strict=True))
