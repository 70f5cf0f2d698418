"""Real money through the installed program: unmodified ccxt against an exchange with a ledger of its own."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from daily_market import CALM, RISING, daily_market
from home import LIMIT_S, Finished, Home
from loopback_exchange import LoopbackExchange, Why
from loopback_thread import answering
from paper_week import trade_on_paper
from places import PLACES, Place
from secrets_in import forms
from small_models import keep_model

from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.store.database import open_database
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelScope, ModelState
from autopilot.domain.timeframe import Timeframe

REDIRECT = Path(__file__).parents[1] / "stand_ins" / "redirect"
PASSPHRASE = "four random words here"


@dataclass
class Trader:
    """A user with an account on the exchange. ``home`` runs commands as them."""

    home: Home
    name: str
    exchange: Any
    credentials: Path

    @property
    def place(self) -> Place:
        return PLACES[self.name]

    def environment(self) -> dict[str, str]:
        return {
            "AUTOPILOT_TEST_EXCHANGE": self.exchange.url,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(REDIRECT), os.environ.get("PYTHONPATH")))),
            "CREDENTIALS_DIRECTORY": str(self.credentials),
        }

    def run(self, *arguments: str) -> Finished:
        return self.home.run(*arguments, **self.environment())

    def add_keys(self) -> Finished:
        keys = self.place.keys
        given = json.dumps({"api_key": keys.api_key, "secret": keys.secret}).encode()
        return self.home.run("keys", "add", self.name, "--from-fd", "0", given=given, **self.environment())

    def trade_on_paper(self) -> None:
        trade_on_paper(self.home.database, self.name, self.place.market.symbol)

    def keep_model(
        self, model_id: str, scope: ModelScope, state: ModelState, trained_until_ms: int, *, was_read: bool = True
    ) -> None:
        """Make it champion."""
        database, files = open_database(self.home.database), ModelFiles(self.home.data_dir / "models")
        keep_model(database, files, model_id, scope, state, trained_until_ms, was_read=was_read)
        database.close()

    def private_calls(self) -> list[str]:
        return [name for name, _ in self.exchange.asked]


@contextmanager
def opened(home: Home, name: str, credentials: Path) -> Iterator[Trader]:
    """A user of ``home`` while their exchange answers; its market is calm."""
    exchange: LoopbackExchange = PLACES[name].opens(lambda: int(time.time() * 1000))
    exchange.candles = daily_market(CALM)
    (credentials / "autopilot-passphrase").write_text(PASSPHRASE + "\n")
    with answering(exchange):
        yield Trader(home, name, exchange, credentials)


def configure(home: Home, name: str, *, allow_unproven: bool = True) -> None:
    home.configure(
        symbols=[PLACES[name].market.symbol],
        exchange=name,
        timeframe="1d",
        interval=1.0,
        auto_execute=True,
        min_confidence_threshold=0.0,
        sentiment={"enabled": False},
        model={"allow_unproven": allow_unproven},
    )


@pytest.fixture
def trader(home: Home, tmp_path: Path) -> Iterator[Trader]:
    """On Kraken, without keys."""
    configure(home, "kraken")
    with opened(home, "kraken", tmp_path) as trader:
        yield trader


@pytest.fixture
def armed(
    copied_home: Callable[[str, Callable[[Home], None]], Home], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Trader]:
    """On Kraken, or on the exchange that a test asks for: armed, and the market is about to be bought."""
    name = getattr(request, "param", "kraken")

    def arm(home: Home) -> None:
        configure(home, name)
        with opened(home, name, tmp_path) as trader:
            assert trader.add_keys().code == 0
            assert trader.run("disarm").code == 0
            trader.trade_on_paper()
            done = trader.run("arm", "--max-value", "500", "--accept-risk=live-money-unproven", "--json")
            assert (done.code, done.document["armed"]["max_value"]) == (0, "500"), done.err

    home = copied_home(f"armed-{name}", arm)
    with opened(home, name, tmp_path) as trader:
        trader.exchange.candles = daily_market(RISING)
        trader.exchange.price["BTC"] = Decimal(trader.exchange.candles[-1][4])
        yield trader
        home.clear()


def test_each_of_the_three_locks_keeps_real_money_out(trader: Trader) -> None:
    refused = trader.run("arm", "--max-value", "500", "--accept-risk=live-money-unproven")
    assert (refused.code, "no exchange keys are stored" in refused.err) == (1, True)
    assert trader.add_keys().code == 0
    refused = trader.run("start", "--live")
    assert (refused.code, "it is not armed" in refused.err) == (5, True)
    refused = trader.run("arm", "--max-value", "500", "--accept-risk=live-money-unproven", "--json")
    assert (refused.code, refused.document["armed"]) == (5, None)
    failed = [each["code"] for each in refused.document["readiness"] if not each["passed"]]
    assert failed == ["PAPER_DAYS", "PAPER_TRADES"]
    trader.trade_on_paper()
    refused = trader.run("arm", "--max-value", "500")
    assert (refused.code, "no terminal" in refused.err) == (5, True)
    assert trader.home.here("status", "--json").document["symbols"] == []
    assert "AddOrder" not in trader.private_calls()


@pytest.mark.parametrize(
    ("permissions", "code"),
    [(["modify-trades", "withdraw-funds"], "KEY_RIGHTS"), (["query-funds"], "KEY_RIGHTS"), ([], "KEY_RIGHTS")],
    ids=["may withdraw", "may not trade", "may nothing"],
)
def test_a_key_with_other_rights_is_not_armed(trader: Trader, permissions: list[str], code: str) -> None:
    trader.exchange.permissions = permissions
    assert trader.add_keys().code == 0
    trader.run("disarm")
    trader.trade_on_paper()
    refused = trader.run("arm", "--max-value", "500", "--accept-risk=live-money-unproven", "--json")
    assert [each["code"] for each in refused.document["readiness"] if not each["passed"]] == [code]
    assert refused.code == 5


def test_real_money_needs_a_live_model_of_real_candles_of_this_timeframe(trader: Trader) -> None:
    configure(trader.home, "kraken", allow_unproven=False)
    assert trader.add_keys().code == 0
    trader.run("disarm")
    trader.trade_on_paper()

    def proof() -> tuple[bool, str]:
        done = trader.run("arm", "--max-value", "500", "--accept-risk=live-money", "--json")
        (found,) = [each for each in done.document["readiness"] if each["code"] == "MODEL_PROVEN"]
        assert done.code == (0 if found["passed"] else 5)
        return found["passed"], found["detail"]

    now_ms = int(time.time() * 1000)
    trader.keep_model("m-1", ModelScope(CandleKind.SIMULATED, Timeframe.D1), ModelState.LIVE, now_ms)
    trader.keep_model("m-2", ModelScope(CandleKind.REAL, Timeframe.H1), ModelState.LIVE, now_ms)
    passed, said = proof()
    assert not passed
    assert "no learned model for real 1d candles" in said
    assert "the live model m-1 was trained on simulated 1d candles" in said
    trader.keep_model("m-3", ModelScope(CandleKind.REAL, Timeframe.D1), ModelState.LIVE, now_ms)
    assert proof()[0]


def test_an_armed_account_whose_champion_lost_its_place_buys_nothing_until_there_is_another(armed: Trader) -> None:
    database, now_ms = open_database(armed.home.database), int(time.time() * 1000)
    with database.transaction(durable=True) as connection:
        lost = ("m-1", "real", "1d", "it was trained on simulated 1d candles", now_ms, 0)
        connection.execute("INSERT INTO lost_places VALUES (?, ?, ?, ?, ?, ?)", lost)
    database.close()
    started = armed.run("start", "--live")
    assert started.code == 0
    assert "warning: model m-1 no longer decides about real 1d candles" in started.err
    decision = armed.home.json("decisions")["decisions"][0]
    assert (decision["action"], decision["denied_code"]) == ("denied", "CHAMPION_LOST")
    status = armed.home.json("status")
    assert {"MODEL_DISPLACED", "CHAMPION_LOST"} <= {each["code"] for each in status["health"]}
    assert [each["mode"] for each in status["modes"] if each["account"] == "live:kraken"] == ["reducing"]
    assert armed.exchange.orders == {}
    armed.keep_model("m-2", ModelScope(CandleKind.REAL, Timeframe.D1), ModelState.LIVE, now_ms)
    status = armed.home.json("status")
    assert [each["mode"] for each in status["modes"] if each["account"] == "live:kraken"] == ["active"]
    assert not {"MODEL_DISPLACED", "CHAMPION_LOST"} & {each["code"] for each in status["health"]}


def test_a_champion_that_kills_its_reader_ends_no_daemon_and_lets_the_account_only_reduce(
    armed: Trader, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "lightgbm.py").write_text(DEADLY)
    path = os.pathsep.join((str(library), armed.environment()["PYTHONPATH"]))
    now_ms = int(time.time() * 1000)
    armed.keep_model("m-1", ModelScope(CandleKind.REAL, Timeframe.D1), ModelState.LIVE, now_ms, was_read=False)
    for _ in range(2):
        started = armed.home.run("start", "--live", **{**armed.environment(), "PYTHONPATH": path})
        assert started.code == 0, started.err
        pid = armed.home.pid()
        wanted = {"MODEL_UNUSABLE": "killed by SIGKILL", "CHAMPION_LOST": "killed by SIGKILL"}
        health = health_with(armed.home, "CHAMPION_LOST")
        assert all(words in health[code]["detail"] for code, words in wanted.items())
        assert "autopilot retrain" in health["MODEL_UNUSABLE"]["hint"]
        assert armed.home.pid() == pid
        armed.home.kill_hard()
    decision = armed.home.here("decisions", "--json").document["decisions"][0]
    assert (decision["action"], decision["denied_code"]) in [("denied", "CHAMPION_LOST"), ("denied", "MODEL_UNREAD")]
    assert armed.exchange.orders == {}


DEADLY = """
import os, signal

class Booster:
    def __init__(self, **_):
        os.kill(os.getpid(), signal.SIGKILL)
"""
"""A library that dies of every model."""


def health_with(home: Home, code: str) -> dict[str, Any]:
    """The problems by their codes, as soon as ``code`` is one of them."""
    deadline, health = time.monotonic() + LIMIT_S, {}
    while code not in health:
        assert time.monotonic() < deadline, health
        health = {each["code"]: each for each in home.client.get("/api/autopilot/status")["health"]}
    return health


@pytest.mark.parametrize("armed", PLACES, indirect=True)
def test_it_buys_within_the_amount_survives_a_kill_and_sells_at_the_stop(armed: Trader) -> None:
    home, exchange = armed.home, armed.exchange
    started = armed.run("start", "--live")
    assert started.code == 0
    (order,) = exchange.orders.values()
    assert (order.kind, order.side) == ("limit", "buy")
    assert Decimal(0) < order.quantity * order.price <= 500
    exchange.fill(order, order.quantity)
    next(event for event in home.events("fill"))
    home.kill_hard()

    restarted = armed.run("start", "--live")
    assert restarted.code == 0
    (held,) = home.json("positions")["positions"]
    assert (held["account"], Decimal(held["quantity"])) == (f"live:{armed.name}", order.quantity)
    assert list(exchange.orders) == [order.order_id], "nothing was sent again"
    assert home.json("disarm")["disarmed"] == [f"live:{armed.name}"]

    last = exchange.candles[-1]
    low = f"{float(held['stop']) * 0.99:.1f}"
    exchange.price["BTC"] = Decimal(low)
    last[3], last[4] = low, low
    sold = next(event for event in home.events("fill") if event["body"]["side"] == "sell")
    assert sold["body"]["account"] == f"live:{armed.name}"
    assert exchange.balances["BTC"] == 0
    assert home.json("positions")["positions"] == []
    assert home.here("audit", "verify").code == 0
    kinds = {row["kind"] for row in home.json("audit", "show", "--limit", "1000")["audit"]}
    assert {"arming", "decision", "order", "command", "daemon"} <= kinds
    assert_no_secrets(armed, [started, restarted])


def assert_no_secrets(trader: Trader, said: list[Finished]) -> None:
    """In no file, no output, no command line and no environment, in plain or encoded."""
    home = trader.home
    said += [
        home.here(*command)
        for command in (["status", "--json"], ["config", "show"], ["audit", "show", "--json"], ["orders"])
    ]
    said += [trader.run("keys", "list"), trader.run("keys", "rotate", trader.name, "--from-fd", "0")]
    process = Path(f"/proc/{home.pid()}")
    traces = [(process / name).read_bytes() for name in ("cmdline", "environ")]
    traces += [file.read_bytes() for file in home.directory.rglob("*") if file.is_file()]
    everything = b"\0".join([*traces, *((done.out + done.err).encode() for done in said)])
    keys = trader.place.keys
    secrets = [PASSPHRASE, keys.api_key, *(line for line in keys.secret.splitlines() if "PRIVATE KEY" not in line)]
    assert not [form for secret in secrets for form in forms(secret) if form in everything]
    # Where it is base64, the bytes that it stands for.
    assert not [line for line in secrets[2:] if base64.b64decode(line) in everything]
    assert (process / "limits").read_text().split("Max core file size")[1].split()[:2] == ["0", "0"]


def test_without_its_passphrase_a_daemon_does_not_take_up_real_money_and_says_so(armed: Trader) -> None:
    assert armed.run("start", "--live").code == 0
    armed.home.kill_hard()
    (armed.credentials / "autopilot-passphrase").unlink()
    refused = armed.run("start", "--live")
    assert (refused.code, "no terminal" in refused.err) == (5, True)
    (armed.credentials / "autopilot-passphrase").write_text("another one entirely")
    refused = armed.run("start", "--live")
    assert (refused.code, "does not open the exchange keys" in refused.err) == (5, True)


def test_what_a_daemon_without_its_passphrase_does_not_take_up_is_told_until_it_is_stopped(armed: Trader) -> None:
    home = armed.home
    assert armed.run("start", "--live").code == 0
    assert "REAL MONEY on kraken: BTC/USD" in armed.home.here("status").out
    home.kill_hard()
    home.foreground()
    status = home.json("status")
    assert (status["symbols"][0]["state"], status["symbols"][0]["left_out"]["code"]) == ("stopped", "KEYS_LOCKED")
    assert [(each["armed"], each["symbols"]) for each in status["real_money"]] == [(True, [])]
    (told,) = [each for each in status["health"] if each["code"] == "KEYS_LOCKED"]
    assert (told["level"], told["subject"]) == ("error", "BTC/USD in live:kraken")
    assert "autopilot restart" in told["hint"]
    shown = home.here("status").out
    assert "BTC/USD in live:kraken: could not be resumed" in shown
    assert "REAL MONEY" not in shown
    refused = home.here("stop", "--symbol", "BTC/USD", "--flatten", "--json")
    assert (refused.code, refused.trouble["code"]) == (5, "KEYS_LOCKED")
    assert home.json("stop", "--symbol", "BTC/USD")["stopped"] == ["BTC/USD"]
    assert "KEYS_LOCKED" not in {each["code"] for each in home.json("status")["health"]}


def test_what_traded_real_money_is_taken_up_with_it_and_the_passphrase_comes_before_the_end(armed: Trader) -> None:
    home, credential = armed.home, armed.credentials / "autopilot-passphrase"
    assert armed.run("start", "--live", "--timeframe", "1d").code == 0
    pid, passphrase = home.pid(), credential.read_text()
    credential.unlink()
    refused = armed.run("restart")
    assert (refused.code, "no terminal" in refused.err) == (5, True)
    assert home.pid() == pid, "it was refused before the daemon ended"
    credential.write_text(passphrase)
    credential.chmod(0o400)
    restarted = armed.run("restart")
    assert (restarted.code, restarted.err) == (0, "")
    assert home.pid() != pid
    home.stop()
    again = armed.run("start")
    assert (again.code, again.err) == (0, "")
    for said in (restarted.out, again.out):
        assert "BTC/USD on kraken (1d, every" in said
        assert "REAL MONEY" in said
        assert "taken up: it ran before" in said


def test_paper_asks_the_exchange_for_nothing_private(trader: Trader) -> None:
    trader.exchange.candles = daily_market(RISING)
    assert trader.add_keys().code == 0
    assert trader.run("start", "--paper").code == 0
    (order,) = trader.home.json("orders")["orders"]
    assert order["account"] == "paper:kraken"
    assert trader.private_calls() == []


def test_an_exit_that_the_exchange_refuses_is_shown_with_or_without_a_daemon_until_it_is_sold(armed: Trader) -> None:
    home, exchange = armed.home, armed.exchange
    assert armed.run("start", "--live").code == 0
    (order,) = exchange.orders.values()
    exchange.fill(order, order.quantity)
    next(event for event in home.events("fill"))
    assert home.run("status", "--check").code == 0
    (held,) = home.json("positions")["positions"]
    last = exchange.candles[-1]
    low = f"{float(held['stop']) * 0.7:.1f}"
    exchange.refusing, exchange.price["BTC"] = Why.LOCKED, Decimal(low)
    last[3], last[4] = low, low

    event = next(event for event in home.events("exit_refused"))["body"]
    assert (event["state"], event["reason"], event["symbol"]) == ("began", "locked", "BTC/USD")
    shown = armed.run("status", "--check")
    assert shown.code == 1
    assert "exit refused" in shown.out
    assert "BTC/USD in live:kraken: its exit is refused: kraken rejected it: ETrade:User Locked" in shown.out
    (symbol,) = home.json("status")["symbols"]
    assert symbol["refused_exit"]["words"] == "kraken rejected it: ETrade:User Locked"
    told = armed.run("exit", "BTC/USD")
    assert told.code == 1
    assert "kraken rejected it: ETrade:User Locked" in told.out + told.err

    home.kill_hard()
    alone = home.here("status", "--json").document
    assert "EXIT_REFUSED" in {each["code"] for each in alone["health"]}
    exchange.refusing = None
    assert armed.run("start").code == 0
    assert armed.run("exit", "BTC/USD").code == 0
    assert exchange.balances["BTC"] == 0
    assert "EXIT_REFUSED" not in {each["code"] for each in home.json("status")["health"]}
