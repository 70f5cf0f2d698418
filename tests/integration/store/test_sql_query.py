"""`autopilot db query` reads this database and nothing else, and says what is wrong with a query."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.views.sql import QueryInvalid, queried
from autopilot.adapters.store.views.storage import storage


@pytest.fixture
def filled(path: Path, ledger: Any, make_decision: Any, make_mark: Any) -> Path:
    for hour in range(1, 6):
        ledger.record_decision(make_decision(hour), make_mark())
    return path


@pytest.mark.parametrize(
    ("sql", "columns", "rows", "more"),
    [
        ("SELECT count(*) AS n FROM decisions", ["n"], [[5]], False),
        ("SELECT price FROM decisions ORDER BY price", ["price"], [[101.0], [102.0], [103.0]], True),
        ("SELECT x'0aff' AS b, NULL, 'ü'", ["b", "NULL", "'ü'"], [["0aff", None, "ü"]], False),
        ("SELECT 9e999 AS a, -9e999 AS b", ["a", "b"], [["inf", "-inf"]], False),
        (
            "SELECT decision_document(x'00') ->> 'unreadable' AS why, sample_returns(x'00', 9) ->> 'unreadable' LIKE"
            " 'the database holds an unreadable sample%' AS so",
            ["why", "so"],
            [["the database holds an unreadable decision: ValueError(\"version b'\\\\x00'\")", 1]],
            False,
        ),
        ("SELECT 1 AS a, 2 AS a WHERE 0", ["a", "a"], [], False),
        (
            "SELECT decision_document(document) ->> '$.conditions.features.one' AS one FROM decisions LIMIT 1",
            ["one"],
            [[1.0]],
            False,
        ),
        ("SELECT decision_document(NULL) AS n, sample_returns(NULL, NULL) AS s", ["n", "s"], [[None, None]], False),
    ],
)
def test_the_rows_of_a_query(filled: Path, sql: str, columns: list[str], rows: list[Any], more: bool) -> None:
    assert queried(filled, sql, 3) == {"columns": columns, "rows": rows, "more": more}


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELEC 1", "syntax error"),
        ('SELECT 1 AS a, x"00" b', "syntax error"),
        ("SELECT 1 LIMIT 'a'", "datatype mismatch"),
        ("SELECT * FROM elsewhere", "no such table: elsewhere"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("DELETE FROM orders", "readonly"),
        ("DROP TABLE orders", "readonly"),
        ("ATTACH 'other.db' AS other", "not authorized"),
        ("VACUUM INTO 'other.db'", "denied"),
        ("SELECT load_extension('x')", "not authorized"),
        ("", "gives no rows"),
        ("SELECT '\ud800'", "cannot be answered"),
        ("SELECT zeroblob(2000000000)", "too big"),
        ("PRAGMA journal_mode = DELETE", "not authorized"),
        ("PRAGMA wal_checkpoint", "not authorized"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(QueryInvalid, match=words):
        queried(filled, sql, 3)
    assert not (tmp_path / "other.db").exists()
    with closing(open_database(filled)) as database:
        assert database.rows("SELECT count(*) FROM orders")[0][0] == 0


def test_the_size_tells_of_what_is_stored(filled: Path) -> None:
    found = storage(filled)
    assert (found["decisions"], found["samples"], found["plain_decisions"], found["plain_samples"]) == (5, 0, 0, 0)
    assert found["bytes"] > found["reusable_bytes"] >= 0


@pytest.mark.parametrize(
    ("sql", "hint"),
    [("SELECT nothing FROM orders", "sqlite_schema"), ("DELETE FROM orders", "one SELECT"), ("BEGIN", "one SELECT")],
)
def test_the_hint_fits_the_fault(filled: Path, sql: str, hint: str) -> None:
    with pytest.raises(QueryInvalid) as raised:
        queried(filled, sql, 3)
    assert hint in raised.value.hint
