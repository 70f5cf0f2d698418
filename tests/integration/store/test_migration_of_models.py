"""What becomes of the only champion of version 7, by what its card says, and of an armed account that followed it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from small_models import keep_early_champion, keep_model

from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.store.armings import SqliteArmings
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.lost_champions import LostChampions
from autopilot.adapters.store.lost_places import SqliteLostPlaces
from autopilot.adapters.store.models import SqliteModels
from autopilot.adapters.store.schema import MIGRATIONS
from autopilot.adapters.store.trials import SqliteTrials
from autopilot.adapters.store.views.status import status_document
from autopilot.app.audit_log import audited
from autopilot.domain.account import account_name
from autopilot.domain.arming import Arming
from autopilot.domain.market import CandleKind, MarketKind
from autopilot.domain.model_state import ModelEvent, ModelScope, ModelState
from autopilot.domain.order import Purpose
from autopilot.domain.timeframe import DAY_MS, Timeframe

VERSION_7 = MIGRATIONS[:7]
REAL, SIMULATED = CandleKind.REAL, CandleKind.SIMULATED
HOUR, MINUTES = Timeframe.H1, Timeframe.M5
REAL_HOURS, REAL_MINUTES = ModelScope(REAL, HOUR), ModelScope(REAL, MINUTES)
SIMULATED_HOURS = ModelScope(SIMULATED, HOUR)
ARMED_AT_MS = 1_714_521_600_000
NOW_MS = ARMED_AT_MS + DAY_MS
ACCOUNT = "live:kraken"


@pytest.fixture
def files(path: Path) -> ModelFiles:
    return ModelFiles(path.with_name("models"))


@pytest.fixture
def early(path: Path) -> Callable[[], Any]:
    """The database of version 7; opened anew it is migrated."""

    @contextmanager
    def opened() -> Iterator[Database]:
        with closing(open_database(path, VERSION_7)) as database:
            yield database

    return opened


@pytest.fixture
def migrated(path: Path) -> Iterator[Callable[[], Database]]:
    """The database of this version, at its first start."""
    opened: list[Database] = []

    def migrate() -> Database:
        opened.append(open_database(path))
        return opened[-1]

    yield migrate
    for each in opened:
        each.close()


def started(database: Database, symbol: str, exchange: str, timeframe: Timeframe, *, live: bool = False) -> None:
    """Written as version 7 did it."""
    account = account_name(exchange, paper=not live)
    row = (symbol, exchange, MarketKind.of(exchange), account, timeframe, 60.0, not live, True, True, 1)
    with database.transaction(durable=True) as connection:
        connection.execute(
            "INSERT OR REPLACE INTO autopilots"
            " (symbol, exchange, market, account, timeframe, interval_s, paper_trading,"
            " auto_execute, running, started_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )


def places(database: Database) -> list[ModelScope | None]:
    return [each.scope for each in SqliteLostPlaces(database).vacant()]


def announced(path: Path) -> list[str]:
    """The health of `status`, without a daemon."""
    health = status_document(path, NOW_MS)["health"]
    return [each["detail"] for each in health if each["code"] == "MODEL_DISPLACED"]


def test_a_simulated_champion_keeps_simulated_candles_and_loses_real_ones(
    path: Path, files: ModelFiles, early: Any, migrated: Any
) -> None:
    with early() as database:
        keep_early_champion(database, files, "m-1", exchange="simulated")
        started(database, "BTC/USD", "coinbase", HOUR)
        started(database, "ETH/USD", "replay", MINUTES)
        started(database, "SOL/USD", "simulated", HOUR)
        database.connection.execute("INSERT INTO training_trials VALUES (1, 12)")
    database = migrated()
    models = SqliteModels(database)
    (champion,) = models.champions()
    assert (champion.id, champion.scope, champion.state) == ("m-1", SIMULATED_HOURS, ModelState.LIVE)
    assert places(database) == [REAL_HOURS, REAL_MINUTES]
    assert announced(path) == [
        f"no longer decides about {scope}: it was trained on simulated 1h candles; the rule table decides"
        for scope in (REAL_HOURS, REAL_MINUTES)
    ]
    assert [change.event for change in models.history(9)] == [ModelEvent.DISPLACED] * 2 + [ModelEvent.PROMOTED]
    assert {kind: SqliteTrials(database).count(kind) for kind in CandleKind} == {REAL: 12, SIMULATED: 0}


def test_a_champion_of_real_hours_keeps_them_and_loses_other_candles(
    path: Path, files: ModelFiles, early: Any, migrated: Any
) -> None:
    with early() as database:
        keep_early_champion(database, files, "m-1", exchange="coinbase")
        started(database, "BTC/USD", "coinbase", HOUR)
        started(database, "ETH/USD", "kraken", MINUTES)
        started(database, "SOL/USD", "simulated", HOUR)
    database = migrated()
    assert [each.scope for each in SqliteModels(database).champions()] == [REAL_HOURS]
    assert places(database) == [REAL_MINUTES, SIMULATED_HOURS]


def test_where_nothing_is_lost_nothing_is_announced(path: Path, files: ModelFiles, early: Any, migrated: Any) -> None:
    with early() as database:
        keep_early_champion(database, files, "m-1")
        started(database, "BTC/USD", "coinbase", HOUR)
    database = migrated()
    assert SqliteModels(database).champion(REAL_HOURS)
    assert (places(database), announced(path)) == ([], [])


def test_an_abstaining_champion_loses_nothing(path: Path, files: ModelFiles, early: Any, migrated: Any) -> None:
    with early() as database:
        keep_early_champion(database, files, "m-1", state="abstaining", exchange="simulated")
    assert places(migrated()) == []


def spoil(directory: Path, how: str) -> None:
    (card,) = directory.glob("m-1.*.json")
    (text,) = directory.glob("m-1.*.txt")
    match how:
        case "missing":
            card.unlink()
        case "altered card":
            card.write_bytes(card.read_bytes().replace(b"simulated", b"coinbase"))
        case "altered model":
            text.write_bytes(text.read_bytes() + b"\n")
        case "no JSON":
            card.write_bytes(b"{")
        case _:
            card.rename(card.with_suffix(".old"))
            card.symlink_to(card.with_suffix(".old"))


@pytest.mark.parametrize("how", ["missing", "altered card", "altered model", "no JSON", "a link"])
def test_of_a_card_that_cannot_be_trusted_nothing_is_known_and_nothing_decided(
    path: Path, files: ModelFiles, early: Any, migrated: Any, how: str
) -> None:
    with early() as database:
        keep_early_champion(database, files, "m-1", exchange="simulated")
        started(database, "BTC/USD", "coinbase", HOUR)
    spoil(path.with_name("models"), how)
    database = migrated()
    models = SqliteModels(database)
    assert models.champions() == ()
    (entry,) = models.entries()
    assert (entry.scope, entry.is_champion) == (None, False)
    (said,) = announced(path)
    assert "no longer decides about any candles: its card cannot be read or was altered" in said
    keep_model(database, files, "m-2", REAL_HOURS)
    assert announced(path) == []


@pytest.mark.parametrize(
    "card",
    [
        {"timeframe": "2h"},
        {"timeframe": None},
        {"exchange": None},
        {"exchange": ""},
        {"symbols": None},
        {"symbols": [1]},
    ],
    ids=str,
)
def test_a_card_that_does_not_say_it_gives_no_candles(
    files: ModelFiles, early: Any, migrated: Any, card: dict[str, Any]
) -> None:
    with early() as database:
        keep_early_champion(database, files, "m-1", **card)
    database = migrated()
    assert SqliteModels(database).champions() == ()
    assert places(database) == [None]


@pytest.mark.parametrize(
    ("simulated", "scope"),
    [((), REAL_HOURS), (("BTC/USD", "5m"), REAL_HOURS), (("ETH/USD", "1h"), REAL_HOURS), (("BTC/USD", "1h"), None)],
    ids=["none", "of another timeframe", "of another symbol", "of this series"],
)
def test_the_card_of_a_replay_is_of_real_candles_unless_it_may_have_been_simulated_ones(
    files: ModelFiles, early: Any, migrated: Any, simulated: tuple[str, str], scope: ModelScope | None
) -> None:
    with early() as database:
        keep_early_champion(database, files, "m-1", exchange="replay")
        if simulated:
            row = ("simulated", *simulated, 1, 1.0, 1.0, 1.0, 1.0, 1.0)
            database.connection.execute("INSERT INTO candles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    assert [each.scope for each in SqliteModels(migrated()).entries()] == [scope]


@pytest.mark.parametrize("how", ["another champion", "acknowledged", "reset"])
def test_the_announcement_ends(path: Path, files: ModelFiles, early: Any, migrated: Any, how: str) -> None:
    with early() as database:
        keep_early_champion(database, files, "m-1", exchange="simulated")
    database = migrated()
    assert len(announced(path)) == 1
    match how:
        case "another champion":
            keep_model(database, files, "m-2", REAL_MINUTES)
            assert len(announced(path)) == 1
            keep_model(database, files, "m-3", REAL_HOURS, ModelState.SHADOW)
        case "acknowledged":
            SqliteModels(database).demote(REAL_HOURS, NOW_MS, "by hand")
        case _:
            SqliteModels(database).reset(NOW_MS, "by hand")
    assert announced(path) == []


@contextmanager
def armed(early: Any, path: Path, files: ModelFiles, *, unproven: bool = False, **card: Any) -> Iterator[Database]:
    """An account that was armed before the migration. More may be stored in the block."""
    with early() as database, audited(database, path.with_name("audit.head")) as trail:
        keep_early_champion(database, files, "m-1", **card)
        arm(SqliteArmings(database, trail), ARMED_AT_MS, unproven=unproven)
        yield database


def arm(armings: SqliteArmings, at_ms: int, *, unproven: bool = False) -> None:
    armings.arm(Arming(ACCOUNT, "USD", Decimal(500), unproven, at_ms, at_ms + 9 * DAY_MS, "a test"))


def undamaged(_: ModelScope) -> None:
    """No champion has any damage."""


def held_back(database: Database, now_ms: int = NOW_MS, *, allows_unproven: bool = False) -> list[str]:
    lost = LostChampions(database, SqliteArmings(database), lambda: now_ms, undamaged, allows_unproven=allows_unproven)
    found = lost.restrictions(ACCOUNT)
    assert not any(each.mode.allows(Purpose.ENTRY) for each in found)
    assert all(each.mode.allows(Purpose.STOP_LOSS) and each.mode.allows(Purpose.TAKE_PROFIT) for each in found)
    assert all(each.ends_resting_entries and each.hint for each in found)
    assert lost.restrictions("paper:kraken") == lost.restrictions("live:binance") == ()
    return [each.detail for each in found]


def test_an_armed_account_buys_nothing_until_there_is_another_live_champion(
    path: Path, files: ModelFiles, early: Any, migrated: Any
) -> None:
    with armed(early, path, files, exchange="simulated") as database:
        started(database, "BTC/USD", "kraken", HOUR, live=True)
    database = migrated()
    assert held_back(database) == [
        "model m-1 no longer decides about real 1h candles: it was trained on simulated 1h candles"
    ]
    for model_id, scope, state in (
        ("m-2", SIMULATED_HOURS, ModelState.LIVE),
        ("m-3", REAL_MINUTES, ModelState.LIVE),
        ("m-4", REAL_HOURS, ModelState.SHADOW),
    ):
        keep_model(database, files, model_id, scope, state)
        assert held_back(database)
    keep_model(database, files, "m-5", REAL_HOURS)
    assert held_back(database) == []


def test_only_the_candles_that_the_account_trades_count(
    path: Path, files: ModelFiles, early: Any, migrated: Any
) -> None:
    with armed(early, path, files, exchange="kraken") as database:
        started(database, "BTC/USD", "kraken", HOUR, live=True)
        started(database, "ETH/USD", "coinbase", MINUTES)
    database = migrated()
    assert places(database) == [REAL_MINUTES]
    assert held_back(database) == []
    started(database, "BTC/USD", "kraken", MINUTES, live=True)
    assert len(held_back(database)) == 1


def test_a_real_champion_of_other_candles_does_not_do(path: Path, files: ModelFiles, early: Any, migrated: Any) -> None:
    with armed(early, path, files, exchange="kraken") as database:
        started(database, "BTC/USD", "kraken", MINUTES, live=True)
    database = migrated()
    assert held_back(database) == [
        "model m-1 no longer decides about real 5m candles: it was trained on real 1h candles"
    ]


def test_an_account_whose_champion_has_no_readable_card(
    path: Path, files: ModelFiles, early: Any, migrated: Any
) -> None:
    with armed(early, path, files) as database:
        started(database, "BTC/USD", "kraken", MINUTES, live=True)
    spoil(path.with_name("models"), "missing")
    database = migrated()
    assert len(held_back(database)) == 1
    keep_model(database, files, "m-2", REAL_HOURS)
    assert len(held_back(database)) == 1
    keep_model(database, files, "m-3", REAL_MINUTES)
    assert held_back(database) == []


def test_with_an_authorization_for_unproven_models_a_shadow_model_will_do(
    path: Path, files: ModelFiles, early: Any, migrated: Any
) -> None:
    with armed(early, path, files, unproven=True, exchange="simulated") as database:
        started(database, "BTC/USD", "kraken", HOUR, live=True)
    database = migrated()
    assert held_back(database, allows_unproven=True)
    keep_model(database, files, "m-2", REAL_HOURS, ModelState.SHADOW)
    assert held_back(database, allows_unproven=True) == []
    assert held_back(database, allows_unproven=False)


def test_to_acknowledge_it_does_not_let_the_account_buy_and_to_arm_it_anew_does(
    path: Path, files: ModelFiles, early: Any, migrated: Any
) -> None:
    with armed(early, path, files, unproven=True, exchange="simulated"):
        pass
    database = migrated()
    SqliteModels(database).reset(NOW_MS, "by hand")
    assert held_back(database, allows_unproven=True)
    (place,) = SqliteLostPlaces(database).every()
    with audited(database, path.with_name("audit.head")) as trail:
        arm(SqliteArmings(database, trail), place.at_ms + 1, unproven=True)
    assert held_back(database, place.at_ms + 2, allows_unproven=True) == []
