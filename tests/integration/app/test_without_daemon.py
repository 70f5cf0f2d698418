"""Pause and panic by the command itself, where something is in the way."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest
from orders import an_order

from autopilot.adapters.lock import AlreadyRunning, hold_lock
from autopilot.adapters.store import database as database_module
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.trading_modes import SqliteTradingModes
from autopilot.adapters.store.views.status import status_document
from autopilot.app.trading import without_daemon as alone
from autopilot.cli.main import main
from autopilot.config.paths import Paths, find_paths
from autopilot.domain.errors import NotFound, StoreUnavailable
from autopilot.domain.money import to_decimal
from autopilot.domain.order import Fill, OrderStatus, OrderType


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths(None, tmp_path, {})


def no_keys(exchange: str) -> NoReturn:
    raise AssertionError(f"nobody wants the keys of {exchange}")


def no_keys_here(exchange: str) -> NoReturn:
    raise NotFound("no keys here")


def mode(paths: Paths) -> str:
    return str(status_document(paths.database, 0)["modes"][0]["mode"])


async def test_a_database_that_somebody_holds_is_said_with_whom_to_end(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    await alone.pause(paths, None, no_keys)
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.01)
    with (
        hold_lock(paths.lock_file),
        closing(sqlite3.connect(paths.database, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="NOTHING WAS HALTED") as raised:
            await alone.panic(paths, no_keys, flatten=True)
    assert raised.value.hint == f"kill -9 {os.getpid()}, then run it again"
    assert mode(paths) == "reducing"


async def test_a_pause_beside_a_daemon_that_holds_the_directory_is_refused(paths: Paths) -> None:
    with hold_lock(paths.lock_file), pytest.raises(AlreadyRunning):
        await alone.pause(paths, None, no_keys)
    assert mode(paths) == "active"


async def test_with_a_full_disk_panic_does_what_it_can_and_says_what_is_not_stored(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> NoReturn:
        raise StoreUnavailable("the disk is full", hint="make room")

    await alone.pause(paths, None, no_keys)
    with closing(open_database(paths.database)) as database:
        SqliteLedger(database).save_order(an_order("one", account="live:kraken", status=OrderStatus.OPEN))
    monkeypatch.setattr(SqliteTradingModes, "restrict", full)
    told = await alone.panic(paths, no_keys_here, flatten=True)
    assert (told["before"], told["now"], told["complete"], mode(paths)) == ("reducing", "halted", False, "reducing")
    unstored, kraken = told["accounts"]
    assert f"the halt is not stored, and is over when process {os.getpid()} ends" in unstored["left"][0]["what"]
    assert unstored["left"][0]["hint"] == "make room"
    assert (kraken["account"], kraken["left"][0]["what"]) == ("live:kraken", "no keys here")


@pytest.mark.parametrize(
    ("account", "config", "said"),
    [
        ("paper:nowhere", "", "nowhere"),
        ("paper:simulated", "interval = 'often'", "interval"),
        ("live:kraken", "", "nobody wants the keys of kraken"),
    ],
    ids=["no such exchange", "a broken configuration", "locked keys"],
)
async def test_an_account_that_cannot_be_opened_does_not_keep_the_mode_from_being_stored(
    paths: Paths, account: str, config: str, said: str
) -> None:
    if config:
        paths.config_file.write_text(config)
    with closing(open_database(paths.database)) as database:
        one = to_decimal(1.0)
        order = an_order(
            "one",
            account=account,
            type=OrderType.LIMIT,
            quantity=one,
            price=one,
            reference_price=one,
            created_at_ms=1,
            expires_at_ms=2,
            status=OrderStatus.OPEN,
        )
        SqliteLedger(database).save_order(order)
    told = await alone.panic(paths, no_keys, flatten=False)
    (left,) = told["accounts"][0]["left"]
    assert said in left["what"]
    assert (told["now"], told["complete"], mode(paths)) == ("halted", False, "halted")


def test_the_command_writes_off_on_paper_what_has_no_market_any_more(
    paths: Paths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A replay has the markets of the stored candles, and there are none."""
    account = "paper:replay"
    order = an_order("one", account=account, symbol="SOL/USD", status=OrderStatus.FILLED, filled=to_decimal(2))
    fill = Fill("f", "one", account, "SOL/USD", order.side, *map(to_decimal, (2, 150, 1)), "USD", False, 5)
    with closing(open_database(paths.database)) as database:
        SqliteLedger(database).apply_fills(order, [fill])
    assert main(["--data-dir", str(tmp_path), "resume", "--write-off", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (gone,) = told["accounts"][0]["write_offs"]
    assert gone == {
        "symbol": "SOL/USD",
        "reason": "market_gone",
        "quantity": "2",
        "missing": "2",
        "cost": "301",
        "price": "150",
        "result": "-1",
        "net": None,
    }
    assert main(["--data-dir", str(tmp_path), "positions"]) == 3
    assert "No open positions." in capsys.readouterr().out
