"""The disk is full to its last byte: a position is sold at its stop from the space that was kept, and nothing is bought
until that space is kept again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_disk import mounted, no_room

from autopilot.adapters.store import ballast as ballast_module
from autopilot.adapters.store.full_disk import FullDisk
from autopilot.domain.errors import StoreFull
from autopilot.domain.order import Purpose
from autopilot.domain.timeframe import DAY_MS, MINUTE_MS
from autopilot.engine.state import RunState

ACCOUNT = "live:kraken"


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Eight megabytes in place of the test's directory, and a ballast that suits it."""
    monkeypatch.setattr(ballast_module, "BALLAST_BYTES", 1_000_000)
    monkeypatch.setattr(ballast_module, "MARGIN_BYTES", 500_000)
    with mounted(tmp_path, 8):
        yield tmp_path


async def hold(whole: Any) -> None:
    """Buy, and have the fill in the books."""
    assert whole.database.ballast.keep()
    await whole.cycle()
    (order,) = whole.exchange.orders.values()
    whole.exchange.fill(order, order.quantity)
    await whole.cycle()
    assert whole.ledger.positions(ACCOUNT)


def sales(whole: Any) -> list[Any]:
    return [each for each in whole.exchange.orders.values() if each.side == "sell"]


def next_day(whole: Any) -> None:
    """The newest candle closes at its price, and another opens."""
    opened, _, _, _, close, *rest = whole.exchange.candles[-1]
    whole.exchange.candles.append([int(opened) + DAY_MS // 1000, close, close, close, close, *rest])
    whole.clock.at_ms = int(opened) * 1000 + DAY_MS + MINUTE_MS


@pytest.mark.parametrize("pragma", ["wal_checkpoint(TRUNCATE)", "wal_autocheckpoint = 1"])
@pytest.mark.parametrize("closes", [False, True], ids=["between two closes", "with a candle to store"])
async def test_a_stop_is_sold_from_the_ballast(small_disk: Path, whole: Any, pragma: str, closes: bool) -> None:
    await hold(whole)
    whole.database.rows(f"PRAGMA {pragma}")
    with no_room(small_disk):
        whole.move(0.5)
        if closes:
            next_day(whole)
        for _ in range(3):
            await whole.cycle()
        (sale,) = sales(whole)
        assert (sale.status, whole.exchange.balances["BTC"]) == ("closed", 0)
        assert whole.ledger.positions(ACCOUNT) == ()
        (stored,) = whole.database.rows("SELECT status FROM orders WHERE side = 'sell'")
        assert stored["status"] == "filled"
        whole.assert_agreed()


async def test_nothing_is_bought_until_the_ballast_is_back(small_disk: Path, whole: Any) -> None:
    await hold(whole)
    full, ballast = FullDisk(whole.database.ballast), whole.database.ballast
    whole.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    assert full.restrictions(ACCOUNT) == ()
    with no_room(small_disk):
        whole.move(0.5)
        await whole.cycle()
        (found,) = full.restrictions(ACCOUNT)
        assert (found.code, found.mode.allows(Purpose.ENTRY), found.mode.allows(Purpose.TAKE_PROFIT)) == (
            "DISK_FULL",
            False,
            True,
        )
        assert not ballast.keep(), "there is no room"
        bought = whole.calls("AddOrder")
        for _ in range(3):
            next_day(whole)
            message = await whole.cycle()
            assert whole.autopilot.record.state is RunState.RETRYING
            assert "is full" in message
            assert "make room" in whole.autopilot.record.hint
    # There is room, and it is the ballast's.
    with pytest.raises(StoreFull), whole.database.transaction(durable=False):
        pytest.fail("it began")
    assert whole.calls("AddOrder") == bought
    assert ballast.keep()
    assert full.restrictions(ACCOUNT) == ()
    assert await whole.cycle() == ""
    (row,) = whole.database.rows("SELECT count(*) FROM decisions")
    assert row[0] == 4, "no candle was left out"
    whole.assert_agreed()


async def test_an_entry_gets_nothing_of_the_ballast(small_disk: Path, whole: Any) -> None:
    assert whole.database.ballast.keep()
    whole.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    with no_room(small_disk):
        for _ in range(2):
            assert "full" in await whole.cycle()
    assert not whole.database.ballast.is_released
    assert whole.calls("AddOrder") == 0
    assert await whole.cycle() == ""
    assert whole.calls("AddOrder") == 1
