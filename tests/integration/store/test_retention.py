"""Old decisions are deleted in small steps; nothing that somebody still needs goes with them."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from autopilot.adapters.store.armings import SqliteArmings
from autopilot.adapters.store.compact_documents import compact_document, decision_document
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.decision_columns import COLUMNS as DOCUMENT_COLUMNS
from autopilot.adapters.store.decision_columns import decision_columns
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.regret_rows import decided_markets, matured_decisions
from autopilot.adapters.store.retention import STEP_ROWS, prune_decisions
from autopilot.adapters.store.views.bookkeeping import check_books
from autopilot.adapters.store.views.queries import decision
from autopilot.domain.errors import NotFound
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, Timeframe

DAYS, KEEP_DAYS = 40, 10
FIRST_MS = 1_714_521_600_000
LAST_MS = FIRST_MS + DAYS * DAY_MS - HOUR_MS
CUT_MS = LAST_MS - (KEEP_DAYS + 2) * DAY_MS
ACCOUNT = "paper:kraken"
PLAIN: dict[str, Any] = {
    "account": ACCOUNT,
    "symbol": "BTC/USD",
    "exchange": "kraken",
    "market": "real",
    "timeframe": "1h",
    "regime": "ranging",
    "group": "momentum",
    "strategy": "macd",
    "decided_by": "rules",
    "confidence": 0.5,
    "signal_type": "none",
    "price": 100.0,
    "action": "hold",
    "denied_code": None,
    "denied_detail": None,
    "order_id": None,
    "document": '{"selection": {"rule_choice": "macd"}}',
}
COLUMNS = [
    "id",
    "symbol",
    "account",
    "exchange",
    "market",
    "timeframe",
    "candle_at_ms",
    "decided_at_ms",
    "regime",
    "group",
    "strategy",
    "decided_by",
    "confidence",
    "signal_type",
    "price",
    "action",
    "denied_code",
    "denied_detail",
    "order_id",
    "plain_document",
    "document",
    "model_id",
    "rule_choice",
    "on_other_candles",
]


def at(day: int, hour: int) -> int:
    return FIRST_MS + day * DAY_MS + hour * HOUR_MS


def by_model(name: str) -> dict[str, Any]:
    return {"decided_by": "model", "document": f'{{"selection": {{"model": {{"model_id": "{name}"}}}}}}'}


def on(count: int, joined: int) -> dict[str, Any]:
    return {"document": f'{{"selection": {{}}, "basis": {{"count": {count}, "joined": {joined}}}}}'}


SPECIAL: dict[int, dict[str, Any]] = {
    at(3, 5): {"signal_type": "buy", "action": "signal"},
    at(3, 9): {"action": "denied", "denied_code": "X", "denied_detail": "x"},
    at(4, 6): {"order_id": "order-1"},
    at(5, 7): {"id": "held000000"},
    at(6, 8): {"id": "ordered000"},
    at(7, 9): {"id": "traded0000"},
    at(8, 4): on(999, 0),
    at(8, 5): on(1_000, 281),
    **{at(10, hour): by_model("first") for hour in range(3, 9)},
    **{at(10, hour): by_model("second") for hour in range(9, 14)},
}
WHOLE = {at(11, 4): on(1_000, 0)}
"""Of a whole window: nothing special."""
KEPT_BY_MODEL = {at(10, 3), at(10, 8), at(10, 9), at(10, 13)}
"""The first and the last that each model decided."""


def in_either_form(text: str, open_ms: int) -> dict[str, Any]:
    """Some rows are of an earlier version."""
    if open_ms // HOUR_MS % 3 == 0:
        return {
            "plain_document": text,
            "document": None,
            "model_id": None,
            "rule_choice": None,
            "on_other_candles": None,
        }
    document = decision_document(text)
    columns = dict(zip(DOCUMENT_COLUMNS, decision_columns(document), strict=True))
    return {"plain_document": "", "document": compact_document(document), **columns}


def store_decisions(database: Database, **changes: Any) -> None:
    rows = []
    for open_ms in range(FIRST_MS, LAST_MS + 1, HOUR_MS):
        # The sixth day has its first decision at four in the morning: the daemon was down.
        if at(5, 0) <= open_ms < at(5, 4):
            continue
        own = {"id": f"{open_ms // HOUR_MS:010x}", "candle_at_ms": open_ms, "decided_at_ms": open_ms + 60_000}
        row = {**PLAIN, **own, **(SPECIAL | WHOLE).get(open_ms, {}), **changes}
        rows.append([(row | in_either_form(row["document"], open_ms))[name] for name in COLUMNS])
    with database.transaction(durable=False) as connection:
        connection.executemany(f"INSERT INTO decisions VALUES ({', '.join('?' * len(COLUMNS))})", rows)


def stored(database: Database, account: str = ACCOUNT) -> set[int]:
    rows = database.rows("SELECT candle_at_ms FROM decisions WHERE account = ?", (account,))
    return {row[0] for row in rows}


def first_of_each_day(database: Database) -> set[int]:
    rows = database.rows("SELECT min(candle_at_ms) FROM decisions GROUP BY decided_at_ms / ?", (DAY_MS,))
    return {row[0] for row in rows}


@pytest.fixture
def decided(database: Database, make_order: Any) -> Database:
    """Forty days of decisions, and rows that refer to three of those without a signal."""
    store_decisions(database)
    SqliteLedger(database).save_order(make_order("order-9", decision_id="ordered000"))
    with database.transaction(durable=True) as connection:
        connection.execute(
            "INSERT INTO positions VALUES ('a', 'BTC/USD', '1', '1', '1', '0', '0', NULL, NULL, 'macd', 'held000000',"
            " 1, '1', '1', '0')"
        )
        connection.execute(
            "INSERT INTO round_trips (account, symbol, strategy, decision_id, quantity, entry_price, exit_price, fees,"
            " net, opened_at_ms, closed_at_ms, exit_purpose)"
            " VALUES ('a', 'BTC/USD', 'macd', 'traded0000', '1', '1', '1', '0', '0', 1, 2, 'stop_loss')"
        )
    return database


def go_on() -> bool:
    return True


def test_old_decisions_go_and_those_that_somebody_needs_stay(decided: Database) -> None:
    before, days = stored(decided), first_of_each_day(decided)
    recent = {each for each in before if each >= CUT_MS}
    special = {each for each in SPECIAL if each < at(10, 0)} | KEPT_BY_MODEL
    deleted = prune_decisions(decided.path, KEEP_DAYS, go_on)
    assert stored(decided) == recent | days | special
    assert deleted == len(before) - len(recent | days | special) > 500
    assert prune_decisions(decided.path, KEEP_DAYS, go_on) == 0


@pytest.mark.parametrize("market", ["replay", "simulated"])
def test_a_stored_market_keeps_them_all(database: Database, market: str) -> None:
    store_decisions(database, account=f"paper:{market}", exchange=market, market=market)
    assert prune_decisions(database.path, 1, go_on) == 0


@pytest.mark.parametrize("since_day", [2, 20])
def test_all_since_the_training_of_a_champion_stay(decided: Database, since_day: int) -> None:
    """Its drift is measured by them."""
    with decided.transaction(durable=True) as connection:
        connection.execute(
            "INSERT INTO models VALUES ('m', ?, 'live', '', '', '', 1, NULL, '', 'real', '1h')", (at(since_day, 1),)
        )
    before = stored(decided)
    prune_decisions(decided.path, KEEP_DAYS, go_on)
    gone = before - stored(decided)
    assert max(gone) == at(since_day, -1)


def test_what_counts_decisions_counts_as_before(decided: Database) -> None:
    ledger, armings = SqliteLedger(decided), SqliteArmings(decided)
    with decided.transaction(durable=False) as connection:
        connection.execute("INSERT INTO series VALUES (1, 'kraken', 'BTC/USD', '1h')")
        connection.executemany(
            "INSERT INTO candles VALUES (1, ?, 1, 1, 1, 1, 1)",
            [(each,) for each in sorted(stored(decided))],
        )

    def counted() -> tuple[Any, ...]:
        books = check_books(decided.path)
        return (
            books.decisions,
            [each for each in books.disagreements if "never decided" in each],
            ledger.last_decided_at_ms(ACCOUNT, "BTC/USD", Timeframe.H1),
            armings.paper_record("kraken").days,
        )

    before = counted()
    prune_decisions(decided.path, KEEP_DAYS, go_on)
    assert counted() == before
    assert before[1:] == ([], LAST_MS, DAYS)


def test_statistics_are_of_the_time_of_which_all_are_there(decided: Database) -> None:
    """The old ones that are left have a signal, and would say that every decision had one."""
    prune_decisions(decided.path, KEEP_DAYS, go_on)
    (until_ms,) = (row[0] for row in decided.rows("SELECT until_ms FROM pruned_decisions"))
    with decided.transaction(durable=False) as connection:
        connection.execute(
            "INSERT INTO performance_samples SELECT exchange, symbol, timeframe, candle_at_ms, candle_at_ms + ?,"
            " 'ranging', '{\"macd\": 0.01}', NULL, NULL FROM decisions",
            (DAY_MS,),
        )
    (market,) = decided_markets(decided.connection, None)
    matured = matured_decisions(decided.connection, market, None)
    complete = sorted(each for each in stored(decided) if each >= until_ms)
    assert sorted(matured.candle_at_ms.tolist()) == complete
    assert (market.decisions, market.first_at_ms) == (len(complete), complete[0])


PRUNE = """
import sys
from pathlib import Path
from autopilot.adapters.store.retention import prune_decisions
def pause():
    print("step", flush=True)
    sys.stdin.readline()
    return True
prune_decisions(Path(sys.argv[1]), int(sys.argv[2]), pause)
"""


def test_after_a_kill_it_goes_on_where_it_was(decided: Database, tmp_path: Path) -> None:
    whole = tmp_path / "whole.db"
    decided.rows("VACUUM INTO ?", (str(whole),))
    prune_decisions(whole, KEEP_DAYS, go_on)
    with closing(open_database(whole)) as other:
        expected = stored(other)
    before = stored(decided)
    for steps in (1, 3):
        command = [sys.executable, "-c", PRUNE, str(decided.path), str(KEEP_DAYS)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin
            assert process.stdout
            for _ in range(steps):
                assert process.stdout.readline() == "step\n"
                process.stdin.write("\n")
                process.stdin.flush()
            process.kill()
        assert expected < stored(decided) < before
    prune_decisions(decided.path, KEEP_DAYS, go_on)
    assert stored(decided) == expected


def test_a_deleted_decision_is_not_found_and_the_reason_is_said(decided: Database) -> None:
    gone = f"{at(1, 1) // HOUR_MS:010x}"
    assert decided.row("SELECT 1 FROM decisions WHERE id = ?", (gone,))
    prune_decisions(decided.path, KEEP_DAYS, go_on)
    with pytest.raises(NotFound) as caught:
        decision(decided.path, gone)
    assert "keep_decisions_days" in caught.value.hint


def test_it_can_be_ended_after_any_step(decided: Database) -> None:
    before = len(stored(decided))
    assert 0 < prune_decisions(decided.path, KEEP_DAYS, lambda: False) < STEP_ROWS
    assert before - len(stored(decided)) < STEP_ROWS


def test_later_decisions_take_the_pages_of_deleted_ones(decided: Database) -> None:
    prune_decisions(decided.path, KEEP_DAYS, go_on)
    pages = decided.row("PRAGMA page_count")[0]
    deleted = decided.row("SELECT decisions FROM pruned_decisions")[0]
    form = in_either_form(PLAIN["document"], HOUR_MS)
    own = [
        [{**PLAIN, "id": "0", "candle_at_ms": each, "decided_at_ms": each, **form}[name] for name in COLUMNS]
        for each in range(LAST_MS + HOUR_MS, LAST_MS + deleted * HOUR_MS // 2, HOUR_MS)
    ]
    with decided.transaction(durable=False) as connection:
        connection.executemany(f"INSERT INTO decisions VALUES ({', '.join('?' * len(COLUMNS))})", own)
    assert decided.row("PRAGMA page_count")[0] == pages
