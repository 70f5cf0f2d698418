"""Kills a trader at every point of its life, lets another one continue, and compares our books with the exchange's.

``kill_everywhere.py`` does so at all points and prints the outcomes; exit code 1 if anything was lost.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from kraken_exchange import KrakenExchange
from little_trader import ACCOUNT, ENTRY_ID, START_MS, Life, SharedClock
from loopback_exchange import Answer, Fields
from loopback_thread import answering

from autopilot.adapters.audit_head import read_head
from autopilot.adapters.store.audit import verify_all
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.views.bookkeeping import check_books
from autopilot.domain.timeframe import DAY_MS, HOUR_MS

TRADER = Path(__file__).with_name("little_trader.py")
SECOND_AFTER = (0.25, 0.65)
"""Shares of the first life at which it is killed, so that the second is killed at each of its points."""
TEARS = 60
STEPPED = 2
"""Of so many points, one is met with clocks that are set."""
CLOCKS_MS = (
    (HOUR_MS, -HOUR_MS, 0),
    (-HOUR_MS, 0, HOUR_MS),
    (0, 0, 0, HOUR_MS),
    (HOUR_MS, HOUR_MS, -HOUR_MS),
    (-DAY_MS, DAY_MS),
)
"""How far the wall clock is ahead, cycle by cycle."""
ZERO = Decimal(0)


class BusyKraken(KrakenExchange):
    """A limit order is filled in part when it arrives, and a little more just before it is canceled."""

    def _do_AddOrder(self, fields: Fields) -> Answer:
        answer = super()._do_AddOrder(fields)
        self._trade(answer["txid"], Decimal("0.004"))
        return answer

    def _do_CancelOrder(self, fields: Fields) -> Answer:
        self._trade(self.orders, Decimal("0.001"))
        return super()._do_CancelOrder(fields)

    def _trade(self, names: Iterable[str], quantity: Decimal) -> None:
        for name in names:
            if self.orders[name].kind == "limit":
                self.fill(self.orders[name], quantity)


@dataclass(frozen=True)
class Death:
    """Where a life ends: at a point, or when the database's log has grown by so many bytes. ``steps``: as in `Life`, of
    this life and the next."""

    point: int = 0
    torn: int = 0
    steps: tuple[int, ...] = (0,)


@dataclass
class Outcome:
    """The end state of the books and of the exchange. ``entries``: orders to buy at the exchange; without
    ``complaints``, which are sentences, all of them are in our books."""

    entries: int = field(default=0, compare=False)
    duplicates: int = 0
    lost_fills: int = 0
    unknowns: int = 0
    complaints: list[str] = field(default_factory=list)


class Traders:
    """Lives, one after the other."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._number = 0
        self._process = subprocess.Popen(
            [sys.executable, TRADER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def live(self, *deaths: Death) -> tuple[dict[str, Any], Outcome]:
        """One life for each death, and one that ends by itself: what the latter told, and what stands then."""
        self._number += 1
        database = self._directory / f"{self._number}.db"
        clock_file = database.with_suffix(".clock")
        clock_file.write_bytes(bytes(SharedClock.BYTES))
        clock = SharedClock(clock_file)
        clock.set(START_MS)
        exchange = BusyKraken(clock.now_ms)
        life = Life("", str(database), str(clock_file), steps=deaths[-1].steps if deaths else (0,))
        with answering(exchange):
            for death in deaths:
                told = self._ask(replace(life, url=exchange.url, death=death.point, torn=death.torn, steps=death.steps))
                assert "signal" in told, f"{death} was not reached: {told}"
            told = self._ask(replace(life, url=exchange.url))
            outcome = compared(database, exchange)
        if not told.get("is_over"):
            outcome.complaints.append(f"it was not over: {told}")
        shutil.rmtree(database.with_suffix(".nonces"))
        for file in self._directory.glob(f"{self._number}.*"):
            file.unlink()
        return told, outcome

    def _ask(self, life: Life) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(life.document()) + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found


@contextmanager
def traders(directory: Path) -> Iterator[Traders]:
    made = Traders(directory)
    try:
        yield made
    finally:
        made.close()


def compared(path: Path, exchange: KrakenExchange) -> Outcome:
    """Our books, and the exchange's, to the last digit."""
    outcome = Outcome(complaints=list(check_books(path).disagreements))
    database = open_database(path)
    try:
        _compare_orders(database, exchange, outcome)
        _compare_fills(database, exchange, outcome)
    finally:
        database.close()
    if not verify_all(path, read_head(path.with_name(f"{path.name}.head"))).is_whole:
        outcome.complaints.append("the audit log is broken")
    return outcome


def _compare_orders(database: Database, exchange: KrakenExchange, outcome: Outcome) -> None:
    ours = {row["client_order_id"]: row["status"] for row in database.rows("SELECT * FROM orders")}
    theirs = Counter(order.client_order_id for order in exchange.orders.values())
    outcome.duplicates = sum(count - 1 for count in theirs.values())
    outcome.unknowns = sum(status in ("new", "submitted", "unknown") for status in ours.values())
    outcome.unknowns += sum(name not in ours for name in theirs)
    outcome.entries = sum(order.side == "buy" for order in exchange.orders.values())
    if outcome.entries != (0 if ours.get(ENTRY_ID) == "expired" else 1):
        outcome.complaints.append(f"{outcome.entries} entries, and ours is {ours.get(ENTRY_ID)}")
    left = [order.order_id for order in exchange.orders.values() if order.status == "open"]
    if left:
        outcome.complaints.append(f"still open at the exchange: {left}")
    working = {name for name, status in ours.items() if status not in ("expired", "rejected")}
    if not working <= set(theirs):
        outcome.complaints.append(f"not at the exchange: {working - set(theirs)}")


def _compare_fills(database: Database, exchange: KrakenExchange, outcome: Outcome) -> None:
    fills = database.rows("SELECT fill_id, client_order_id, quantity, price, fee FROM fills")
    ours = {row[0]: (row[1], *map(Decimal, row[2:])) for row in fills}
    theirs = {
        name: (each.order.client_order_id, each.quantity, each.price, each.fee)
        for name, each in exchange.trades.items()
    }
    outcome.lost_fills = len(theirs.keys() - ours.keys())
    if ours != theirs:
        outcome.complaints.append(f"our fills are {ours}, theirs {theirs}")
    held = sum((each.quantity for each in SqliteLedger(database).positions(ACCOUNT)), ZERO)
    if not held == exchange.balances["BTC"] == ZERO:
        outcome.complaints.append(f"we hold {held}, the exchange {exchange.balances['BTC']}")


@dataclass
class Sum:
    """Of all deaths of one kind."""

    points: int = 0
    duplicates: int = 0
    lost_fills: int = 0
    unknowns: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, deaths: Sequence[Death], outcome: Outcome) -> None:
        self.points += 1
        self.duplicates += outcome.duplicates
        self.lost_fills += outcome.lost_fills
        self.unknowns += outcome.unknowns
        if outcome != Outcome():
            self.wrong.append(f"{deaths}: {outcome}")


def every_first(lives: Traders) -> Iterator[tuple[Death, ...]]:
    told, _ = lives.live()
    for point in range(1, len(told["points"]) + 1):
        yield (Death(point),)


def every_second(lives: Traders) -> Iterator[tuple[Death, ...]]:
    told, _ = lives.live()
    for share in SECOND_AFTER:
        first = Death(int(share * len(told["points"])))
        after, _ = lives.live(first)
        for point in range(1, len(after["points"]) + 1):
            yield (first, Death(point))


def every_tear(lives: Traders) -> Iterator[tuple[Death, ...]]:
    told, _ = lives.live()
    for number in range(TEARS):
        yield (Death(torn=1 + number * (told["grown"] - 1) // TEARS),)


def every_step(lives: Traders) -> Iterator[tuple[Death, ...]]:
    """The wall clock is set in each cycle, and is another one after the restart."""
    told, _ = lives.live()
    for point in range(1, len(told["points"]) + 1, STEPPED):
        yield (Death(point, steps=CLOCKS_MS[point // STEPPED % len(CLOCKS_MS)]),)


KINDS: dict[str, Callable[[Traders], Iterator[tuple[Death, ...]]]] = {
    "killed at every point": every_first,
    "killed again in recovery": every_second,
    "killed within a write": every_tear,
    "killed with wrong clocks": every_step,
}


def main() -> int:
    points, complaints = 0, []
    _say("", "points", "duplicates", "lost fills", "unknown", "wrong", "seconds")
    for name, every in KINDS.items():
        begin, found = time.monotonic(), Sum()
        with tempfile.TemporaryDirectory(prefix="kills-") as directory, traders(Path(directory)) as lives:
            for deaths in every(lives):
                found.add(deaths, lives.live(*deaths)[1])
        taken_s = round(time.monotonic() - begin)
        _say(name, found.points, found.duplicates, found.lost_fills, found.unknowns, len(found.wrong), taken_s)
        points += found.points
        complaints += found.wrong
    for complaint in complaints[:20]:
        sys.stdout.write(f"{complaint}\n")
    sys.stdout.write(f"{points} deaths, {len(complaints)} complaints\n")
    return 1 if complaints else 0


def _say(name: str, *values: object) -> None:
    sys.stdout.write(f"{name:<26}" + "".join(f"{value!s:>11}" for value in values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
