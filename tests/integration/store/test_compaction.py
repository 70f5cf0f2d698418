"""The rows of an earlier version become compact while everything goes on, whenever the process dies."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from autopilot.adapters.store.compact_documents import DOCUMENT, json_document
from autopilot.adapters.store.compact_returns import RETURNS, StoredReturns
from autopilot.adapters.store.compaction import Compacted, compact_rows
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.model_decisions import Served, served_decisions
from autopilot.adapters.store.regret_rows import decided_markets, matured_decisions
from autopilot.adapters.store.samples import SqliteSamples
from autopilot.adapters.store.schema import MIGRATIONS
from autopilot.adapters.store.views import queries
from autopilot.adapters.store.views.sql import queried
from autopilot.adapters.store.views.storage import storage
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import HOUR_MS, Timeframe

PLAIN_VERSION = 13
"""The last one that stored documents as text."""
GOLDEN = Path(__file__).parents[2] / "golden" / "cli" / "documents"
HOURS = 70
SYMBOLS = ("BTC/USD", "ETH/USD")


@pytest.fixture
def old(path: Path) -> Path:
    """A database of the earlier version: decisions of a model and by rules, and samples with gaps."""
    whole = json.loads((GOLDEN / "decision_model.json").read_text())
    opened = open_database(path, MIGRATIONS[:PLAIN_VERSION])
    with closing(opened) as database, database.transaction(durable=False) as connection:
        for hour, symbol in product(range(HOURS), SYMBOLS):
            connection.execute(f"INSERT INTO decisions VALUES ({', '.join('?' * 20)})", row(whole, hour, symbol))
            earned = {"macd": 0.0, "rsi": hour / 700, "grid": -1e-17 * hour} | ({"dca": 0.5} if hour % 3 else {})
            connection.execute(
                "INSERT INTO performance_samples VALUES ('kraken', ?, '1h', ?, ?, 'ranging', ?)",
                (symbol, hour * HOUR_MS, (hour + 25) * HOUR_MS, json.dumps(earned, separators=(",", ":"))),
            )
    return path


def row(whole: dict[str, Any], hour: int, symbol: str) -> tuple[object, ...]:
    """Every third one was decided by rules, and says so in its document."""
    selection = whole["selection"] if hour % 3 else {**whole["selection"], "model": None, "rule_choice": None}
    own = {**whole, "id": f"{hour:09x}{'BE'.index(symbol[0])}", "selection": selection}
    own |= {"candle_at_ms": hour * HOUR_MS, "symbol": symbol, "account": "paper:kraken", "timeframe": "1h"}
    key = (own["id"], symbol, "paper:kraken", "kraken", "real", "1h", hour * HOUR_MS, (hour + 1) * HOUR_MS)
    outcome = ("ranging", "momentum", "macd", "model" if hour % 3 else "rules", 0.5, "none", 100.0 + hour, "hold")
    return (*key, *outcome, None, None, None, json.dumps(own, separators=(",", ":"), ensure_ascii=False))


def documents(path: Path) -> list[str | None]:
    with closing(open_database(path)) as database:
        return [json_document(each[0]) for each in database.rows(f"SELECT {DOCUMENT} FROM decisions ORDER BY rowid")]


def returns(path: Path) -> list[str]:
    with closing(open_database(path)) as database:
        stored = StoredReturns(database.connection)
        found = database.rows(f"SELECT {RETURNS} FROM performance_samples AS s ORDER BY symbol, candle_at_ms")
        return [json.dumps(stored.of(*each)) for each in found]


def seen(path: Path) -> list[Any]:
    """What the readers make of it."""
    with closing(open_database(path)) as database:
        connection = database.connection
        (market,) = decided_markets(connection, None)
        matured = matured_decisions(connection, market, None)
        opinion = json.loads((GOLDEN / "decision_model.json").read_text())["selection"]["model"]
        wanted, classes = Served(opinion["model_id"], 0, None, (MarketKind.REAL,)), [*opinion["probabilities"]]
        served = served_decisions(connection, wanted, classes)
        samples = SqliteSamples(database).load_samples("kraken", Timeframe.H1, 0)
        return [
            repr(matured),
            repr(served),
            samples,
            queries.decisions(path, limit=30),
            queries.decision(path, "ETH/USD"),
            queries.decision(path, f"{5:09x}0"),
        ]


def go_on() -> bool:
    return True


def test_both_forms_are_read_and_nothing_changes(old: Path) -> None:
    before = (documents(old), returns(old), seen(old))
    assert storage(old)["plain_decisions"] == storage(old)["plain_samples"] == 2 * HOURS
    steps = iter(range(3))
    half = compact_rows(old, lambda: next(steps, None) is not None)
    assert (half.done, half.done + half.left) == (80, 4 * HOURS)
    assert (documents(old), returns(old), seen(old)) == before
    assert compact_rows(old, go_on) == Compacted(half.left, 0)
    assert (documents(old), returns(old), seen(old)) == before
    with closing(open_database(old)) as database:
        (left,) = database.rows("SELECT count(*), sum(length(plain_document)), count(document) FROM decisions")
        assert tuple(left) == (2 * HOURS, 0, 2 * HOURS)
    assert compact_rows(old, go_on) == Compacted(0, 0)


STEP = """
import sys
from pathlib import Path
from autopilot.adapters.store.compaction import compact_rows
def pause():
    print("step", flush=True)
    sys.stdin.readline()
    return True
compact_rows(Path(sys.argv[1]), pause)
"""


def test_after_a_kill_it_goes_on_where_it_was(old: Path) -> None:
    before = (documents(old), returns(old))
    left = []
    for steps in (1, 2):
        with subprocess.Popen(
            [sys.executable, "-c", STEP, str(old)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            assert process.stdin
            for _ in range(steps):
                assert process.stdout.readline() == "step\n"
                process.stdin.write("\n")
                process.stdin.flush()
            process.kill()
        left.append(storage(old)["plain_decisions"])
        assert (documents(old), returns(old)) == before
    assert 2 * HOURS > left[0] > left[1]
    compact_rows(old, go_on)
    assert (documents(old), returns(old)) == before


def test_a_row_that_cannot_be_read_stays_as_it_is(old: Path) -> None:
    with closing(open_database(old)) as database, database.transaction(durable=False) as connection:
        connection.execute("UPDATE decisions SET plain_document = '{' WHERE rowid IN (3, 40)")
        connection.execute("UPDATE performance_samples SET plain_returns = '[1]' WHERE candle_at_ms = 0")
    assert compact_rows(old, go_on) == Compacted(4 * HOURS - 4, 4)
    with closing(open_database(old)) as database:
        kept = database.rows("SELECT rowid, plain_document FROM decisions WHERE document IS NULL")
        assert [tuple(each) for each in kept] == [(3, "{"), (40, "{")]


def test_another_writer_waits_for_one_step_only(old: Path) -> None:
    """Between two steps the database is free."""
    with closing(open_database(old)) as other:
        other.wait_at_most(0)

        def write() -> bool:
            with other.transaction(durable=False) as connection:
                connection.execute(
                    "INSERT INTO database_sizes VALUES (1, 1, 1) ON CONFLICT DO UPDATE SET at_ms = at_ms + 1"
                )
            return True

        compact_rows(old, write)
        assert other.row("SELECT at_ms FROM database_sizes")[0] > 3  # type: ignore[index]


def test_a_query_shows_what_a_plain_shell_does_not(old: Path) -> None:
    sql = (
        "SELECT decision_document(coalesce(document, plain_document)) ->> '$.symbol' AS s FROM decisions ORDER BY rowid"
    )
    with closing(open_database(old)):
        before = queried(old, sql, 3)
    compact_rows(old, go_on)
    assert (
        queried(old, sql, 3)
        == before
        == {"columns": ["s"], "rows": [["BTC/USD"], ["ETH/USD"], ["BTC/USD"]], "more": True}
    )
    sample = "SELECT sample_returns(returns, strategies) ->> '$.rsi' FROM performance_samples WHERE candle_at_ms = ?"
    assert queried(old, sample.replace("?", str(7 * HOUR_MS)), 9)["rows"] == [[0.01], [0.01]]
