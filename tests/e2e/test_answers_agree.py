"""The answers of all commands about one run agree with each other, and with the database after it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from home import Home

SYMBOLS = {"BTC/USD", "ETH/USD"}
ALL = ("--limit", "1000")


def market(end: str) -> dict[str, Any]:
    return {
        "symbols": sorted(SYMBOLS),
        "exchange": "simulated",
        "min_confidence_threshold": 0.45,
        "interval": 0.05,
        "simulated": {"seed": 3, "end": end, "speed": 0.0},
    }


@pytest.fixture(scope="module")
def traded(recorded_home: Callable[[], Home]) -> Home:
    """Markets that were traded to their end, and a daemon that still answers."""
    home = recorded_home()
    home.start()
    assert home.follow(SYMBOLS)
    return home


def test_every_order_that_a_decision_made_is_listed_with_it(traded: Home) -> None:
    decisions = traded.json("decisions", *ALL)["decisions"]
    orders = {order["client_order_id"]: order for order in traded.json("orders", *ALL)["orders"]}
    made = {decision["order_id"]: decision for decision in decisions if decision["action"] == "order"}
    assert made
    for client_order_id, decision in made.items():
        assert orders[client_order_id]["decision_id"] == decision["id"]
        assert orders[client_order_id]["symbol"] == decision["symbol"]
        assert orders[client_order_id]["strategy"] == decision["strategy"]
    assert {order["decision_id"] for order in orders.values()} - {None} == {each["id"] for each in made.values()}


def test_decisions_with_a_side_are_the_signals(traded: Home) -> None:
    decisions = traded.json("decisions", *ALL)["decisions"]
    signals = traded.json("signals", *ALL)["signals"]
    assert signals
    assert signals == [decision for decision in decisions if decision["signal_type"] != "none"]


def test_positions_and_trades_come_from_the_orders(traded: Home) -> None:
    orders = traded.json("orders", *ALL)["orders"]
    trades = traded.json("trades", *ALL)["trades"]
    positions = {position["symbol"]: position for position in traded.json("positions")["positions"]}
    assert trades
    for symbol in SYMBOLS:
        bought, sold = (
            sum((Decimal(o["filled"]) for o in orders if (o["symbol"], o["side"]) == (symbol, side)), Decimal(0))
            for side in ("buy", "sell")
        )
        held = Decimal(positions[symbol]["quantity"]) if symbol in positions else Decimal(0)
        assert bought - sold == held
        assert sum((Decimal(t["quantity"]) for t in trades if t["symbol"] == symbol), Decimal(0)) <= sold


def test_explain_tells_the_same_by_id_by_prefix_and_by_symbol(traded: Home) -> None:
    latest = traded.json("decisions", "--symbol", "BTC/USD", "--limit", "1")["decisions"][0]
    whole = traded.json("explain", latest["id"])
    assert traded.json("explain", "BTC/USD") == whole
    assert traded.json("explain", latest["id"][:8]) == whole
    for name in ("id", "symbol", "candle_at_ms", "decided_at_ms", "action", "market"):
        assert whole[name] == latest[name]
    assert whole["selection"]["strategy"] == latest["strategy"]
    assert whole["signal"]["signal_type"] == latest["signal_type"]
    assert len(whole["selection"]["strategies"]) == 14


def test_status_agrees_with_the_lists(traded: Home) -> None:
    status = traded.json("status")
    positions = traded.json("positions")["positions"]
    for symbol in status["symbols"]:
        latest = traded.json("decisions", "--symbol", symbol["symbol"], "--limit", "1")["decisions"][0]
        assert symbol["state"] == "finished"
        assert symbol["last_decision"] == latest
        held = [position for position in positions if position["symbol"] == symbol["symbol"]]
        assert ([symbol["position"]] if symbol["position"] else []) == held
    assert sum(account["open_positions"] for account in status["accounts"]) == len(positions)


QUESTIONS = [
    *((listed, *ALL) for listed in ("decisions", "signals", "orders", "trades")),
    ("positions",),
    ("explain", "ETH/USD"),
    ("performance",),
    ("tasks",),
]


MORE_QUESTIONS = [("model-info",), ("models", "list"), ("audit", "show"), ("audit", "verify"), ("config", "show")]


@pytest.mark.parametrize("question", [*QUESTIONS, *MORE_QUESTIONS], ids=" ".join)
def test_the_installed_command_answers_as_the_one_in_the_process_of_the_tests(
    traded: Home, question: tuple[str, ...]
) -> None:
    assert traded.run(*question, "--json") == traded.here(*question, "--json")
    assert traded.run(*question) == traded.here(*question)


def test_the_same_is_answered_without_the_daemon(traded: Home) -> None:
    answers = [traded.json(*question) for question in QUESTIONS]
    traded.stop()
    for question, before in zip(QUESTIONS, answers, strict=True):
        remembered = traded.here(*question, "--json")
        assert remembered.code == 3
        assert remembered.document == before
    installed = traded.run("decisions", *ALL, "--json")
    assert installed == traded.here("decisions", *ALL, "--json")


def test_a_history_is_read_in_pages_with_the_daemon_and_without(traded: Home) -> None:
    """Page by page, each by the command that the page before names, it is the whole list."""
    whole = traded.here("decisions", *ALL, "--json").document["decisions"]
    for _ in ("with the daemon", "without it"):
        found, command = [], ["decisions", "--symbol", "BTC/USD", "--limit", "40"]
        while command:
            document = traded.here(*command, "--json").document
            found += document["decisions"]
            last = traded.here(*command).out.splitlines()[-1]
            command = last.split()[1:] if last.startswith("  autopilot ") else []
            assert bool(command) is ("next" in document)
        assert found == [decision for decision in whole if decision["symbol"] == "BTC/USD"]
        assert len(found) > 40
        if traded.here("status").code == 0:
            traded.stop()


def test_signals_only_makes_no_order(home: Home) -> None:
    home.configure(**market("2024-01-03T12:00:00Z"))
    home.start()
    assert home.follow(SYMBOLS)
    actions = {signal["action"] for signal in home.json("signals", *ALL)["signals"]}
    assert "signal" in actions, "nothing was worth a signal, so that nothing was held back either"
    assert actions <= {"signal", "denied"}
    for listed in ("orders", "positions", "trades"):
        assert home.json(listed)[listed] == []
    (account,) = home.json("status")["accounts"]
    assert account["equity"] == account["free"] == account["start_equity"]


def test_signals_can_be_followed_as_they_come(home: Home) -> None:
    home.configure(**{**market("2024-01-08"), "simulated": {"seed": 3, "speed": 20_000.0}})
    home.start()
    with subprocess.Popen(
        [*home.program, "signals", "--follow", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as follower:
        assert follower.stdout is not None
        assert follower.stderr is not None
        lines = [json.loads(follower.stdout.readline()) for _ in range(3)]
        home.json("stop")
        lines += [json.loads(line) for line in follower.stdout]
        assert "the daemon has ended" in follower.stderr.read()
        assert follower.wait(30) == 3
    followed = {line["id"] for line in lines}
    stored = {signal["id"] for signal in home.here("signals", *ALL, "--json").document["signals"]}
    assert followed <= stored
    assert all(line["signal_type"] in ("buy", "sell") for line in lines)
