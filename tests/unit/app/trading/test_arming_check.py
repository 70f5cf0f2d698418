"""What makes an account ready for real money: each thing on its own, and everything looked at whatever failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from autopilot.adapters.store.armings import PaperRecord
from autopilot.app.trading.arming_check import (
    MIN_FREE_BYTES,
    ArmingRequest,
    Deciding,
    LocalFacts,
    arming_findings,
    local_findings,
)
from autopilot.domain.credentials import KeyRights
from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelScope, ModelState
from autopilot.domain.order import OrderReport, OrderStatus
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.broker import Balance

WISH = ArmingRequest(
    account="live:kraken",
    max_value=Decimal(500),
    currency="USD",
    symbols=["BTC/USD"],
    timeframe=Timeframe.H1,
    unproven=False,
)


def decides(state: ModelState | None, timeframe: Timeframe = Timeframe.H1) -> Deciding:
    """About real candles."""
    return Deciding(ModelScope(CandleKind.REAL, timeframe), state, "no learned model for such candles")


MACHINE = LocalFacts(
    paper=PaperRecord("kraken", 7, 5),
    unsettled=0,
    audit_problem=None,
    audit_breaks=(),
    free_bytes=MIN_FREE_BYTES,
    deciding=(decides(ModelState.LIVE),),
)
TRADING = KeyRights(can_trade=True, can_move_money=False)
FOREIGN = OrderReport("", "O-1", OrderStatus.OPEN, Decimal(0), (), 1)


@dataclass
class Account:
    """Ready, unless told otherwise; ``silent`` names what it does not answer."""

    free: str = "10"
    offset_ms: int = 3_000
    may: KeyRights = TRADING
    silent: str = ""
    shown: tuple[OrderReport, ...] = ()
    owned: Mapping[str, Balance] = field(default_factory=dict)

    def _answer(self, what: str) -> None:
        if what == self.silent:
            raise MarketUnavailable(f"no {what}", hint="again")

    async def balances(self) -> Mapping[str, Balance]:
        self._answer("balances")
        return {"USD": Balance(Decimal(20), Decimal(self.free)), **self.owned}

    async def rights(self) -> KeyRights:
        self._answer("rights")
        return self.may

    async def clock_offset_ms(self) -> int:
        self._answer("clock")
        return self.offset_ms

    async def open_orders(self, symbol: str) -> tuple[OrderReport, ...]:
        self._answer("orders")
        return self.shown


class Books:
    """Empty."""

    def order(self, client_order_id: str) -> None:
        return None

    def open_orders(self, account: str, symbol: str | None = None) -> tuple[Any, ...]:
        return ()

    def positions(self, account: str) -> tuple[Any, ...]:
        return ()


async def failed(
    wish: ArmingRequest = WISH, machine: LocalFacts = MACHINE, account: Account | None = None
) -> list[str]:
    found = await arming_findings(wish, machine, account or Account(), Books())  # type: ignore[arg-type]
    assert all(each.detail for each in found)
    assert all(each.remedy for each in found if not each.passed)
    return [each.code for each in found if not each.passed]


async def test_an_account_that_is_ready() -> None:
    assert await failed() == []
    assert await failed(account=Account(may=KeyRights(), shown=(FOREIGN,))) == []
    assert await failed(replace(WISH, unproven=True), replace(MACHINE, deciding=(decides(None),))) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"paper": PaperRecord("kraken", 6, 5)}, "PAPER_DAYS"),
        ({"paper": PaperRecord("kraken", 7, 4)}, "PAPER_TRADES"),
        ({"unsettled": 1}, "ORDERS_SETTLED"),
        ({"audit_problem": "row 3 was edited"}, "AUDIT_WHOLE"),
        ({"free_bytes": MIN_FREE_BYTES - 1}, "DISK_FREE"),
        ({"deciding": (decides(None),)}, "MODEL_PROVEN"),
        ({"deciding": (decides(ModelState.SHADOW),)}, "MODEL_PROVEN"),
        ({"deciding": (decides(ModelState.LIVE), decides(None, Timeframe.M5))}, "MODEL_PROVEN"),
    ],
)
async def test_what_the_machine_lacks(change: dict[str, Any], code: str) -> None:
    assert await failed(machine=replace(MACHINE, **change)) == [code]


async def test_a_break_of_the_past_is_told_and_no_reason_to_refuse() -> None:
    found = local_findings(replace(MACHINE, audit_breaks=(4, 9)))
    (whole,) = (each for each in found if each.code == "AUDIT_WHOLE")
    assert whole.passed
    assert "intact since row 9" in whole.detail


@pytest.mark.parametrize(
    ("account", "code"),
    [
        (Account(free="0"), "BALANCE_FREE"),
        (Account(offset_ms=3_001), "CLOCK_RIGHT"),
        (Account(offset_ms=-3_001), "CLOCK_RIGHT"),
        (Account(may=KeyRights(True, True)), "KEY_RIGHTS"),
        (Account(may=KeyRights(None, True)), "KEY_RIGHTS"),
        (Account(may=KeyRights(False, False)), "KEY_RIGHTS"),
        (Account(may=KeyRights(False, False, ("query-funds",)), silent="balances"), "KEY_RIGHTS"),
        (Account(silent="rights"), "ACCOUNT_ANSWERS"),
        (Account(silent="balances"), "EXCHANGE_ANSWERS"),
        (Account(silent="clock"), "EXCHANGE_ANSWERS"),
        (Account(silent="orders"), "EXCHANGE_ANSWERS"),
    ],
)
async def test_what_the_exchange_says_or_does_not(account: Account, code: str) -> None:
    assert await failed(account=account) == [code]


async def test_what_the_key_lacks_is_named() -> None:
    account = Account(may=KeyRights(False, False, ("query-funds", "close-trades")))
    found = await arming_findings(WISH, MACHINE, account, Books())  # type: ignore[arg-type]
    assert found[-1].detail == "the key may not trade: it lacks query-funds, close-trades"


async def test_all_is_looked_at_whatever_failed_before() -> None:
    codes = await failed(
        machine=replace(MACHINE, unsettled=2, deciding=(decides(None),)), account=Account(free="0", offset_ms=9_000)
    )
    assert codes == ["ORDERS_SETTLED", "MODEL_PROVEN", "BALANCE_FREE", "CLOCK_RIGHT"]
