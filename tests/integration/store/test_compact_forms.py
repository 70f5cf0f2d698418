"""The compact forms of decisions and samples give back what was put in, to the last bit."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autopilot.adapters.store.compact_decisions import compact_decision
from autopilot.adapters.store.compact_documents import (
    VERSION,
    compact_document,
    decision_document,
    json_document,
    json_text,
)
from autopilot.adapters.store.compact_returns import StoredReturns, compact_returns, list_id
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.document_words import KEYS, PHRASES
from autopilot.domain.conditions import FeatureRow
from autopilot.domain.decision import Check, Denied
from autopilot.domain.documents import document
from autopilot.domain.errors import StoreCorrupt
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelScope, ModelState
from autopilot.domain.selection import Contribution, ModelOpinion
from autopilot.domain.timeframe import Timeframe

SCOPE = ModelScope(CandleKind.REAL, Timeframe.H1)
GOLDEN = Path(__file__).parents[2] / "golden" / "cli" / "documents"
SIX_DIGITS = st.floats(allow_nan=False, allow_infinity=False).map(lambda number: float(f"{number:.6g}"))
SCALARS = st.none() | st.booleans() | st.integers() | st.text() | SIX_DIGITS | st.floats(allow_nan=False)


def known_objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with the keys that have a number."""
    return st.sampled_from(KEYS).flatmap(lambda keys: st.fixed_dictionaries(dict.fromkeys(keys, values)))


DOCUMENTS = known_objects(
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4) | known_objects(inner)
        ),
        max_leaves=6,
    )
)


@settings(max_examples=40)
@given(DOCUMENTS)
@example({"symbol": [], "numbers": [-0.0, 0.0, 1.0, 1, True, 1e-300, 5e-324, 1e22, -0.000123456, 123456.0, 9.99999e8]})
@example({"texts": ["[", "\n", "a[b", "ü"], "empty": [[], {}, ""]})
@example({"many": [number + 0.123 for number in range(1, 900)]})
def test_a_document_comes_back_exactly(whole: dict[str, Any]) -> None:
    assert json.dumps(decision_document(compact_document(whole))) == json.dumps(whole)
    assert decision_document(json.dumps(whole)) == whole, "and the plain form is read too"


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.glob("decision_*.json")))
def test_a_decision_takes_a_fifth_of_its_text(name: str) -> None:
    whole = json.loads((GOLDEN / name).read_text())
    text = json.dumps(whole, separators=(",", ":"), ensure_ascii=False)
    made = compact_document(whole)
    assert json_document(made) == text
    assert len(made) < len(text.encode()) / 5


def test_the_words_of_version_1_are_never_changed() -> None:
    """Else no stored document could be read again. Other words are another version."""
    found = hashlib.sha256(repr(KEYS).encode() + PHRASES).hexdigest()
    assert (VERSION, found) == (1, "1a5832409da24221638683f9fed805ceb71efd3dff42f54f6599aa32d331a8ae")


@pytest.mark.parametrize(
    "spoiled",
    [
        b"",
        b"\x02" + compact_document({"a": 1.2345})[1:],
        compact_document({"a": 1.2345})[:-1],
        compact_document({"a": 1.2345}) + b"\x00",
        compact_document({"a": 1.2345})[:3],
        b"\x01\xff\xff\xff",
        "{",
    ],
)
def test_a_spoiled_document_is_said(spoiled: bytes | str) -> None:
    with pytest.raises(StoreCorrupt):
        decision_document(spoiled)


@settings(max_examples=200)
@given(st.data())
def test_no_changed_byte_goes_unnoticed(data: st.DataObject) -> None:
    stored = bytearray(compact_document(json.loads((GOLDEN / "decision_model.json").read_text())))
    stored[data.draw(st.integers(0, len(stored) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(StoreCorrupt, match="unreadable decision 5be4acd9be"):
        decision_document(bytes(stored), "5be4acd9be")


RETURNS = st.dictionaries(st.text(min_size=1), st.just(0.0) | st.floats(allow_nan=False), max_size=20)


@settings(max_examples=30)
@given(st.lists(RETURNS, min_size=1, max_size=5))
@example([{"a": -0.0, "b": 0.0, "c": math.pi, "d": 5e-324}])
def test_returns_come_back_to_the_last_bit(memory: Database, samples: list[dict[str, float]]) -> None:
    with memory.transaction(durable=False) as connection:
        stored = [(compact_returns(tuple(each.values())), list_id(connection, tuple(each))) for each in samples]
    reader = StoredReturns(memory.connection)
    for before, (made, strategies) in zip(samples, stored, strict=True):
        found = reader.of(made, strategies)
        assert list(found) == list(before)
        assert [struct.pack("<d", each) for each in found.values()] == [
            struct.pack("<d", each) for each in before.values()
        ]
        assert len(made) == (len(before) + 7) // 8 + 8 * sum(
            struct.pack("<d", each) != bytes(8) for each in before.values()
        )


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Any:
    opened = open_database(tmp_path_factory.mktemp("lists") / "autopilot.db")
    yield opened
    opened.close()


@pytest.mark.parametrize(("returns", "strategies"), [(b"\x01", 1), (b"\x00" * 9, 1), (b"\x00", 99), (b"\x00", None)])
def test_a_spoiled_sample_is_said(database: Database, returns: bytes, strategies: int | None) -> None:
    with database.transaction(durable=False) as connection:
        list_id(connection, ("macd",))
    with pytest.raises(StoreCorrupt):
        StoredReturns(database.connection).of(returns, strategies)


def test_a_stored_decision_has_only_what_its_document_has(
    database: Database, ledger: Any, make_decision: Any, make_mark: Any
) -> None:
    decision = make_decision(1)
    ledger.record_decision(decision, make_mark())
    (row,) = database.rows("SELECT plain_document, document, rule_choice, model_id, on_other_candles FROM decisions")
    assert tuple(row) == ("", compact_decision(decision), None, None, 0)
    assert decision_document(row["document"]) == document(decision)


NUMBERS = st.floats() | st.integers(-99, 99).map(lambda number: number / 100) | SIX_DIGITS


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NUMBERS, min_size=8, max_size=8), st.sets(st.sampled_from(("macd", "rsi", "ü"))), st.booleans())
@example([0.0, -0.0, math.nan, math.inf, 1e300, 5e-324, 0.0012345678, 999999.5], {"rsi"}, True)
def test_a_decision_goes_straight_to_the_same_document(
    make_decision: Any, make_mark: Any, make_provenance: Any, numbers: list[float], fired: set[str], has_model: bool
) -> None:
    """Which another function makes of it."""
    plain = make_decision(1)
    features = FeatureRow(KEYS[4][:6], np.array(numbers[:6]))
    conditions = replace(plain.conditions, features=features, price=numbers[0], adx=numbers[1])
    probabilities = {"momentum": numbers[2], "none": numbers[3]}
    opinion = ModelOpinion(
        "m-1", ModelState.SHADOW, SCOPE, probabilities, numbers[4], 0.1, (Contribution("a", 1.0, 2.0),)
    )
    decision = replace(
        plain,
        conditions=conditions,
        selection=replace(plain.selection, model=opinion if has_model else None, rule_choice="rsi"),
        signals={name: replace(plain.signal, strategy=name, strength=numbers[5]) for name in sorted(fired)},
        denied=Denied("X", "x", (Check("X", True, numbers[6], numbers[7], "%", "text"),)),
        provenance=make_provenance(make_mark()) if has_model else None,
    )
    assert json_document(compact_decision(decision)) == json_text(document(decision))
