"""The database cannot be written: no order leaves without its intent on the disk, and what was sent before is found."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from lock_holder import held_by_another_program
from small_disk import mounted, no_room

from autopilot.adapters.store.database import Database, open_database
from autopilot.domain.errors import StoreUnavailable
from autopilot.domain.order import OrderType
from autopilot.engine.state import RunState

PAGE = 4096


@contextmanager
def full(database: Database) -> Iterator[None]:
    """No page more than there are."""
    connection = database.connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    before = connection.execute("PRAGMA max_page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    yield
    connection.execute(f"PRAGMA max_page_count = {before}")


@contextmanager
def read_only(database: Database) -> Iterator[None]:
    database.connection.execute("PRAGMA query_only = ON")
    yield
    database.connection.execute("PRAGMA query_only = OFF")


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """By another process."""
    database.connection.execute("PRAGMA busy_timeout = 20")
    with held_by_another_program(database.path):
        yield


@contextmanager
def corrupt(database: Database) -> Iterator[None]:
    """Everything after the first page, so that whatever is read next is damaged."""
    connection = database.connection
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = database.path.read_bytes()
    with database.path.open("r+b") as file:
        file.seek(PAGE)
        file.write(os.urandom(len(whole) - PAGE))
    connection.execute("PRAGMA shrink_memory")
    yield
    with database.path.open("r+b") as file:
        file.write(whole)
    connection.execute("PRAGMA shrink_memory")


Fault = Callable[[Database], AbstractContextManager[None]]
FAULTS: list[tuple[Fault, str, str]] = [
    (full, "database or disk is full", "make room on the disk"),
    (read_only, "readonly", "writable for this user"),
    (locked, "database is locked", "another program holds it"),
    (corrupt, "is damaged", "restore a backup"),
]


@pytest.mark.parametrize(("fault", "words", "hint"), FAULTS, ids=[fault.__name__ for fault, *_ in FAULTS])
async def test_without_a_durable_intent_nothing_is_sent(whole: Any, fault: Fault, words: str, hint: str) -> None:
    with fault(whole.database):
        for _ in range(2):
            message = await whole.cycle()
            record = whole.autopilot.record
            assert record.state is RunState.RETRYING
            assert words in message
            assert str(whole.database.path) in message
            assert hint in record.hint
        assert whole.exchange.orders == {}
        assert whole.calls("AddOrder") == 0
    assert await whole.cycle() == ""
    assert (whole.autopilot.record.state, whole.calls("AddOrder")) == (RunState.RUNNING, 1)
    whole.assert_agreed()


@pytest.mark.parametrize("fault", [read_only, locked, corrupt], ids=lambda fault: fault.__name__)
async def test_an_answer_that_cannot_be_stored_is_asked_for_again_and_counts_once(whole: Any, fault: Fault) -> None:
    """The disk breaks when the exchange has accepted the order and we have not heard of it."""
    accept = whole.exchange._do_AddOrder
    with ExitStack() as broken:

        def accepted(fields: dict[str, str]) -> Any:
            answer = accept(fields)
            order = whole.exchange.orders[answer["txid"][0]]
            whole.exchange.fill(order, order.quantity)
            broken.enter_context(fault(whole.database))
            return answer

        whole.exchange._do_AddOrder = accepted
        await whole.cycle()
        assert whole.autopilot.record.state is RunState.RETRYING
        await whole.cycle()
        assert whole.calls("AddOrder") == 1
    assert await whole.cycle() == ""
    (held,) = whole.ledger.positions("live:kraken")
    assert held.quantity == whole.exchange.balances["BTC"]
    assert whole.calls("AddOrder") == 1
    whole.assert_agreed()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Two megabytes of it."""
    place = tmp_path / "small"
    place.mkdir()
    with mounted(place, 2):
        yield place


@pytest.mark.parametrize("is_sent", [False, True], ids=["before the intent", "after the order was accepted"])
async def test_a_disk_without_room_loses_no_order(small_disk: Path, live: Any, is_sent: bool) -> None:
    live.database.close()
    live.database = open_database(small_disk / "autopilot.db")
    live.restart()
    accept = live.exchange._do_AddOrder

    async def trade() -> None:
        live.intend(OrderType.MARKET)
        await live.desk.follow(live.market)

    with ExitStack() as broken:

        def accepted(fields: dict[str, str]) -> Any:
            answer = accept(fields)
            if is_sent:
                broken.enter_context(no_room(small_disk))
            return answer

        live.exchange._do_AddOrder = accepted
        if not is_sent:
            broken.enter_context(no_room(small_disk))
        with pytest.raises(StoreUnavailable, match="full") as caught:
            await trade()
        assert "make room on the disk" in caught.value.hint
        assert len(live.exchange.orders) == int(is_sent)
    if not is_sent:
        await trade()
    await live.reconcile()
    assert len(live.exchange.orders) == 1
    live.assert_agreed()
