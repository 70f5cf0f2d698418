"""Problems of a configuration as messages: file, line, key, and allowed values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from autopilot.config.keys import all_keys, all_sections, suggested_key

_HEADER = re.compile(r"\s*\[\[?\s*(?P<name>[^\[\]#]+?)\s*\]")
_MISSING = object()
_KEY = re.compile(r"\s*(?P<name>[\w\"'. -]+?)\s*=")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """``words`` name the key, its value and what is allowed; ``place`` is the file and the line."""

    place: str
    words: str

    def __str__(self) -> str:
        return f"{self.place}: {self.words}"


@dataclass(frozen=True, slots=True)
class Source:
    """One TOML file: its text and its tables. A file that does not exist is empty."""

    path: Path
    text: str
    tables: Mapping[str, Any]

    def line_of(self, key: str) -> int | None:
        """Line number, from 1, of this dotted key or of the nearest section around it; None without either."""
        lines = key_lines(self.text)
        while key and key not in lines:
            key = key.rpartition(".")[0]
        return lines.get(key)

    def holds(self, key: str) -> bool:
        return self.value(key, _MISSING) is not _MISSING

    def value(self, key: str, default: Any = None) -> Any:
        """The value of a dotted key; ``default`` if the file does not have it."""
        node: Any = self.tables
        for part in key.split("."):
            if not isinstance(node, Mapping) or part not in node:
                return default
            node = node[part]
        return node


def key_lines(text: str) -> dict[str, int]:
    """Dotted name → line number, from 1, of the keys and tables in a TOML text."""
    lines: dict[str, int] = {}
    table, in_text = "", False
    for number, line in enumerate(text.splitlines(), 1):
        starts_in_text = in_text
        in_text ^= (line.count('"""') + line.count("'''")) % 2 == 1
        if starts_in_text:
            continue
        if header := _HEADER.match(line):
            table = _plain(header["name"])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault(f"{table}.{_plain(key['name'])}".lstrip("."), number)
    return lines


def _plain(name: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in name.split("."))


def describe(error: ValidationError, file: Source, overrides: Source) -> list[Problem]:
    """One per problem, in order of the lines, the user's file before the overrides."""
    found = []
    for problem in error.errors():
        key = ".".join(part for part in problem["loc"] if isinstance(part, str))
        source = overrides if overrides.holds(key) else file
        line = source.line_of(key)
        place = f"{source.path}, line {line}" if line else str(source.path)
        found.append((source is overrides, line or 0, place, _words(key, problem, source)))
    return list(dict.fromkeys(Problem(place, words) for *_, place, words in sorted(found)))


def unknown_key(key: str) -> str:
    if key in all_sections():
        return f"{key} is a section: name one of its keys"
    meant = suggested_key(key)
    return f"{key}: there is no such key" + (f"; {meant}" if meant else "")


def _words(key: str, problem: ErrorDetails, source: Source) -> str:
    """In our words, whatever the kind of problem: only those of our own validators are passed on."""
    why = str(problem["ctx"]["error"]) if problem["type"] == "value_error" else ""
    if why and key not in all_keys():
        return _with_whole_names(key, why)
    if key in all_keys():
        value = _shown(source.value(key, problem["input"]))
        return f"{key} = {value} must be {all_keys()[key].allowed}" + (f": {why}" if why else "")
    if key in all_sections():
        return f"{key} = {_shown(problem['input'])} must be a section: [{key}] with its keys below"
    return unknown_key(key)


def _with_whole_names(section: str, why: str) -> str:
    """A conflict between keys of a section, each under its dotted name: ``max_pct = 5`` → ``risk.max_pct = 5``."""
    inside = [name.rpartition(".")[2] for name in all_keys() if section and name.rpartition(".")[0] == section]
    names = "|".join(map(re.escape, inside)) or "(?!)"
    return re.sub(rf"(?<![\w.])({names})(?= [=+])", rf"{section}.\1", why)


def _shown(value: Any) -> str:
    """As the file has it, at most 60 characters; null stands for an empty text."""
    text = json.dumps("" if value is None else value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
