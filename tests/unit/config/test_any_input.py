# ruff: noqa: PT017 - either outcome is right; what is asserted is how a refusal looks
"""Whatever is in the files or on the command line: a valid configuration, or a ConfigError that says why."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from autopilot.config.keys import all_keys
from autopilot.config.load import LoadedConfig, load
from autopilot.config.overrides import set_value, unset_value
from autopilot.config.paths import Paths, find_paths
from autopilot.domain.errors import ConfigError

KEYS = st.sampled_from(list(all_keys()))
SCALARS = st.one_of(
    st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates(), st.datetimes(), st.times()
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.text(max_size=4), SCALARS, max_size=2))


@contextmanager
def fresh_paths() -> Iterator[Paths]:
    with tempfile.TemporaryDirectory() as directory:
        yield find_paths(None, Path(directory), {})


def is_explained(error: ConfigError) -> bool:
    return bool(str(error)) and bool(error.hint)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=6))
@settings(max_examples=150)
def test_any_values_for_any_keys(values: dict[str, object]) -> None:
    tables: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        table = tables
        for section in sections:
            table = table.setdefault(section, {})
        table[name] = value
    with fresh_paths() as paths:
        paths.config_file.write_text(tomli_w.dumps(tables), encoding="utf-8")
        try:
            loaded = load(paths)
        except ConfigError as error:
            assert is_explained(error)
        else:
            assert isinstance(loaded, LoadedConfig)


@given(st.binary(max_size=200))
@settings(max_examples=100)
def test_any_bytes_as_a_file(content: bytes) -> None:
    with fresh_paths() as paths:
        paths.config_file.write_bytes(content)
        try:
            load(paths)
        except ConfigError as error:
            assert is_explained(error)


@given(st.one_of(KEYS, st.text(max_size=12)), st.one_of(st.text(max_size=12), SCALARS.map(str)))
@settings(max_examples=200)
def test_what_can_be_set_can_be_read_and_unset_again(key: str, text: str) -> None:
    with fresh_paths() as paths:
        before = load(paths)
        try:
            after = set_value(paths, key, text)
        except ConfigError as error:
            assert is_explained(error)
            assert not paths.overrides_file.exists()
        else:
            assert load(paths) == after
            assert unset_value(paths, key) == before
