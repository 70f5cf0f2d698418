"""JSON text to a table: lists of lists or of objects, arrays by name, and the answers of exchanges around them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from autopilot.adapters.imports.layouts import known_names
from autopilot.adapters.imports.tables import ROW, CellTable, Row, bare_table, named_table, require_rows
from autopilot.domain.errors import CandleError

DEPTH = 4
"""Levels of an answer in which its candles are looked for."""
_ANSWERS = {"200000": "kucoin", "00000": "bitget", "0": "okx"}
"""Exchanges by the code of an answer without an error."""
_MEND = "it must be a list of candles: lists, or objects with names such as open and close"


def json_table(text: str) -> CellTable:
    """Raises CandleError for a text that is no table."""
    document = _parsed(text)
    if isinstance(document, dict) and (split := _by_column(document)) is not None:
        return split
    found = list(_tables(document, ""))
    if not found:
        raise CandleError("it is not a list of candles", hint=_MEND)
    filled = [(path, rows) for path, rows in found if rows]
    if not filled:
        raise CandleError("it has no rows", hint="download it again")
    if len(filled) > 1:
        places = ", ".join(path or "the list" for path, _ in filled[:4])
        raise CandleError(f"it holds {len(filled)} tables: {places}", hint="save each market in a file of its own")
    (_, rows), answer_of = filled[0], _answer_of(document)
    lines = range(1, len(rows) + 1)
    if all(isinstance(row, list) for row in rows):
        table = bare_table(rows, lines, ROW)
        return replace(table, answer_of=answer_of, last_closed_s=_last_closed(document, answer_of))
    if not all(isinstance(row, Mapping) for row in rows):
        raise CandleError("it mixes lists, objects and other values", hint=_MEND)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return CellTable(tuple(names), tuple([row.get(name) for row in rows] for name in names), lines, unit=ROW)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        # One document a line, as streams are saved.
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1 and all(line.lstrip()[0] in "[{" and line.rstrip()[-1] in "]}" for line in lines):
            try:
                return [json.loads(line, object_pairs_hook=_object) for line in lines]
            except (ValueError, RecursionError):
                pass
        at = f" from line {error.lineno} on" if isinstance(error, json.JSONDecodeError) else ""
        raise CandleError(f"it is not JSON{at}", hint="is it whole? Download it again") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises CandleError for an object with two values of one name: nothing says which is right."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        again = next(name for name in names if names.count(name) > 1)
        raise CandleError(f"an object of it has two values named {again!r}", hint="leave one of them out")
    return found


def _by_column(document: dict[str, Any]) -> CellTable | None:
    """``{"columns": […], "data": [[…]]}`` as pandas writes it, or ``{"t": […], "o": […], …}``; None for another
    document."""
    names, data = document.get("columns"), document.get("data")
    if isinstance(names, list) and isinstance(data, list) and all(isinstance(row, list) for row in data):
        require_rows(data)
        return named_table([str(name) for name in names], data, range(1, len(data) + 1), ROW)
    arrays = {name: value for name, value in document.items() if isinstance(value, list)}
    if known_names(list(arrays)) < 5 or any(
        isinstance(cell, list | dict) for value in arrays.values() for cell in value
    ):
        return None
    if len(set(map(len, arrays.values()))) != 1:
        raise CandleError("its arrays are not of one length", hint="is it whole? Download it again")
    rows: list[Row] = list(zip(*arrays.values(), strict=True))
    require_rows(rows)
    return named_table(list(arrays), rows, range(1, len(rows) + 1), ROW)


def _tables(value: Any, path: str) -> Iterator[tuple[str, list[Any]]]:
    """Every list of lists or of objects in a document, with its path; an empty list counts as one without rows."""
    if isinstance(value, list):
        if all(isinstance(item, list | dict) for item in value):
            yield path, value
    elif isinstance(value, dict) and path.count(".") < DEPTH:
        for name, item in value.items():
            yield from _tables(item, f"{path}.{name}".lstrip("."))


def _answer_of(document: Any) -> str | None:
    """The exchange whose answer this is, where the answer shows it."""
    match document:
        case {"result": {"last": _}, "error": list()}:
            return "kraken"
        case {"retCode": _, "result": {"list": list()}}:
            return "bybit"
        case {"code": str(code), "data": list()}:
            return _ANSWERS.get(code)
    return None


def _last_closed(document: Any, answer_of: str | None) -> int | None:
    """Kraken's answer ends with the running candle; its ``last`` is the last one that is closed."""
    last = document["result"]["last"] if answer_of == "kraken" else None
    return int(last) if isinstance(last, int) or (isinstance(last, str) and last.isdigit()) else None
