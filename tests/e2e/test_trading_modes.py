"""Pause, resume and panic as a user meets them: with the daemon, after its death, and while it hangs."""

from __future__ import annotations

import os
import signal
import socket
from typing import Any

import pytest
from home import Home

from autopilot.adapters.store.audit import recent
from autopilot.adapters.store.views import queries
from autopilot.adapters.store.views.bookkeeping import check_books
from autopilot.adapters.store.views.status import status_document
from autopilot.domain.audit import AuditKind

HOLDING, WAITING = "2024-01-01T03:00:00Z", "2024-01-01T01:00:00Z"
"""Ends of the market at which a position is held, and at which a limit order to buy waits: nothing changes them."""


def configure(home: Home, **market: Any) -> None:
    home.configure(
        symbols=["BTC/USD"],
        exchange="simulated",
        auto_execute=True,
        min_confidence_threshold=0.45,
        interval=0.1,
        simulated={"seed": 3, "speed": 0.0, **market},
    )


@pytest.fixture
def at_the_end(home: Home, request: pytest.FixtureRequest) -> Home:
    """A daemon whose market has ended where the test says."""
    configure(home, end=request.param)
    home.start()
    assert home.follow({"BTC/USD"})
    return home


holding = pytest.mark.parametrize("at_the_end", [HOLDING], indirect=True)
waiting = pytest.mark.parametrize("at_the_end", [WAITING], indirect=True)


def mode(home: Home) -> str:
    """As it is stored."""
    return str(status_document(home.database, 0)["modes"][0]["mode"])


def open_orders(home: Home) -> list[Any]:
    return list(queries.orders(home.database, open_only=True)["orders"])


def positions(home: Home) -> list[Any]:
    return list(queries.positions(home.database)["positions"])


def mode_rows(home: Home) -> list[tuple[str, str]]:
    rows = recent(home.database, 99, AuditKind.MODE)["audit"]
    return [(row["body"]["previous"], row["body"]["mode"]) for row in reversed(rows)]


def entries(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["kind"] == "fill" and event["body"]["purpose"] == "entry"]


def test_a_pause_stops_buying_lets_exits_go_on_and_outlives_a_kill(home: Home) -> None:
    configure(home, end="2030-01-01T00:00:00Z", speed=400_000.0)
    home.start()
    assert not home.follow({"BTC/USD"}, lambda event: bool(entries([event])))
    paused = home.json("pause")
    assert (paused["before"], paused["now"], paused["complete"]) == ("active", "reducing", True)
    assert [each["code"] for each in home.json("status")["health"]] == ["PAUSED_BY_USER"]

    home.kill_hard()
    assert mode(home) == "reducing"
    shown = home.here("status")
    assert (shown.code, "reducing: paused by the user" in shown.out) == (3, True)
    home.foreground()
    seen: list[dict[str, Any]] = []

    def is_sold_and_refused(event: dict[str, Any]) -> bool:
        seen.append(event)
        refused = event["kind"] == "decision" and event["body"]["denied_code"] == "PAUSED_BY_USER"
        return refused and not positions(home)

    assert not home.follow({"BTC/USD"}, is_sold_and_refused)
    assert entries(seen) == []
    assert (home.json("resume")["before"], mode(home)) == ("reducing", "active")
    assert not home.follow({"BTC/USD"}, lambda event: event["kind"] == "order" and event["body"]["purpose"] == "entry")
    assert mode_rows(home) == [("active", "reducing"), ("reducing", "active")]
    assert home.json("audit", "verify")["whole"]


@holding
def test_panic_sells_everything_and_only_a_user_ends_it(at_the_end: Home) -> None:
    home = at_the_end
    assert positions(home)
    done = home.run("panic", "--flatten", "--json")
    assert (done.code, done.document["before"], done.document["now"]) == (0, "active", "halted")
    assert (done.document["complete"], done.document["accounts"][0]["sold"]) == (True, ["BTC/USD"])
    assert positions(home) == []
    told = next(event["body"] for event in home.events("mode"))
    assert (told["account"], told["code"], told["mode"]) == ("*", "PANIC", "halted")
    assert home.json("pause")["now"] == "halted", "a pause does not loosen it"
    home.json("stop")
    assert mode(home) == "halted"
    assert check_books(home.database).disagreements == ()


@waiting
@pytest.mark.parametrize(("command", "killed"), [("pause", False), ("panic", True)])
def test_what_waits_to_buy_is_canceled(at_the_end: Home, command: str, killed: bool) -> None:
    home = at_the_end
    assert [order["side"] for order in open_orders(home)] == ["buy"]
    if killed:
        home.kill_hard()
    done = home.json(command)
    assert [order["status"] for order in done["accounts"][0]["canceled"]] == ["canceled"]
    assert open_orders(home) == []
    assert check_books(home.database).disagreements == ()


@waiting
def test_panic_does_its_whole_work_among_300_clients_that_never_finish_a_request(at_the_end: Home) -> None:
    home = at_the_end
    clients = []
    for number in range(300):
        client = socket.socket(socket.AF_UNIX)
        clients.append(client)
        client.connect(str(home.socket))
        client.sendall(
            (b"", b"POST /api/autopilot/panic HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")[number % 2]
        )
    done = home.json("panic")
    for client in clients:
        client.close()
    assert [order["status"] for order in done["accounts"][0]["canceled"]] == ["canceled"]
    assert (done["complete"], mode(home), open_orders(home)) == (True, "halted", [])


def test_panic_past_a_daemon_that_hangs_and_after_its_death(home: Home) -> None:
    configure(home, end=HOLDING)
    daemon = home.foreground()
    home.start()
    assert home.follow({"BTC/USD"})
    daemon.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, daemon.process.pid, os.WSTOPPED)

    hung = home.run_only("panic", "--flatten", "--json")
    assert (hung.code, hung.document["now"], hung.document["complete"]) == (1, "halted", False)
    (left,) = hung.document["accounts"][0]["left"]
    assert f"process {daemon.process.pid}" in left["what"]
    assert left["hint"].startswith(f"kill -9 {daemon.process.pid}")
    assert mode(home) == "halted", "stored all the same"

    daemon.end(signal.SIGKILL)
    canceled = home.run("panic")
    assert canceled.code == 0
    assert "the stops are not monitored" in canceled.err
    assert positions(home), "nobody asked for it to be sold"
    sold = home.run("panic", "--flatten")
    assert sold.code == 0, sold.err
    assert "paper:simulated: BTC/USD sold" in sold.out
    assert positions(home) == []
    (last, *_) = queries.orders(home.database)["orders"]
    assert (last["purpose"], last["status"]) == ("flatten", "filled")
    assert check_books(home.database).disagreements == ()
    assert home.json("audit", "verify")["whole"]


def test_without_any_daemon_ever_a_pause_is_kept_for_the_first(home: Home) -> None:
    assert home.run("pause", "--exchange", "kraken", "--json").document["account"] == "*:kraken"
    assert home.json("pause")["before"] == "active"
    refused = home.here("resume", "--exchange", "kraken", "--json")
    assert (refused.code, refused.trouble["code"]) == (4, "CONFLICT")
    assert home.run("resume", "--json").document["now"] == "active"
