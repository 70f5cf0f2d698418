"""Starting, stopping and exiting in a daemon's own parts, on real files: how the last one ended, and what is held."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from orders import an_order

from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.views.status import status_document
from autopilot.config.paths import Paths, create_directories, find_paths
from autopilot.control.errors import Conflict, ExitDenied, SafetyRefused
from autopilot.control.requests import ExitRequest, StartRequest, StopRequest
from autopilot.daemon.autopilots import Running
from autopilot.daemon.service import AutopilotService
from autopilot.daemon.wiring import open_service
from autopilot.domain.errors import MarketUnavailable, NotFound, UnknownExchange
from autopilot.domain.order import Fill, OrderStatus, Side
from autopilot.domain.timeframe import Timeframe
from autopilot.engine import liquidation
from autopilot.execution.paper import PaperBroker

BTC, ETH, SOL = "BTC/USD", "ETH/USD", "SOL/USD"
SIMULATED = "paper:simulated"
CONFIG: dict[str, Any] = {
    "exchange": "simulated",
    "symbols": [BTC],
    "auto_execute": True,
    "min_confidence_threshold": 0.45,
    "interval": 0.1,
    "simulated": {"seed": 3, "end": "2024-01-02T18:00:00Z", "speed": 0.0},
}
"""A market that has ended, and left a position of BTC/USD: nothing else changes it."""


class Machine:
    """A data directory, and the parts of at most one daemon on it."""

    def __init__(self, directory: Path) -> None:
        self.paths: Paths = find_paths(None, directory, {})
        self.ends = 0
        self._service: AutopilotService | None = None

    def configure(self, **changes: Any) -> None:
        create_directories(self.paths)
        self.paths.config_file.write_text(tomli_w.dumps({**CONFIG, **changes}))

    @property
    def daemon(self) -> AutopilotService:
        """Started if none runs; then it takes up by itself what ran."""
        if self._service is None:
            self._service = open_service(self.paths, self._asked_to_end)
        return self._service

    def _asked_to_end(self) -> None:
        self.ends += 1

    async def crash(self) -> None:
        """The daemon ends, and nobody has stopped its symbols: by a signal, or by nothing that it notices."""
        service, self._service = self._service, None
        if service:
            await service.close()

    async def stop(self, symbol: str | None = None, *, flatten: bool = False) -> Any:
        answer = await self.daemon.stop(StopRequest(symbol=symbol, flatten=flatten))
        if answer["daemon"] == "stopping":
            await self.crash()
        return answer

    async def start(self, *symbols: str, **options: Any) -> Any:
        return await self.daemon.start(StartRequest(symbols=symbols or None, **options))

    async def exit(self, symbol: str, quantity: str | None = None, account: str | None = None) -> Any:
        amount = None if quantity is None else Decimal(quantity)
        return await self.daemon.exit(ExitRequest(symbol=symbol, quantity=amount, account=account))

    async def running(self) -> dict[str, tuple[str, str, float, bool]]:
        """Exchange, timeframe, interval and auto-execute of each symbol that runs."""
        return {
            each["symbol"]: (each["exchange"], each["timeframe"], each["interval"], each["auto_execute"])
            for each in (await self.daemon.status(None))["symbols"]
            if each["running"]
        }

    def health(self) -> list[tuple[str, str, str]]:
        """Of the database, without a daemon."""
        found = status_document(self.paths.database, 0)["health"]
        return [(each["code"], each["level"], each["subject"]) for each in found]

    def held(self) -> dict[tuple[str, str], Decimal]:
        database = open_database(self.paths.database)
        rows = database.rows("SELECT account, symbol, quantity FROM positions")
        database.close()
        return {(row["account"], row["symbol"]): Decimal(row["quantity"]) for row in rows}

    def hold(self, account: str, symbol: str, *, filled: bool = True) -> None:
        """A position of 0.5 in the account or, if it is not ``filled``, an open order to buy."""
        database = open_database(self.paths.database)
        order = an_order(f"{account} {symbol}", account=account, symbol=symbol, quantity=Decimal("0.5"))
        order = order.to(OrderStatus.SUBMITTED, order.created_at_ms)
        if filled:
            fill = Fill("f", order.client_order_id, account, symbol, Side.BUY, Decimal("0.5"), Decimal(100), Decimal(0),
                        "USD", False, order.created_at_ms)  # fmt: skip
            SqliteLedger(database).apply_fills(order.to(OrderStatus.FILLED, 1, filled=Decimal("0.5")), [fill])
        else:
            SqliteLedger(database).save_order(order.to(OrderStatus.OPEN, order.created_at_ms))
        database.close()


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory whose daemon crashed when it held BTC/USD at the end of its market."""
    directory = tmp_path_factory.mktemp("traded")
    machine = Machine(directory)
    machine.configure()

    async def trade() -> None:
        await machine.start()
        async for event in machine.daemon.events.since(0):
            if event.kind == "symbol" and event.body["state"] == "finished":
                break
        await machine.crash()

    asyncio.run(trade())
    assert list(machine.held()) == [(SIMULATED, BTC)]
    return directory


@pytest.fixture
async def open_machine(tmp_path: Path) -> AsyncIterator[Callable[[Path | None], Machine]]:
    made: list[Machine] = []

    def open_at(original: Path | None) -> Machine:
        directory = tmp_path / f"data{len(made)}"
        if original:
            shutil.copytree(original, directory)
        made.append(Machine(directory))
        made[-1].configure()
        return made[-1]

    yield open_at
    for machine in made:
        await machine.crash()


@pytest.fixture
def holding(open_machine: Callable[[Path | None], Machine], traded: Path) -> Machine:
    """A copy in another place of a directory whose daemon crashed; it holds BTC/USD."""
    return open_machine(traded)


@pytest.fixture
def empty(open_machine: Callable[[Path | None], Machine]) -> Machine:
    return open_machine(None)


async def _crashes(machine: Machine) -> None:
    machine.daemon  # noqa: B018 - it starts, and resumes
    await machine.crash()


async def _stops(machine: Machine) -> None:
    await machine.stop()


async def _stops_symbol(machine: Machine) -> None:
    await machine.stop(BTC)
    await machine.stop()


@pytest.mark.parametrize(
    ("ends", "reasons"),
    [
        (_crashes, None),
        (_stops, ["ran_before", "holds_position"]),
        (_stops_symbol, ["holds_position"]),
    ],
)
async def test_however_it_ended_what_is_held_is_taken_up_as_it_was(
    holding: Machine, ends: Callable[[Machine], Awaitable[None]], reasons: list[str] | None
) -> None:
    await ends(holding)
    assert ("POSITION_UNMONITORED", "error", BTC) in holding.health()
    holding.configure(symbols=[SOL], timeframe="4h", interval=9.0, auto_execute=False)
    answer = await holding.start()
    assert await holding.running() == {BTC: ("simulated", "1h", 0.1, True)}
    assert answer["taken_up"] == ({BTC: reasons} if reasons else {})
    assert [each["symbol"] for each in answer["started" if reasons else "running"]] == [BTC]
    assert (answer["changed"], answer["left_out"], answer["warnings"]) == ([], [], [])
    assert (await holding.daemon.status(None))["health"] == []


async def test_after_a_stop_the_advice_of_its_warning_is_true(holding: Machine) -> None:
    (warning,) = (await holding.stop())["warnings"]
    quantity = holding.held()[SIMULATED, BTC]
    assert warning == (
        f"{BTC}: {quantity} still held in {SIMULATED}; neither the position nor its stop is monitored; autopilot start"
        " monitors them again"
    )
    await holding.start()
    assert list(await holding.running()) == [BTC]


async def test_a_symbol_that_was_stopped_alone_and_holds_nothing_stays_stopped(empty: Machine) -> None:
    empty.configure(symbols=[BTC, ETH])
    await empty.start(BTC, SOL)
    await empty.stop(SOL)
    assert (await empty.start())["already_running"] == [BTC]
    await empty.stop()
    assert [each["symbol"] for each in (await empty.start())["started"]] == [BTC]


async def test_with_neither_it_starts_what_is_configured(empty: Machine) -> None:
    empty.configure(symbols=[BTC, ETH])
    assert sorted(each["symbol"] for each in (await empty.start())["started"]) == [BTC, ETH]


async def test_a_named_symbol_starts_alone_after_a_stop(empty: Machine) -> None:
    await empty.start(BTC, timeframe=Timeframe.H4)
    await empty.stop()
    await empty.start(ETH)
    assert list(await empty.running()) == [ETH]
    await empty.stop()
    await empty.start()
    assert list(await empty.running()) == [ETH], "that is what ran last"


async def test_an_option_without_symbols_holds_for_all_that_is_taken_up(holding: Machine) -> None:
    await holding.start(ETH, timeframe=Timeframe.H4, auto_execute=False)
    await holding.stop()
    answer = await holding.start(auto_execute=False)
    assert await holding.running() == {
        BTC: ("simulated", "1h", 0.1, False),
        ETH: ("simulated", "4h", 0.1, False),
    }
    assert answer["changed"] == [{"symbol": BTC, "setting": "auto-execute", "before": "on", "now": "off"}]
    assert answer["taken_up"] == {BTC: ["ran_before", "holds_position"], ETH: ["ran_before"]}


async def test_a_running_symbol_takes_a_change_and_keeps_it(holding: Machine) -> None:
    holding.daemon  # noqa: B018 - it resumes
    answer = await holding.start(BTC, interval=30.0, auto_execute=False)
    assert [(each["setting"], each["before"], each["now"]) for each in answer["changed"]] == [
        ("interval", "0.1 s", "30 s"),
        ("auto-execute", "on", "off"),
    ]
    await holding.crash()
    await holding.start()
    assert await holding.running() == {BTC: ("simulated", "1h", 30.0, False)}


@pytest.mark.parametrize("is_running", [True, False], ids=["running", "stopped"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeframe": Timeframe.H4}, ["simulated at 1h", "you asked for 4h"]),
        ({"exchange": "replay"}, ["simulated at 1h", "you asked for replay"]),
        ({"exchange": "kraken", "paper_trading": False}, ["paper money", "you asked for kraken and real money"]),
    ],
)
async def test_a_change_that_would_leave_a_position_alone_is_refused_and_changes_nothing(
    holding: Machine, options: dict[str, Any], words: list[str], is_running: bool
) -> None:
    if not is_running:
        await holding.stop(BTC)
    for symbols in ((BTC,), (BTC, ETH), ()):
        with pytest.raises(SafetyRefused) as refusal:
            await holding.start(*symbols, **options)
        assert all(each in str(refusal.value) for each in words)
        assert f"autopilot exit {BTC}" in refusal.value.hint
    assert await holding.running() == ({BTC: ("simulated", "1h", 0.1, True)} if is_running else {})


async def test_what_the_last_cycle_bought_is_not_left_alone_either(
    empty: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cycle is under way when the change is asked for, and buys."""
    await empty.start(BTC, ETH, auto_execute=False)
    pause, paused = Running.pause, []

    async def pause_after_a_purchase(running: Running) -> None:
        await pause(running)
        paused.append(running)
        if running.autopilot.symbol == ETH:
            empty.hold(SIMULATED, ETH)

    monkeypatch.setattr(Running, "pause", pause_after_a_purchase)
    with pytest.raises(SafetyRefused, match=r"0\.5 ETH in paper:simulated"):
        await empty.start(BTC, ETH, timeframe=Timeframe.H4)
    assert {symbol: each[1] for symbol, each in (await empty.running()).items()} == {BTC: "1h", ETH: "1h"}
    assert {running.autopilot.symbol: running.stopping for running in paused} == {BTC: False, ETH: False}


async def test_the_way_out_works(holding: Machine) -> None:
    holding.daemon  # noqa: B018 - it resumes
    assert (await holding.exit(BTC))["running"]
    answer = await holding.start(BTC, timeframe=Timeframe.H4)
    assert [(each["before"], each["now"]) for each in answer["changed"]] == [("1h", "4h")]
    assert await holding.running() == {BTC: ("simulated", "4h", 0.1, True)}


async def test_an_exchange_that_does_not_exist_changes_nothing(holding: Machine) -> None:
    holding.daemon  # noqa: B018 - it resumes
    for symbols in ((), (ETH,)):
        with pytest.raises(UnknownExchange):
            await holding.start(*symbols, exchange="nosuch")
    assert list(await holding.running()) == [BTC]


async def test_a_market_that_does_not_exist_puts_everything_back(empty: Machine) -> None:
    """Stored candles of nothing: known when the symbol that ran was stopped already."""
    await empty.start(BTC)
    with pytest.raises(Exception, match=BTC):
        await empty.start(BTC, exchange="replay")
    assert list(await empty.running()) == [BTC]
    assert (await empty.running())[BTC][0] == "simulated"


async def test_one_that_cannot_be_taken_up_keeps_no_other(holding: Machine) -> None:
    holding.hold("live:kraken", ETH)
    answer = await holding.start()
    assert list(await holding.running()) == [BTC]
    assert [(each["symbol"], each["code"]) for each in answer["left_out"]] == [(ETH, "KEYS_LOCKED")]
    health = (await holding.daemon.status(None))["health"]
    assert [each["code"] for each in health if each["level"] == "error"] == ["KEYS_LOCKED"]


class TestTwoAccounts:
    """BTC/USD is held in paper:simulated and, by an earlier version, in paper:replay."""

    @pytest.fixture
    def twice(self, holding: Machine) -> Machine:
        holding.hold("paper:replay", BTC)
        return holding

    async def test_the_one_that_does_not_run_is_an_error_and_start_warns(self, twice: Machine) -> None:
        answer = await twice.start()
        (problem,) = (await twice.daemon.status(None))["health"]
        assert (problem["code"], problem["level"], problem["subject"]) == ("POSITION_UNMONITORED", "error", BTC)
        assert (
            f"held in paper:replay; neither the position nor its stop is monitored, because {BTC} runs in"
            in (problem["detail"])
        )
        assert problem["hint"] == f"autopilot exit {BTC} --account paper:replay sells it"
        assert len(answer["warnings"]) == 1

    async def test_neither_is_left_for_a_third(self, twice: Machine) -> None:
        await twice.start()
        for options in ({"exchange": "replay"}, {"exchange": "binance"}):
            with pytest.raises(SafetyRefused):
                await twice.start(BTC, **options)

    async def test_exit_asks_which(self, twice: Machine) -> None:
        with pytest.raises(Conflict, match=r"paper:\w+ and in paper:\w+") as conflict:
            await twice.exit(BTC)
        assert "--account paper:" in conflict.value.hint
        assert (await twice.exit(BTC, account=SIMULATED))["position"] is None
        assert list(twice.held()) == [("paper:replay", BTC)]
        with pytest.raises(NotFound, match="in live:kraken"):
            await twice.exit(BTC, account="live:kraken")


class TestHealth:
    async def test_orders_that_nobody_follows_are_errors(self, empty: Machine) -> None:
        empty.hold("live:kraken", ETH, filled=False)
        empty.hold("paper:coinbase", SOL, filled=False)
        assert empty.health() == [
            ("ENTRY_UNFOLLOWED", "error", f"{ETH} in live:kraken"),
            ("ENTRY_UNFOLLOWED", "error", f"{SOL} in paper:coinbase"),
        ]

    async def test_a_rest_that_is_worth_nothing_is_no_error(self, holding: Machine) -> None:
        database = open_database(holding.paths.database)
        database.connection.execute("UPDATE positions SET quantity = '0.00001'")
        database.connection.commit()
        database.close()
        assert holding.health() == [("POSITION_UNMONITORED", "info", BTC)]
        assert (await holding.stop())["warnings"] == []


class TestFlatten:
    async def test_it_sells_and_ends_the_symbol(self, holding: Machine) -> None:
        answer = await holding.stop(BTC, flatten=True)
        assert (answer["stopped"], answer["flattened"], answer["left"]) == ([BTC], [BTC], [])
        assert (await holding.running(), holding.held()) == ({}, {})
        assert [each["symbol"] for each in (await holding.start())["started"]] == [BTC], "it is configured"

    @pytest.mark.parametrize("symbol", [BTC, None])
    async def test_if_the_sale_is_not_complete_the_symbol_and_the_daemon_run_on(
        self, holding: Machine, symbol: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def unreachable(*_: Any) -> Any:
            raise MarketUnavailable("simulated does not answer", hint="wait")

        monkeypatch.setattr(liquidation, "POLL_S", 0.0)
        holding.daemon  # noqa: B018 - it resumes
        with monkeypatch.context() as patched:
            patched.setattr(PaperBroker, "submit", unreachable)
            answer = await holding.stop(symbol, flatten=True)
        assert (answer["stopped"], answer["flattened"], answer["daemon"]) == ([], [], "running")
        (left,) = answer["left"]
        assert left["symbol"] == BTC
        assert "are not sold" in left["what"]
        assert (list(await holding.running()), holding.ends) == ([BTC], 0)
        assert (await holding.stop(symbol, flatten=True))["flattened"] == [BTC]

    async def test_a_symbol_that_does_not_run_is_exited_instead(self, holding: Machine) -> None:
        await holding.stop(BTC)
        with pytest.raises(NotFound) as refusal:
            await holding.stop(BTC, flatten=True)
        assert f"autopilot exit {BTC}" in refusal.value.hint
        answer = await holding.exit(BTC)
        assert (answer["position"], answer["running"], answer["complete"]) == (None, False, True)
        assert holding.held() == {}


class TestExit:
    async def test_a_part(self, holding: Machine) -> None:
        before = holding.held()[SIMULATED, BTC]
        answer = await holding.exit(BTC, "0.01")
        rest = before - Decimal("0.01")
        assert (Decimal(answer["sold"]), answer["position"]["quantity"]) == (Decimal("0.01"), str(rest))
        assert answer["running"]
        assert list(await holding.running()) == [BTC]

    @pytest.mark.parametrize(
        ("quantity", "code"), [("5", "POSITION_TOO_SMALL"), ("0.000000001", "AMOUNT_NOT_IN_STEPS")]
    )
    async def test_what_is_not_possible(self, holding: Machine, quantity: str, code: str) -> None:
        before = holding.held()
        with pytest.raises(ExitDenied, match="nothing was sold") as denied:
            await holding.exit(BTC, quantity)
        assert (denied.value.code, holding.held()) == (code, before)

    async def test_nothing_is_held(self, empty: Machine) -> None:
        with pytest.raises(NotFound, match="ETH/USD has no position and no open order"):
            await empty.exit(ETH)


async def test_all_symbols_end_their_cycles_at_the_same_time(empty: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    await empty.start(BTC, ETH)
    pause, both = Running.pause, asyncio.Barrier(2)

    async def pause_together(running: Running) -> None:
        async with asyncio.timeout(30):
            await both.wait()
        await pause(running)

    monkeypatch.setattr(Running, "pause", pause_together)
    assert (await empty.stop())["stopped"] == [BTC, ETH]


async def test_others_get_the_loop_between_two_missed_candles(empty: Machine) -> None:
    """The market goes on without ETH/USD."""
    await empty.start(ETH)
    await empty.stop(ETH)
    await empty.crash()
    empty.configure(simulated={**CONFIG["simulated"], "end": "2024-01-03T12:00:00Z"})
    await empty.start(BTC)
    running = empty.daemon._autopilots.find(BTC)
    assert running
    await running.idle.wait()
    catching_up, counts = asyncio.create_task(empty.start(ETH)), [0]
    while not catching_up.done():
        await asyncio.sleep(0)
        running = empty.daemon._autopilots.find(ETH)
        counts.append(running.autopilot.record.decisions if running else 0)
    assert counts[-1] > 15
    assert max(after - before for before, after in pairwise(counts)) == 1
