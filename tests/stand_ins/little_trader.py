"""A process that trades real orders until it dies at a requested point: ``little_trader.py``, one request a line.

Each request is a life of its own, forked from this process, which has imported everything: a desk, a gateway with the
unmodified ccxt and books in a file trade one position from its entry to its end, or continue where an earlier life
ended. Every request sent, every answer received, every statement that writes and every ceiling of nonces is two points,
just before and just after it; at the ``death``-th the life is killed. With ``torn`` it is killed in the middle of a
write, when the database's log has grown by so many bytes.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import mmap
import os
import re
import resource
import signal
import sqlite3
import struct
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp.client_proto import ResponseHandler
from kraken_exchange import API_KEY, SECRET
from orders import an_order
from places import PLACES

from autopilot.adapters.exchange import gateway as gateway_module
from autopilot.adapters.exchange.ccxt_broker import CcxtBroker
from autopilot.adapters.exchange.ccxt_import import exchange_class
from autopilot.adapters.exchange.ccxt_setup import open_exchange
from autopilot.adapters.exchange.exchange_clock import ExchangeClock
from autopilot.adapters.exchange.gateway import Gateway
from autopilot.adapters.exchange.venues.known import VENUES
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.app.audit_log import audited
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.errors import ExchangeError
from autopilot.domain.order import Order, Purpose, client_order_id
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS
from autopilot.engine.events import EventLog
from autopilot.execution.exit_order import ExitOrder
from autopilot.execution.exits import ExitSettings
from autopilot.execution.order_desk import OrderDesk
from autopilot.execution.order_type import OrderSettings
from autopilot.execution.restrictions import Restrictions
from autopilot.ports.clock import Clock

ACCOUNT = "live:kraken"
START_MS = 1_900_000_000_000
MARKET = PLACES["kraken"].market
EXITS = ExitSettings(OrderSettings(stop_on_exchange=True), HOUR_MS)
STOP, TARGET = Decimal(29_000), Decimal(33_000)
TOUCHED = ExitOrder(Purpose.STOP_LOSS, STOP, "the stop was touched")
REACHED = ExitOrder(Purpose.TAKE_PROFIT, TARGET, "the target was reached")
PATIENCE = 6
"""Cycles in which all must be over."""
LONGEST_S = 60
_WRITES = ("BEGIN", "COMMIT", "DELETE", "INSERT", "ROLLBACK", "UPDATE")
_INDEX_BYTES = 33_000
"""More than the index of a fresh log needs, which a limit on the size of files would meet first."""


class SharedClock:
    """Time, and how far the machine's wall clock is from it, for whoever has the file open."""

    BYTES = 16

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), self.BYTES)
        self.wall = Reading(lambda: self.now_ms() + self._read()[1])
        self.steady = Reading(lambda: self.now_ms() - START_MS)

    def now_ms(self) -> int:
        """The exchange's time."""
        return self._read()[0]

    def set(self, at_ms: int) -> None:
        self._write(at_ms, self._read()[1])

    def set_wall(self, ahead_ms: int) -> None:
        """Somebody sets the machine's clock."""
        self._write(self.now_ms(), ahead_ms)

    def _read(self) -> tuple[int, int]:
        at_ms, ahead_ms = struct.unpack("qq", self._memory[:])
        return at_ms, ahead_ms

    def _write(self, at_ms: int, ahead_ms: int) -> None:
        self._memory[:] = struct.pack("qq", at_ms, ahead_ms)


@dataclass(frozen=True)
class Reading(Clock):
    read_ms: Callable[[], int]

    def now_ms(self) -> int:
        return self.read_ms()


@dataclass(frozen=True)
class Life:
    """One request. ``death`` is the number of a point, from 1; ``torn`` a number of bytes; ``steps``: by how much the
    wall clock is ahead from each cycle on, in turn, in milliseconds."""

    url: str
    database: str
    clock: str
    death: int = 0
    torn: int = 0
    steps: Sequence[int] = (0,)

    def document(self) -> dict[str, object]:
        return asdict(self)


class Fate:
    """Counts the points of a life and ends it at one of them."""

    def __init__(self, death: int) -> None:
        self._death = death
        self._asked = ""
        self.points: list[str] = []

    def pass_by(self, label: str) -> None:
        self.points.append(label)
        if len(self.points) == self._death:
            os.kill(os.getpid(), signal.SIGKILL)

    def hold(self, owner: type, name: str, label: Callable[[Any], str | None]) -> None:
        """From now on each call of this method passes two points. ``label`` of its first argument; None is no point."""
        plain = getattr(owner, name)

        def watched(this: Any, first: Any, *more: Any) -> Any:
            what = label(first)
            if what:
                self.pass_by(f"before {what}")
            found = plain(this, first, *more)
            if what:
                self.pass_by(f"after {what}")
            return found

        setattr(owner, name, watched)

    def request(self, sent: bytes) -> str | None:
        path = re.match(rb"(?:GET|POST) (\S+) HTTP/", sent)
        if path is None:
            return None
        self._asked = path[1].decode().rpartition("/")[2]
        return f"the request {self._asked}"

    def answer(self, received: bytes) -> str | None:
        return f"the answer to {self._asked}" if received.startswith(b"HTTP/") else None


class WatchedConnection(sqlite3.Connection):
    """Python's own type takes no changes."""

    def execute(self, *given: Any) -> sqlite3.Cursor:
        return super().execute(*given)


class Trade:
    """One position from its entry to its end; all of it can be done again."""

    def __init__(
        self, desk: OrderDesk, ledger: SqliteLedger, clock: Clock, shared: SharedClock, steps: Sequence[int]
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        self._clock = clock
        self._shared = shared
        self._steps = itertools.cycle(steps)

    async def run(self) -> bool:
        """Whether all is over, and the exchange agrees."""
        for act in (self._nothing, self._enter, self._protect, self._take_profit, self._stop):
            await self._cycle(act)
        for _ in range(PATIENCE):
            if self._is_over:
                break
            await self._cycle(self._stop)
        return self._is_over and not (await self._desk.reconcile(MARKET)).words

    async def _cycle(self, act: Callable[[], Awaitable[None]]) -> None:
        """As the daemon does it: what the exchange does ends the cycle, and the next begins with comparing books."""
        self._shared.set(self._shared.now_ms() + MINUTE_MS)
        self._shared.set_wall(next(self._steps))
        with suppress(ExchangeError):
            await self._desk.reconcile(MARKET)
            await act()

    async def _nothing(self) -> None:
        """The first comparison of books is all."""

    async def _enter(self) -> None:
        """Once: an intent that was made is never made again."""
        if self._ledger.order(ENTRY_ID) is None:
            now_ms = self._clock.now_ms()
            self._ledger.save_order(entry(now_ms))
            await self._desk.follow(MARKET)

    async def _protect(self) -> None:
        await self._desk.protect(MARKET, EXITS)

    async def _take_profit(self) -> None:
        await self._desk.exit_position(REACHED, MARKET, EXITS)

    async def _stop(self) -> None:
        await self._desk.exit_position(TOUCHED, MARKET, EXITS)
        held = self._ledger.positions(ACCOUNT)
        if held:
            await self._desk.finish_exit(held[0], STOP, MARKET, EXITS)

    @property
    def _is_over(self) -> bool:
        return not self._ledger.positions(ACCOUNT) and not self._ledger.open_orders(ACCOUNT)


ENTRY_ID = client_order_id(ACCOUNT, "BTC/USD", START_MS, Purpose.ENTRY)


def entry(at_ms: int) -> Order:
    return an_order(
        ENTRY_ID,
        account=ACCOUNT,
        quantity=Decimal("0.01"),
        reference_price=Decimal(30_000),
        created_at_ms=at_ms,
        reason="a test",
        stop=STOP,
        target=TARGET,
    )


async def hurried(name: str, timeout_s: float, base_url: str | None, **more: Any) -> Any:
    """The pauses that a real exchange asks for are not for the loopback."""
    return await open_exchange(name, timeout_s, base_url, **{**more, "enableRateLimit": False})


async def live(life: Life, database: Database) -> bool:
    shared = SharedClock(Path(life.clock))
    clock = ExchangeClock("kraken", shared.wall, shared.steady)
    nonces_dir = Path(life.database).with_suffix(".nonces")
    gateway = Gateway(VENUES["kraken"], ExchangeKeys(API_KEY, SECRET), clock, nonces_dir=nonces_dir, base_url=life.url)
    broker = CcxtBroker(ACCOUNT, gateway, VENUES["kraken"].orders, clock)
    with audited(database, Path(f"{life.database}.head")) as audit:
        ledger = SqliteLedger(database, audit)
        try:
            return await Trade(
                OrderDesk(ACCOUNT, broker, ledger, clock, EventLog(clock.now_ms), Restrictions(), stops=True),
                ledger,
                clock,
                shared,
                life.steps,
            ).run()
        finally:
            await broker.close()


def run(life: Life) -> dict[str, Any]:
    """What was passed by, if anybody lives to tell."""
    fate = Fate(life.death)
    fate.hold(asyncio.selector_events._SelectorSocketTransport, "write", fate.request)  # type: ignore[attr-defined]
    fate.hold(ResponseHandler, "data_received", fate.answer)
    fate.hold(WatchedConnection, "execute", _written)
    fate.hold(Path, "replace", lambda target: "the nonces" if target.parent.suffix == ".nonces" else None)
    sqlite3.connect = partial(_connect, factory=WatchedConnection)
    gateway_module.open_exchange = hurried
    database = open_database(Path(life.database))
    log = Path(f"{life.database}-wal")
    if life.torn:
        _tear(database, log, life.torn)
    before = log.stat().st_size
    is_over = asyncio.run(live(life, database))
    grown = log.stat().st_size - before
    database.close()
    return {"is_over": is_over, "points": fate.points, "grown": grown}


_connect = sqlite3.connect


def _written(sql: str) -> str | None:
    verb = sql.split(None, 1)[0]
    return verb if verb in _WRITES else None


def _tear(database: Database, log: Path, grows: int) -> None:
    """The system kills this process where the log would grow by more, in the middle of that very write."""
    while log.stat().st_size < _INDEX_BYTES:
        with database.transaction(durable=True) as connection:
            connection.execute(f"PRAGMA user_version = {connection.execute('PRAGMA user_version').fetchone()[0]}")
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = log.stat().st_size + grows
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def serve() -> None:
    """Answers each request with ``{"signal": 9}`` or what the life had to tell."""
    exchange_class("kraken")
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            signal.alarm(LONGEST_S)
            told = json.dumps(run(Life(**json.loads(line))))
            with os.fdopen(writing, "w") as pipe:
                pipe.write(told)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            told = pipe.read()
        _, status = os.waitpid(child, 0)
        answer = {"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else json.loads(told or "{}")
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
