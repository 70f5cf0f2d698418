# ruff: noqa: PT017 - either outcome is right; what is asserted is how a refusal looks
"""Whatever a client sends: a request, or a RequestInvalid that says why."""

import dataclasses
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.control import requests
from autopilot.control.errors import RequestInvalid
from autopilot.control.protocol import WIRE_NAMES
from autopilot.control.requests import (
    EmptyRequest,
    ExitRequest,
    StartRequest,
    StopRequest,
    parse,
    parse_body,
    parse_query,
    parse_symbol,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
START_NAMES = ["symbols", "exchange", "timeframe", "interval", "paper_trading", "auto_execute"]
LIST_NAMES = ["symbol", "limit", "before", "action", "open_only"]
ON_THE_WIRE = ["symbol", "limit", "before", "action", "open"]


@given(st.dictionaries(st.sampled_from([*START_NAMES, "symbol", "flatten", "quantity", "account"]), JSON))
def test_any_document_as_a_command(document: dict[str, object]) -> None:
    for kind in (StartRequest, StopRequest, ExitRequest):
        try:
            assert isinstance(parse(kind, document), kind)
        except RequestInvalid as error:
            assert str(error)
            assert error.hint


@given(st.dictionaries(st.sampled_from(ON_THE_WIRE), st.text(max_size=20)))
def test_any_parameters_as_a_query(parameters: dict[str, str]) -> None:
    try:
        query = parse_query(parameters, LIST_NAMES)
    except RequestInvalid as error:
        assert any(name in str(error) for name in parameters)
    else:
        assert len(query) == len(parameters)
        assert 1 <= query.get("limit", 1) <= 1000


@given(st.binary(max_size=300))
def test_any_bytes_as_a_body(content: bytes) -> None:
    try:
        assert isinstance(parse_body(content), dict)
    except RequestInvalid as error:
        assert "not usable JSON" in str(error)


@given(st.dictionaries(st.text(max_size=5), JSON.filter(lambda value: value == value), max_size=4))
def test_a_json_object_is_read_as_it_is(document: dict[str, object]) -> None:
    try:
        content = json.dumps(document, allow_nan=False).encode()
    except ValueError:
        return
    assert parse_body(content) == document


@pytest.mark.parametrize(
    ("text", "symbol"),
    [("BTC/USD", "BTC/USD"), ("btc/usd", "BTC/USD"), ("btc-usd", "BTC/USD"), ("1INCH-EUR", "1INCH/EUR")],
)
def test_symbols_as_people_and_addresses_write_them(text: str, symbol: str) -> None:
    assert parse_symbol(text) == symbol


@pytest.mark.parametrize(
    "text", ["", "/", "BTC", "BTC/", "/USD", "A/B/C", "A-B-C", "BTC USD", "BTC/USD:USD", None, 5, ["BTC/USD"]]
)
def test_what_is_not_a_symbol(text: object) -> None:
    with pytest.raises(RequestInvalid, match="must be a symbol such as BTC/USD"):
        parse(StopRequest, {"symbol": text or ""})
    if isinstance(text, str):
        with pytest.raises(RequestInvalid, match="must be a symbol such as BTC/USD"):
            parse_symbol(text)


THEIRS = re.compile("input should|valid |unable|field|pydantic|unexpected|extra|tuple|dict", re.IGNORECASE)
VALUES = (
    None, True, False, 0, 1, -1, 2.5, 1e300, float("inf"), float("nan"), 10**400, "", "x", "\ud800", "Kraken", "1h",
    "yes", "BTC/USD", "9" * 5_000, [], [1], [None], ["BTC/USD"], [["BTC/USD"]], {}, {"a": 1}, [{}], b"x",
    object(), (1,), {1},
)  # fmt: skip
KINDS = [kind for kind in vars(requests).values() if isinstance(kind, type) and issubclass(kind, EmptyRequest)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_value_for_every_key_is_taken_or_refused_in_our_words(kind: type) -> None:
    names = [field.name for field in dataclasses.fields(kind)]
    for key in [*names, "nosuch", "\ud800", 5]:
        for value in VALUES:
            try:
                parse(kind, {key: value})
            except RequestInvalid as error:
                assert str(error)
                assert not THEIRS.search(str(error)), (key, value, str(error))
                assert error.hint.startswith("this address takes: ")


@pytest.mark.parametrize("name", requests._PARAMETERS)
def test_every_parameter_is_taken_or_refused_in_our_words(name: str) -> None:
    key = WIRE_NAMES.get(name, name)
    for value in ("", "x", "-1", "0", "1", "1,", "1,2", "9" * 5_000, "\ud800", "true", "yes", "BTC/USD", "1e3", "١"):
        try:
            parse_query({key: value}, [name])
        except RequestInvalid as error:
            assert str(error).startswith(f"{key} must be "), str(error)
            assert not THEIRS.search(str(error)), (key, value, str(error))


def test_the_place_in_a_list_is_read_as_it_was_written() -> None:
    before = parse_query({"before": "1705276800000,512"}, ["before"])["before"]
    assert (before.at_ms, before.row, str(before)) == (1_705_276_800_000, 512, "1705276800000,512")


def test_every_kind_of_request_is_among_those_that_are_tried() -> None:
    assert {StartRequest, StopRequest, requests.ModeRequest, requests.BootstrapRequest} <= set(KINDS)
