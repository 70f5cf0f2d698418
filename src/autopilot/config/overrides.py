"""`autopilot config set`: validates the whole configuration, then writes to the overrides file, never to the user's."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autopilot.adapters.durable_file import locked, replace_file, sync_directory
from autopilot.config.keys import all_keys, all_sections
from autopilot.config.load import LoadedConfig, check, merge, problem_lines, read_source
from autopilot.config.paths import Paths, create_directories
from autopilot.config.problems import Problem, Source, unknown_key
from autopilot.domain.errors import ConfigError

_HEADING = "# Written by `autopilot config set`. Put your own settings into the configuration file.\n\n"


def set_value(paths: Paths, key: str, text: str) -> LoadedConfig:
    """Set one dotted key to ``text``: a TOML value, a bare word, or comma-separated items for a list.

    Raises ConfigError, and changes nothing, if the key is unknown or the configuration would not be valid.
    """
    return set_values(paths, {key: _parse(key, text)})


def set_values(paths: Paths, values: Mapping[str, Any]) -> LoadedConfig:
    """Set known dotted keys to TOML values, all or none. Raises ConfigError as `set_value` does."""
    tables: dict[str, Any] = {}
    for key, value in values.items():
        _place(tables, key, value)
    with _locked(paths):
        overrides = read_source(paths.overrides_file)
        return _store(paths, overrides, merge(overrides.tables, tables))


def unset_value(paths: Paths, key: str) -> LoadedConfig:
    """Remove a key, known or not, from the overrides, so that the file's value or the default applies again.

    Raises ConfigError if the key was not set, or if the configuration is not valid without it. In the second case the
    key is removed only if the configuration was not valid before either, so that several bad keys can be unset in turn.
    """
    with _locked(paths):
        overrides = read_source(paths.overrides_file)
        if not overrides.holds(key):
            raise ConfigError(
                f"not changed: {key} was not set with autopilot config set",
                hint="to see which keys are set: autopilot config show --origin",
            )
        left = _without(overrides.tables, key.split("."))
        file = read_source(paths.config_file)
        checked = check(file, Source(overrides.path, "", left))
        if isinstance(checked, LoadedConfig):
            _write(paths.overrides_file, _text(left))
            return checked
        if isinstance(check(file, overrides), LoadedConfig):
            raise _not_changed(checked)
        _write(paths.overrides_file, _text(left))
        raise ConfigError(
            f"{key} was removed, and the configuration still has {problem_lines(checked)}",
            hint="correct the others too, then run: autopilot config validate",
        )


def _parse(key: str, text: str) -> Any:
    if key in all_sections():
        inside = ", ".join(name for name in all_keys() if name.startswith(f"{key}."))
        raise ConfigError(f"not changed: {key} is a section", hint=f"set one of its keys: {inside}")
    if key not in all_keys():
        raise ConfigError(f"not changed: {unknown_key(key)}", hint="to list all keys: autopilot config show")
    value = _toml_value(text)
    if isinstance(value, str) and all_keys()[key].is_list:
        return [item.strip() for item in value.split(",")]
    return value


def _toml_value(text: str) -> Any:
    try:
        tables = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return tables["value"] if tables.keys() == {"value"} else text


def _place(tables: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        tables = tables.setdefault(section, {})
    tables[last] = value


def _without(tables: Mapping[str, Any], parts: list[str]) -> dict[str, Any]:
    first, *rest = parts
    left = dict(tables)
    inner = _without(tables[first], rest) if rest else {}
    if inner:
        left[first] = inner
    else:
        del left[first]
    return left


def _text(tables: dict[str, Any]) -> str:
    import tomli_w

    return _HEADING + tomli_w.dumps(tables)


def _store(paths: Paths, before: Source, tables: dict[str, Any]) -> LoadedConfig:
    text, file = _text(tables), read_source(paths.config_file)
    checked = check(file, Source(before.path, "", tables))
    if isinstance(checked, LoadedConfig):
        _write(paths.overrides_file, text)
        return checked
    present = check(file, before)
    known = [] if isinstance(present, LoadedConfig) else [problem.words for problem in present]
    new = [problem for problem in checked if problem.words not in known]
    if new:
        raise _not_changed(new)
    raise ConfigError(
        f"not changed: the configuration already has {problem_lines(checked)}",
        hint="correct that first, then run: autopilot config validate",
    )


def _not_changed(problems: Sequence[Problem]) -> ConfigError:
    """No place is named: nothing was written there."""
    return ConfigError(
        f"not changed: {'; '.join(problem.words for problem in problems)}",
        hint="to see the values in effect: autopilot config show",
    )


def _write(path: Path, text: str) -> None:
    """Replace the file atomically and durably. Raises ConfigError."""
    try:
        replace_file(path, text.encode())
        sync_directory(path.parent)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", hint="check the directory's owner, mode and free space"
        ) from error


@contextmanager
def _locked(paths: Paths) -> Iterator[None]:
    """Holds a lock, so that two commands at once do not lose each other's change."""
    create_directories(paths)
    with locked(paths.data_dir):
        yield
