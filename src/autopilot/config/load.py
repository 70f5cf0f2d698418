"""Reads the configuration: the user's file, and over it the values that `autopilot config set` wrote."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from autopilot.config.keys import all_keys
from autopilot.config.paths import Paths
from autopilot.config.problems import Problem, Source, describe
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.errors import ConfigError

FILE_MAX_BYTES = 1024 * 1024


class Origin(StrEnum):
    """The origin of a value."""

    DEFAULT = "default"
    FILE = "file"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A valid configuration, and what it was read from."""

    config: AutopilotConfig
    file: Source = field(compare=False)
    overrides: Source = field(compare=False)

    @property
    def origins(self) -> Mapping[str, Origin]:
        """The origin of each key's value, in the schema's order."""
        return {key: self._origin(key) for key in all_keys()}

    def values(self) -> dict[str, Any]:
        """Dotted key → JSON value, in the schema's order; None means not set."""
        document = self.config.model_dump(mode="json")
        return {key: _at(document, key) for key in all_keys()}

    def _origin(self, key: str) -> Origin:
        return Origin.OVERRIDE if self.overrides.holds(key) else Origin.FILE if self.file.holds(key) else Origin.DEFAULT


def load(paths: Paths) -> LoadedConfig:
    """The configuration in effect. A file that does not exist is empty. Raises ConfigError that lists every problem."""
    return validate(read_source(paths.config_file), read_source(paths.overrides_file))


def validate(file: Source, overrides: Source) -> LoadedConfig:
    """The configuration from both files. Raises ConfigError that lists every problem."""
    checked = check(file, overrides)
    if isinstance(checked, LoadedConfig):
        return checked
    hint = "correct it, then run: autopilot config validate"
    if overrides.tables:
        hint += f" (to change {overrides.path}: autopilot config set KEY VALUE, or autopilot config set KEY --unset)"
    raise ConfigError(f"the configuration has {problem_lines(checked)}", hint=hint)


def check(file: Source, overrides: Source) -> LoadedConfig | list[Problem]:
    """The configuration from both files, or its problems. It is the only check: what passes it starts.

    Raises ConfigError if the file cannot be read as a configuration at all.
    """
    try:
        config = AutopilotConfig.of(merge(file.tables, overrides.tables))
    except RecursionError:
        raise _nested_too_deeply(file.path) from None
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise _nested_too_deeply(file.path) from None
        return describe(error, file, overrides)
    return LoadedConfig(config, file, overrides)


def problem_lines(problems: Sequence[Problem]) -> str:
    """``2 problems:`` and the problems, one a line."""
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    return f"{count}:" + "".join(f"\n  {problem}" for problem in problems)


def read_source(path: Path) -> Source:
    """The file's text and tables. Raises ConfigError if it cannot be read, is not text, or is not TOML."""
    text = _read_text(path)
    try:
        return Source(path, text, tomllib.loads(text))
    except ValueError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", hint="correct that line") from None
    except RecursionError:
        raise _nested_too_deeply(path) from None


def _nested_too_deeply(path: Path) -> ConfigError:
    return ConfigError(f"{path} is nested too deeply", hint="no key takes a list inside a list; remove it")


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_MAX_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}",
            hint="make it a file that this user can read, or name another with --config",
        ) from error
    if len(content) > FILE_MAX_BYTES:
        raise ConfigError(f"{path} has more than {FILE_MAX_BYTES} bytes", hint="check that this is the right file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not text: byte {error.start + 1} is not UTF-8",
            hint="save it as UTF-8, or check that this is the right file",
        ) from None


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both tables merged key by key; ``above`` wins."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = merge(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return merged


def _at(document: Mapping[str, Any], key: str) -> Any:
    node: Any = document
    for part in key.split("."):
        node = node[part]
    return node
