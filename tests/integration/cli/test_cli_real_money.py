"""Arming and disarming by the command, with a daemon and without one, and what of it is told to the audit log."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from orders import an_order

from autopilot.adapters.store.audit import recent
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.views.status import status_document
from autopilot.domain.audit import AuditKind
from autopilot.domain.order import OrderStatus, OrderType

API = "/api/autopilot"


def commands(data_dir: Path) -> list[tuple[str, str]]:
    """The oldest first."""
    rows = recent(data_dir / "autopilot.db", 99, AuditKind.COMMAND)["audit"]
    return [(row["body"]["command"], row["body"]["result"]) for row in rows[::-1]]


@pytest.fixture
def resting(data_dir: Path) -> None:
    """An order to buy on a real exchange, and one on paper."""
    with closing(open_database(data_dir / "autopilot.db")) as database:
        for account in ("live:kraken", "paper:kraken"):
            order = an_order(
                f"rests-{account}",
                account=account,
                type=OrderType.LIMIT,
                quantity=Decimal("0.01"),
                price=Decimal(30_000),
                status=OrderStatus.OPEN,
            )
            SqliteLedger(database).save_order(order)


@pytest.mark.parametrize(
    "amount",
    [
        "1E+999999",
        "1E-999999",
        "1_000",
        "\u0661\u0662",
        "NaN",
        "+5",
        " 5",
        ".5",
        "5.",
        "0",
        "0.0",
        "1000000000000.1",
        "1" * 5_000,
        "0.123456789",
        "1.2.3",
    ],
)
def test_what_is_no_plain_amount_is_not_armed(autopilot: Any, data_dir: Path, amount: str) -> None:
    done = autopilot("arm", "--exchange", "kraken", "--max-value", amount)
    assert (done.code, "amount" in done.err) == (2, True)
    assert not (data_dir / "autopilot.db").exists()


@pytest.mark.parametrize("amount", ["1000000000000", "0.00000001", "500", "007.50"])
def test_an_arming_that_is_refused_is_told(autopilot: Any, data_dir: Path, amount: str) -> None:
    done = autopilot("arm", "--exchange", "kraken", "--max-value", amount)
    assert (done.code, "no exchange keys are stored" in done.err) == (1, True)
    (row,) = recent(data_dir / "autopilot.db", 9)["audit"]
    assert row["body"] == {
        "command": "arm",
        "asked": {"exchange": "kraken", "max_value": f"{Decimal(amount):f}", "currency": "USD", "expires": "7d"},
        "result": "NOT_FOUND",
    }


def test_disarming_and_setting_are_told_whatever_came_of_it(autopilot: Any, data_dir: Path) -> None:
    assert autopilot("disarm", "--json").document == {"disarmed": [], "resting": []}
    assert autopilot("config", "set", "interval", "30").code == 0
    assert autopilot("config", "set", "interval", "soon").code == 2
    for command in ("pause", "pause", "panic", "panic", "resume"):
        assert autopilot(command).code == 0
    assert commands(data_dir) == [
        ("disarm", "done"),
        ("config set", "done"),
        ("config set", "CONFIG_ERROR"),
        *((command, "done") for command in ("pause", "pause", "panic", "panic", "resume")),
    ]


def test_orders_to_buy_that_nobody_cancels_are_named(autopilot: Any, resting: None, data_dir: Path) -> None:
    done = autopilot("disarm", "--json")
    assert (done.code, [each["client_order_id"] for each in done.document["resting"]]) == (1, ["rests-live:kraken"])
    shown = autopilot("disarm", "--exchange", "kraken")
    assert shown.code == 1
    assert "LEFT: live:kraken: BTC/USD: a buy order for 0.01 at 30,000" in shown.out
    assert "try: autopilot pause --exchange kraken" in shown.out
    assert autopilot("disarm", "--exchange", "binance").code == 0
    database = data_dir / "autopilot.db"
    health = status_document(database, 0)["health"]
    assert {(each["code"], each["level"], each["subject"]) for each in health} == {
        ("ENTRY_UNFOLLOWED", "error", f"BTC/USD in {account}") for account in ("live:kraken", "paper:kraken")
    }


@pytest.mark.parametrize(("running", "code"), [(True, 0), (False, 1)])
def test_a_daemon_that_follows_them_cancels_them(
    autopilot: Any, daemon: Any, resting: None, running: bool, code: int
) -> None:
    symbol = {"account": "live:kraken", "symbol": "BTC/USD", "running": running}
    daemon.answers[f"{API}/status"] = (200, {"symbols": [symbol]})
    assert autopilot("disarm").code == code


@pytest.mark.parametrize(
    ("status", "error_code"), [(503, "TOO_MANY_CLIENTS"), (503, "STORE_UNAVAILABLE"), (500, "INTERNAL_ERROR")]
)
@pytest.mark.parametrize("where", ["/health", f"{API}/panic"])
def test_panic_goes_past_a_daemon_that_cannot_do_it(
    autopilot: Any, daemon: Any, data_dir: Path, where: str, status: int, error_code: str
) -> None:
    refusal = {"error": {"code": error_code, "message": "no room", "hint": ""}}
    daemon.answers |= {f"{API}/panic": (200, {}), where: (status, refusal)}
    done = autopilot("panic", "--json")
    assert (done.code, done.document["now"], "trying without it" in done.err) == (0, "halted", True)
    assert status_document(data_dir / "autopilot.db", 0)["modes"][0]["mode"] == "halted"


def test_panic_takes_no_for_an_answer_where_it_may_not_ask(autopilot: Any, daemon: Any, data_dir: Path) -> None:
    daemon.answers[f"{API}/panic"] = (403, {"error": {"code": "FORBIDDEN", "message": "not you", "hint": ""}})
    assert autopilot("panic").code == 4
    assert not (data_dir / "autopilot.db").exists()


@pytest.mark.parametrize("command", ["pause", "resume", "disarm"])
def test_an_exchange_that_does_not_exist_is_refused(autopilot: Any, data_dir: Path, command: str) -> None:
    done = autopilot(command, "--exchange", "krakn")
    assert (done.code, done.out) == (2, "")
    assert "krakn" in done.err
    assert "kraken" in done.err, "a guess at what was meant"
    assert not (data_dir / "autopilot.db").exists(), "nothing was stored"
