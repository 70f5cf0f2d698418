"""An armed account whose champion cannot be trusted only reduces, whether or not it accepts unproven models."""

from __future__ import annotations

from decimal import Decimal

import pytest

from autopilot.adapters.store.armings import SqliteArmings
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.lost_champions import LostChampions
from autopilot.domain.arming import Arming
from autopilot.domain.errors import ModelDamaged, ModelUnread
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelScope
from autopilot.domain.timeframe import Timeframe
from autopilot.domain.trading_mode import TradingMode

ACCOUNT = "live:kraken"
STARTED = "INSERT INTO autopilots VALUES ('BTC/USD', 'kraken', 'real', ?, '1h', 60.0, 0, 1, 1, 1, 0)"
DAMAGED, UNREAD = ModelDamaged("m-1 was altered"), ModelUnread("m-1 is being read", hint="nothing")


@pytest.mark.parametrize(
    ("error", "of", "runs", "code", "is_canceling"),
    [
        (DAMAGED, Timeframe.H1, True, "CHAMPION_LOST", True),
        (DAMAGED, Timeframe.H1, False, "CHAMPION_LOST", True),
        (DAMAGED, Timeframe.D1, True, None, False),
        (UNREAD, Timeframe.H1, True, "MODEL_UNREAD", False),
    ],
    ids=["damaged", "before the first start", "of other candles", "not read yet"],
)
@pytest.mark.parametrize("unproven", [True, False])
def test_an_account_follows_its_champion(
    error: ModelDamaged | ModelUnread,
    of: Timeframe,
    runs: bool,
    code: str | None,
    is_canceling: bool,
    unproven: bool,
    armings: SqliteArmings,
    database: Database,
) -> None:
    def damage(scope: ModelScope) -> ModelDamaged | ModelUnread | None:
        return error if scope == ModelScope(CandleKind.REAL, of) else None

    if runs:
        database.connection.execute(STARTED, (ACCOUNT,))
    lost = LostChampions(database, armings, lambda: 1_500, damage, allows_unproven=unproven)
    assert lost.restrictions(ACCOUNT) == (), "it is not armed"
    armings.arm(Arming(ACCOUNT, "USD", Decimal(500), unproven, 1_000, 2_000, "uid 1000 pid 7"))
    assert lost.restrictions("paper:kraken") == ()
    found = lost.restrictions(ACCOUNT)
    assert [each.code for each in found] == ([code] if code else [])
    for each in found:
        assert (each.mode, each.ends_resting_entries, each.detail) == (TradingMode.REDUCING, is_canceling, str(error))
