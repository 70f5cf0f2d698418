"""The backtest and the daemon's own cycle on the same candles: the same decisions, orders and fills, one by one."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from autopilot.adapters.clock import WallClock
from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange
from autopilot.adapters.models.champions import Champions
from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.models.first_reading import FIRST_READER
from autopilot.adapters.models.readings import FirstReadings
from autopilot.adapters.sentiment.offline import NeutralSentiment
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.models import SqliteModels
from autopilot.app.backtest import run as backtest_run
from autopilot.app.backtest.data import Period
from autopilot.app.backtest.request import BacktestRequest, StoredModel
from autopilot.app.backtest.run import BacktestRun, run_backtest
from autopilot.app.trading.accounts import AccountOpener
from autopilot.app.trading.autopilots import Wiring
from autopilot.app.training.run import run_training
from autopilot.config.paths import Paths, find_paths
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.order import OrderStatus, Purpose
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, Timeframe
from autopilot.engine.account_watch import AccountWatch
from autopilot.engine.events import EventLog
from autopilot.engine.intelligent_autopilot import IntelligentAutopilot
from autopilot.engine.state import RunState
from autopilot.execution.restrictions import Restrictions
from autopilot.strategies.registry import load_strategies
from autopilot.training.request import TrainingRequest

SYMBOLS = ("BTC/USD", "ETH/USD")
DAYS, LONG_DAYS = 15, 25
HISTORY = 1000
MODEL_DAYS = 60


def quiet(*_: Any) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with candles of an exchange `there`: two symbols, the second without the last few. Its parameter: the
    days after the history."""
    days = getattr(request, "param", DAYS)
    found = find_paths(None, tmp_path_factory.mktemp("backtest"), {})
    market = SimulatedExchange()
    count = HISTORY + days * 24

    async def candles() -> None:
        market.subscribe(SYMBOLS, Timeframe.H1, None)
        until_ms = market.clock.now_ms() + days * DAY_MS
        market.subscribe(SYMBOLS, Timeframe.H1, until_ms)
        database = open_database(found.database)
        store = SqliteCandles(database)
        # What lies before is for the model of the second test; it is stored under another name.
        longer = await market.history("BTC/USD", Timeframe.H1, until_ms, count + (MODEL_DAYS + 40) * 24)
        for symbol in SYMBOLS:
            made = await market.history(symbol, Timeframe.H1, until_ms, count)
            kept = made if symbol == "BTC/USD" else made.until(made.last_at_ms - 3 * HOUR_MS)
            store.save_candles("there", symbol, kept)
        store.save_candles("before", "BTC/USD", longer.until(int(made.open_at_ms[HISTORY]) - HOUR_MS))
        database.close()

    asyncio.run(candles())
    return found.database


@pytest.fixture
def paths(stored: Path, tmp_path: Path) -> Paths:
    found = find_paths(None, tmp_path, {})
    found.database.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(stored, found.database)
    return found


@pytest.fixture
def database(paths: Paths) -> Iterator[Database]:
    opened = open_database(paths.database)
    yield opened
    opened.close()


def config(**more: Any) -> AutopilotConfig:
    return AutopilotConfig.of(
        {
            "exchange": "replay",
            "symbols": list(SYMBOLS),
            "auto_execute": True,
            "interval": 0.01,
            "min_confidence_threshold": 0.3,
            "replay": {"source": "there", "speed": 0.0},
            **more,
        }
    )


async def drive(settings: AutopilotConfig, paths: Paths, database: Database) -> None:
    """The daemon's cycles, until the stored candles end."""
    strategies = load_strategies()
    champions = Champions(
        SqliteModels(database),
        ModelFiles(paths.models_dir),
        strategies.groups,
        60 * DAY_MS,
        FirstReadings(database, None, FIRST_READER),
    )
    events = EventLog(WallClock().now_ms)
    accounts = AccountOpener(settings, database, events, Restrictions())
    watch = AccountWatch(WallClock(), events)
    wiring = Wiring(accounts, strategies, NeutralSentiment(), champions, watch)
    venue = wiring.open_venue("paper:replay")
    wanted = [
        settings.trading(each, exchange="replay", timeframe=Timeframe.H1, interval_s=0.01, auto_execute=True)
        for each in SYMBOLS
    ]
    autopilots = [venue.make(each) for each in wanted]
    venue.source.subscribe(SYMBOLS, Timeframe.H1, None)

    async def cycles(autopilot: IntelligentAutopilot) -> None:
        while autopilot.record.state is not RunState.FINISHED:
            await autopilot.run_cycle()
            assert autopilot.record.errors == 0, autopilot.record.last_error
        venue.source.unsubscribe(autopilot.symbol)

    await asyncio.gather(*map(cycles, autopilots))


def backtested(settings: AutopilotConfig, paths: Paths, model: StoredModel | None) -> BacktestRun:
    request = BacktestRequest(exchange="replay", symbols=SYMBOLS, timeframe=Timeframe.H1, period=Period(), model=model)
    return run_backtest(paths, settings, request, quiet)


def both(settings: AutopilotConfig, paths: Paths, database: Database, model: StoredModel | None) -> BacktestRun:
    asyncio.run(drive(settings, paths, database))
    return backtested(settings, paths, model)


def assert_same(run: BacktestRun, database: Database) -> None:
    rows = database.rows(
        'SELECT id, symbol, candle_at_ms, regime, "group", strategy, decided_by, confidence, signal_type, price,'
        " action, denied_code, order_id FROM decisions WHERE signal_type <> 'none' ORDER BY candle_at_ms, symbol"
    )
    theirs = [tuple(row) for row in rows]
    ours = [
        (
            *(each.id, each.symbol, each.candle_at_ms, each.regime, each.group, each.strategy, each.decided_by),
            *(each.confidence, each.signal_type, each.price, each.action, each.denied_code, each.order_id),
        )
        for each in sorted(run.decisions(), key=lambda each: (each.candle_at_ms, each.symbol))
    ]
    for one, other in zip(ours, theirs, strict=False):
        assert one == other
    assert len(ours) == len(theirs)
    (decided,) = database.row("SELECT count(*) FROM decisions") or (0,)
    assert run.outcome.candles == decided
    fills = database.rows("SELECT fill_id, side, quantity, price, fee, at_ms FROM fills ORDER BY at_ms, fill_id")
    assert [
        (each.fill_id, each.side.value, each.quantity, each.price, each.fee, each.at_ms)
        for each in sorted(run.outcome.books.fills, key=lambda each: (each.at_ms, each.fill_id))
    ] == [(row[0], row[1], Decimal(row[2]), Decimal(row[3]), Decimal(row[4]), row[5]) for row in fills]
    statuses = {row[0]: row[1] for row in database.rows("SELECT client_order_id, status FROM orders")}
    assert {each.client_order_id: each.status.value for each in run.outcome.books.orders} == statuses


@pytest.fixture(autouse=True)
def same_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids are made of the account's name."""
    monkeypatch.setattr(backtest_run, "account_of", lambda request: f"paper:{request.exchange}")


def test_under_the_rule_table(paths: Paths, database: Database) -> None:
    run = both(config(), paths, database, None)
    assert_same(run, database)
    assert len(run.outcome.books.round_trips) >= 5, "a test of trading must trade"
    assert {each.purpose for each in run.outcome.books.orders} >= {Purpose.ENTRY, Purpose.STOP_LOSS}
    assert any(each.denied_code for each in run.decisions())


def test_under_tight_limits_and_resting_orders(paths: Paths, database: Database) -> None:
    settings = config(
        risk={"max_daily_loss_pct": 0.2, "cooldown_candles": 12, "max_consecutive_losses": 2},
        orders={"limit_life_candles": 3},
        max_trades_per_day=1,
    )
    run = both(settings, paths, database, None)
    assert_same(run, database)
    denied = {each.denied_code for each in run.decisions()}
    assert {"TRADES_PER_DAY_REACHED", "DAILY_LOSS_REACHED", "LOSING_STREAK"} <= denied


for_long = pytest.mark.parametrize("stored", [LONG_DAYS], indirect=True)


@for_long
def test_under_protections_and_losses_that_close_positions(paths: Paths, database: Database) -> None:
    settings = config(
        risk={
            "cooldown_candles": 0,
            "max_consecutive_losses": 100,
            "max_daily_loss_pct": 0.6,
            "on_daily_loss": "close_positions",
            "max_drawdown_pct": 1.3,
            "on_drawdown": "close_positions",
            "drawdown_pause_days": 1,
            "exit_cooldown_candles": 2,
            "stop_guard": {"symbol_stops": 1, "account_stops": 2, "lookback_candles": 48, "pause_candles": 24},
            "low_profit": {"min_trades": 2, "lookback_candles": 48, "pause_candles": 12},
            "recent_drawdown": {"max_pct": 0.6, "lookback_candles": 72, "pause_candles": 12},
        },
    )
    run = both(settings, paths, database, None)
    assert_same(run, database)
    denied = {each.denied_code for each in run.decisions()}
    assert {"EXIT_COOLDOWN_ACTIVE", "LOW_PROFIT", "RECENT_DRAWDOWN_REACHED", "DRAWDOWN_REACHED"} <= denied
    assert {"SYMBOL_STOPS_REACHED", "ACCOUNT_STOPS_REACHED"} <= denied
    closed = [order for order in run.outcome.books.orders if order.purpose is Purpose.PROTECTION]
    assert all(order.status is OrderStatus.FILLED for order in closed)
    reasons = " ".join(order.reason for order in closed)
    assert all(words in reasons for words in ("lost today", "from the highest equity", "another position"))
    fallen_at_ms = max(order.created_at_ms for order in closed if "highest" in order.reason)
    assert any(trip.opened_at_ms > fallen_at_ms + DAY_MS for trip in run.outcome.books.round_trips), "the pause ended"


@for_long
def test_under_a_learned_model(paths: Paths, database: Database) -> None:
    settings = config(model={"life_days": 400})
    training = TrainingRequest("replay", ("BTC/USD",), Timeframe.H1, MODEL_DAYS, 5)
    before = settings.model_copy(update={"replay": replace(settings.replay, source="before")})
    model_id = str(run_training(paths, before, training, quiet)["model_id"])
    SqliteModels(database).promote(model_id, 1, "for the test")
    run = both(settings, paths, database, StoredModel(model_id))
    assert_same(run, database)
    # The model decides once the strategies' record of 30 days has filled, in both of them.
    assert {each.decided_by for each in run.decisions()} == {"rules", "model"}


def test_a_single_strategy_takes_every_signal_of_it_and_no_other(paths: Paths) -> None:
    request = BacktestRequest(
        exchange="replay",
        symbols=SYMBOLS,
        timeframe=Timeframe.H1,
        period=Period(),
        model=None,
        strategy="macd",
    )
    run = run_backtest(paths, config(), request, quiet)
    assert {each.strategy for each in run.decisions()} == {"macd"}
    assert "CONFIDENCE_BELOW_THRESHOLD" not in {each.denied_code for each in run.decisions()}
    series = run.traded[0].series
    spoken = int((series.signals.at >= run.tested[0].first).sum())
    assert sum(each.symbol == "BTC/USD" for each in run.decisions()) == spoken
