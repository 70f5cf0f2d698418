"""The quick reader of JSON, beside the standard library's own."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autopilot.control.json_parser import parsed

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)


@given(values, st.sampled_from([None, 2]), st.booleans())
def test_it_reads_the_same_value(value: object, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode(errors="replace")
    assert parsed(b" \r\n" + text + b"\t\n") == json.loads(text)


@given(st.text(st.sampled_from('{}[]",:0123456789.-+eEtrufalsn \\u\n')))
@example("")
@example("[1] 2")
@example('{"a": 1,}')
@example('"\n"')
@example("[NaN, Infinity, -Infinity]")
def test_it_refuses_the_same_texts(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 - each of its kinds is a ValueError
            parsed(text.encode())
    else:
        assert repr(parsed(text.encode())) == repr(expected)


def test_bytes_that_are_no_text_and_deep_nesting_are_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        parsed(b'"\xff"')
    with pytest.raises(RecursionError):
        parsed(b"[" * 60_000)
    assert math.isnan(parsed(b"NaN"))
