"""A real desk and real books before a loopback Kraken, reached through the unmodified ccxt."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from daily_market import RISING, daily_market
from fake_clock import FakeClock, exchange_clock
from fake_event_sink import FakeEventSink
from kraken_exchange import API_KEY, SECRET, KrakenExchange
from loopback_exchange import LoopbackExchange
from orders import an_order
from places import PLACES
from ready_database import ready_database

from autopilot.adapters.audit_head import Anchor
from autopilot.adapters.clock import SteadyClock, WallClock
from autopilot.adapters.exchange import gateway as gateway_module
from autopilot.adapters.exchange import public_exchange
from autopilot.adapters.exchange.ccxt_broker import SEND_WITHIN_MS, CcxtBroker
from autopilot.adapters.exchange.ccxt_setup import open_exchange
from autopilot.adapters.exchange.exchange_clock import ExchangeClock
from autopilot.adapters.exchange.gateway import Gateway
from autopilot.adapters.exchange.venues import opening
from autopilot.adapters.exchange.venues.known import venue_rules
from autopilot.adapters.models.champions import Champions
from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.models.first_reading import FIRST_READER
from autopilot.adapters.models.readings import FirstReadings
from autopilot.adapters.sentiment.offline import NeutralSentiment
from autopilot.adapters.store.armings import NotArmed, SqliteArmings
from autopilot.adapters.store.audit import AuditTrail, advanced
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.full_disk import FullDisk
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.models import SqliteModels
from autopilot.adapters.store.trading_modes import SqliteTradingModes
from autopilot.app.trading.accounts import AccountOpener
from autopilot.app.trading.autopilots import Wiring
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.arming import Arming
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.errors import ExchangeError
from autopilot.domain.market import Market
from autopilot.domain.order import Order, OrderType, Purpose, Side, client_order_id
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe
from autopilot.engine.account_watch import AccountWatch
from autopilot.engine.events import EventLog
from autopilot.engine.intelligent_autopilot import IntelligentAutopilot
from autopilot.engine.liquidation import Liquidation
from autopilot.execution.order_desk import OrderDesk
from autopilot.execution.restrictions import Restrictions
from autopilot.strategies.registry import load_strategies

ACCOUNT = "live:kraken"


@dataclass
class Desk:
    """``desk`` trades on ``exchange`` and keeps its books in a real file. ``pause_ms``: until what was sent is there,
    or never will be; ``clock``: this machine's; ``theirs``: the exchange's, as we know it."""

    account: str
    market: Market
    pause_ms: int
    exchange: Any
    clock: FakeClock
    theirs: ExchangeClock
    database: Database
    ledger: SqliteLedger
    broker: CcxtBroker
    desk: OrderDesk

    def restart(self) -> None:
        """What a process keeps in its memory is gone."""
        self.database.close()
        self.database = open_database(self.database.path)
        self.ledger = SqliteLedger(self.database)
        self.desk = OrderDesk(self.account, self.broker, self.ledger, self.theirs, FakeEventSink(), Restrictions())

    def guard(self) -> None:
        """From now on stops rest on the exchange."""
        self.desk = OrderDesk(
            self.account, self.broker, self.ledger, self.theirs, FakeEventSink(), Restrictions(), stops=True
        )

    def intend(self, kind: OrderType, side: Side = Side.BUY, quantity: str = "0.01", **more: Any) -> Order:
        """Committed and not sent yet, as a crash right after the commit leaves it."""
        is_limit = kind is OrderType.LIMIT
        purpose = Purpose.ENTRY if side is Side.BUY else Purpose.TAKE_PROFIT
        order = an_order(
            client_order_id(self.account, self.market.symbol, self.theirs.now_ms(), purpose),
            account=self.account,
            symbol=self.market.symbol,
            side=side,
            type=kind,
            purpose=purpose,
            quantity=Decimal(quantity),
            price=Decimal("29970.1" if side is Side.BUY else "30030.1") if is_limit else None,
            reference_price=Decimal(30_000),
            created_at_ms=self.theirs.now_ms(),
            expires_at_ms=self.theirs.now_ms() + HOUR_MS if is_limit else None,
            reason="a test",
            **more,
        )
        self.ledger.save_order(order)
        return order

    async def follow(self) -> None:
        with suppress(ExchangeError):
            await self.desk.follow(self.market)

    async def reconcile(self, times: int = 2) -> None:
        """As the daemon does it after trouble, with a pause between."""
        for _ in range(times):
            self.clock.at_ms += self.pause_ms
            with suppress(ExchangeError):
                await self.desk.reconcile(self.market)

    def order(self, order: Order) -> Order:
        found = self.ledger.order(order.client_order_id)
        assert found
        return found

    def assert_agreed(self) -> None:
        """No order twice, none unknown, and every coin where the exchange's own ledger says."""
        ours = [row[0] for row in self.database.rows("SELECT client_order_id FROM orders")]
        for name in ours:
            assert len(self.exchange.named(name)) <= 1, "sent twice"
            order = self.ledger.order(name)
            assert order
            assert order.status.value not in ("unknown", "submitted", "new")
        held = sum((each.quantity for each in self.ledger.positions(self.account)), Decimal(0))
        assert held == self.exchange.balances["BTC"]
        rows = self.database.rows("SELECT fill_id, quantity, price, fee FROM fills")
        fills = {row[0]: tuple(map(Decimal, row[1:])) for row in rows}
        assert fills == {name: (each.quantity, each.price, each.fee) for name, each in self.exchange.trades.items()}


@dataclass
class Whole:
    """``autopilot`` trades real money as the daemon wires it, in a market of daily candles that it buys at once."""

    exchange: KrakenExchange
    clock: FakeClock
    database: Database
    autopilot: IntelligentAutopilot
    liquidation: Liquidation
    account: str = ACCOUNT

    async def cycle(self, seconds: float = 60) -> str:
        """The next one, so much later: what the status says of it."""
        self.clock.at_ms += int(seconds * 1000)
        await self.autopilot.run_cycle()
        return self.autopilot.record.message

    async def buy(self) -> Decimal:
        """Its position; the stop is not on the exchange."""
        await self.cycle()
        (order,) = self.exchange.orders.values()
        self.exchange.fill(order, order.quantity)
        await self.cycle()
        (position,) = self.ledger.positions(self.account)
        return position.quantity

    def calls(self, name: str) -> int:
        return [asked for asked, _ in self.exchange.asked].count(name)

    def move(self, times: float) -> None:
        """The price; a stop, or a target, is touched on the way."""
        last = self.exchange.candles[-1]
        last[4] = f"{float(last[4]) * times:.1f}"
        last[2], last[3] = (f"{found(float(last[1]), float(last[4])):.1f}" for found in (max, min))
        self.exchange.price["BTC"] = Decimal(last[4])

    def assert_agreed(self) -> None:
        Desk.assert_agreed(self)  # type: ignore[arg-type]

    @property
    def ledger(self) -> SqliteLedger:
        return SqliteLedger(self.database)

    @property
    def modes(self) -> SqliteTradingModes:
        return SqliteTradingModes(self.database)


def hangs(request: pytest.FixtureRequest) -> bool:
    """Whether the test's exchange lets a question hang: not every one that is about an exchange."""
    return bool(re.search("(?<![a-z])hang", request.node.name))


def hurry(monkeypatch: pytest.MonkeyPatch, exchange: LoopbackExchange) -> None:
    """To this exchange, and the pauses that a real one asks for are not for the loopback."""

    async def opened(name: str, timeout_s: float, base_url: str | None, **more: Any) -> Any:
        made = await open_exchange(name, timeout_s, exchange.url, **{**more, "enableRateLimit": False})
        made.timeout_on_exit = 0
        return made

    monkeypatch.setattr(gateway_module, "open_exchange", opened)
    monkeypatch.setattr(public_exchange, "open_exchange", opened)


@pytest.fixture
async def whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Whole]:
    rows = daily_market(RISING)[-1_010:]
    # At noon of the newest candle's day no candle closes in the minutes that a test lasts, whenever it is run.
    clock = FakeClock(int(rows[-1][0]) * 1000 + DAY_MS // 2)
    for each in (WallClock, SteadyClock):
        monkeypatch.setattr(each, "now_ms", lambda self: clock.at_ms)
    exchange = KrakenExchange(clock.now_ms)
    exchange.candles = rows
    exchange.price["BTC"] = Decimal(rows[-1][4])
    await exchange.start()
    hurry(monkeypatch, exchange)
    if hangs(request):
        monkeypatch.setattr(opening, "Gateway", partial(Gateway, timeout_s=0.8))
    database = ready_database(tmp_path / "autopilot.db")
    database.ballast.keep()
    anchor = Anchor(tmp_path / "audit.head", partial(advanced, database.path))
    armings = SqliteArmings(database, AuditTrail(anchor, "a test", clock.now_ms))
    armings.arm(Arming(ACCOUNT, "USD", Decimal(500), True, 0, clock.at_ms + 30 * DAY_MS, "a test"))
    strategies = load_strategies()
    champions = Champions(
        SqliteModels(database),
        ModelFiles(tmp_path / "models"),
        strategies.groups,
        DAY_MS,
        FirstReadings(database, None, FIRST_READER),
    )
    events, config = (
        EventLog(clock.now_ms),
        AutopilotConfig.of({"exchange": "kraken", "model": {"allow_unproven": True}}),
    )
    watch = AccountWatch(clock, events)
    restrictions = Restrictions(watch, NotArmed(armings, clock.now_ms), FullDisk(database.ballast))
    keys = ExchangeKeys(API_KEY, SECRET)
    accounts = AccountOpener(config, database, events, restrictions, keys=lambda name: keys)
    made = Wiring(accounts, strategies, NeutralSentiment(), champions, watch)
    venue = made.open_venue(ACCOUNT)
    settings = AutopilotConfig(min_confidence_threshold=0.0).trading(
        "BTC/USD",
        exchange="kraken",
        timeframe=Timeframe.D1,
        interval_s=60.0,
        auto_execute=True,
        paper_trading=False,
    )
    yield Whole(exchange, clock, database, venue.make(settings), venue.liquidation)
    await venue.close()
    await exchange.stop()
    anchor.flush()
    database.close()


@pytest.fixture
def open_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Callable[[str], AbstractAsyncContextManager[Desk]]:
    """A desk on the exchange of this name, with nothing in its books."""

    @asynccontextmanager
    async def opened(name: str) -> AsyncIterator[Desk]:
        place, account, clock = PLACES[name], f"live:{name}", FakeClock()
        exchange, venue = place.opens(clock.now_ms), venue_rules(name)
        await exchange.start()
        hurry(monkeypatch, exchange)
        # Only who is to wait for an answer that never comes waits for a short time.
        timeout_s = 0.4 if hangs(request) else 10.0
        theirs = exchange_clock(name, clock)
        gateway = Gateway(
            venue, place.keys, theirs, nonces_dir=tmp_path / "nonces", base_url=exchange.url, timeout_s=timeout_s
        )
        broker = CcxtBroker(account, gateway, venue.orders, theirs)
        database = ready_database(tmp_path / "autopilot.db")
        ledger = SqliteLedger(database)
        desk = OrderDesk(account, broker, ledger, theirs, FakeEventSink(), Restrictions())
        pause_ms = max(MINUTE_MS, SEND_WITHIN_MS + venue.orders.settles_within_ms)
        made = Desk(account, place.market, pause_ms, exchange, clock, theirs, database, ledger, broker, desk)
        yield made
        await broker.close()
        await exchange.stop()
        made.database.close()

    return opened


@pytest.fixture
async def live(open_live: Callable[[str], AbstractAsyncContextManager[Desk]]) -> AsyncIterator[Desk]:
    """On Kraken."""
    async with open_live("kraken") as made:
        yield made


@pytest.fixture
async def binance(open_live: Callable[[str], AbstractAsyncContextManager[Desk]]) -> AsyncIterator[Desk]:
    async with open_live("binance") as made:
        yield made


@pytest.fixture
async def coinbase(open_live: Callable[[str], AbstractAsyncContextManager[Desk]]) -> AsyncIterator[Desk]:
    async with open_live("coinbase") as made:
        yield made


@pytest.fixture(params=PLACES)
async def anywhere(
    open_live: Callable[[str], AbstractAsyncContextManager[Desk]], request: pytest.FixtureRequest
) -> AsyncIterator[Desk]:
    """On each exchange that takes real orders."""
    async with open_live(request.param) as made:
        yield made
