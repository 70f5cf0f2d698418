"""A process that writes is killed in the middle, again and again: whatever it said was done is there, and adds up."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.views import queries

ACCOUNT = "paper:simulated"
WRITER = Path(__file__).with_name("little_writer.py")
KILLS = 8


def write_until_killed(path: Path, steps: int, spins: int) -> int:
    """The last step that was said to be done; the kill falls ``spins`` turns of a loop into a later one."""
    with subprocess.Popen([sys.executable, WRITER, path], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        done = [writer.stdout.readline() for _ in range(steps)]
        for _ in range(spins):
            pass
        writer.kill()
        done += writer.stdout.read().splitlines()
        assert writer.wait() == -signal.SIGKILL
    assert done[0], "the books of the one before could not be opened"
    return int([line for line in done if line.strip()][-1])


def test_nothing_that_was_said_to_be_done_is_lost_and_nothing_is_half_done(path: Path) -> None:
    chance = random.Random(4)
    for _ in range(KILLS):
        done = write_until_killed(path, chance.randint(1, 12), chance.randint(0, 200_000))
        database = open_database(path)
        check_books(database.connection, done)
        held = SqliteLedger(database).positions(ACCOUNT)
        assert [position.quantity for position in held] in ([], [Decimal("0.5")], [Decimal("1.5")])
        assert all(Decimal(trade["net"]) <= 0 for trade in queries.trades(path, limit=1000)["trades"])
        database.close()


def check_books(connection: sqlite3.Connection, done: int) -> None:
    def amounts(sql: str) -> list[Decimal]:
        return [Decimal(row[0]) for row in connection.execute(sql)]

    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert not connection.execute("PRAGMA foreign_key_check").fetchall()
    decided = {row[0] for row in connection.execute("SELECT order_id FROM decisions")}
    assert {f"buy {number}" for number in range(done + 1)} <= decided
    assert len(decided) - (done + 1) in (0, 1), "one step at most was under way"
    bought = {row[0] for row in connection.execute("SELECT client_order_id FROM orders WHERE side = 'buy'")}
    assert bought == decided, "a decision and its order are one"
    mark = connection.execute("SELECT equity FROM equity").fetchone()[0]
    assert int(mark) == len(decided) - 1, "and so is the mark"
    trips = amounts("SELECT net FROM round_trips")
    assert len(trips) - (done + 1) in (0, 1)
    assert set(trips) == {Decimal("-0.3")}
    sums = [sum(amounts(f"SELECT quantity FROM fills WHERE side = '{side}'")) for side in ("buy", "sell")]
    assert sums[0] - sums[1] == sum(amounts("SELECT quantity FROM positions")), "a position is the sum of its fills"
    for identity, filled in connection.execute("SELECT client_order_id, filled FROM orders").fetchall():
        own = connection.execute("SELECT quantity FROM fills WHERE client_order_id = ?", (identity,)).fetchall()
        assert Decimal(filled) == sum(Decimal(row[0]) for row in own)
