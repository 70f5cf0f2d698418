"""What the commands tell of one run agrees, in JSON, with each other and with what is stored."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

SYMBOLS = {"BTC/USD", "ETH/USD"}
ALL = ("--limit", "1000")
pytestmark = pytest.mark.xdist_group("answers")


def market(end: str) -> dict[str, Any]:
    return {
        "symbols": sorted(SYMBOLS),
        "exchange": "simulated",
        "min_confidence_threshold": 0.45,
        "interval": 0.05,
        "simulated": {"seed": 3, "end": end, "speed": 0.0},
    }


@pytest.fixture(scope="module")
def traded(new_home: Any) -> Any:
    """A market that was traded to its end; its daemon still answers."""
    home = new_home()
    home.configure(**market("2024-01-04T12:00:00Z"), auto_execute=True)
    home.json("start")
    assert home.follow(SYMBOLS)
    return home


def test_every_order_that_a_decision_made_is_listed_with_it(traded: Any) -> None:
    decisions = traded.json("decisions", *ALL)["decisions"]
    orders = {order["client_order_id"]: order for order in traded.json("orders", *ALL)["orders"]}
    made = {decision["order_id"]: decision for decision in decisions if decision["action"] == "order"}
    assert made
    for client_order_id, decision in made.items():
        assert orders[client_order_id]["decision_id"] == decision["id"]
        assert orders[client_order_id]["symbol"] == decision["symbol"]
        assert orders[client_order_id]["strategy"] == decision["strategy"]
    assert {order["decision_id"] for order in orders.values()} - {None} == {each["id"] for each in made.values()}


def test_decisions_with_a_side_are_the_signals(traded: Any) -> None:
    decisions = traded.json("decisions", *ALL)["decisions"]
    signals = traded.json("signals", *ALL)["signals"]
    assert signals
    assert signals == [decision for decision in decisions if decision["signal_type"] != "none"]


def test_positions_and_trades_come_from_the_orders(traded: Any) -> None:
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


def test_explain_tells_the_same_by_id_by_prefix_and_by_symbol(traded: Any) -> None:
    latest = traded.json("decisions", "--symbol", "BTC/USD", "--limit", "1")["decisions"][0]
    whole = traded.json("explain", latest["id"])
    assert traded.json("explain", "BTC/USD") == whole
    assert traded.json("explain", latest["id"][:8]) == whole
    for name in ("id", "symbol", "candle_at_ms", "decided_at_ms", "action", "market"):
        assert whole[name] == latest[name]
    assert whole["selection"]["strategy"] == latest["strategy"]
    assert whole["signal"]["signal_type"] == latest["signal_type"]
    assert len(whole["selection"]["strategies"]) == 14


def test_status_agrees_with_the_lists(traded: Any) -> None:
    status = traded.json("status")
    positions = traded.json("positions")["positions"]
    for symbol in status["symbols"]:
        latest = traded.json("decisions", "--symbol", symbol["symbol"], "--limit", "1")["decisions"][0]
        assert symbol["state"] == "finished"
        assert symbol["last_decision"] == latest
        held = [position for position in positions if position["symbol"] == symbol["symbol"]]
        assert ([symbol["position"]] if symbol["position"] else []) == held
    assert sum(account["open_positions"] for account in status["accounts"]) == len(positions)


def test_the_same_is_told_without_the_daemon(traded: Any) -> None:
    questions = [("decisions", *ALL), ("signals", *ALL), ("orders", *ALL), ("positions",), ("trades", *ALL)]
    questions += [("explain", "ETH/USD"), ("performance",)]
    told = [traded.json(*question) for question in questions]
    pid = traded.pid()
    traded.json("stop")
    assert traded.gone(pid)
    for question, before in zip(questions, told, strict=True):
        remembered = traded.run(*question, "--json")
        assert remembered.code == 3
        assert remembered.document == before


def test_signals_only_makes_no_order(home: Any) -> None:
    home.configure(**market("2024-01-03T12:00:00Z"))
    home.json("start")
    assert home.follow(SYMBOLS)
    actions = {signal["action"] for signal in home.json("signals", *ALL)["signals"]}
    assert "signal" in actions, "nothing was worth a signal, so that nothing was held back either"
    assert actions <= {"signal", "denied"}
    for listed in ("orders", "positions", "trades"):
        assert home.json(listed)[listed] == []
    (account,) = home.json("status")["accounts"]
    assert account["equity"] == account["free"] == account["start_equity"]


def test_signals_can_be_followed_as_they_come(home: Any) -> None:
    home.configure(**{**market("2024-01-08"), "simulated": {"seed": 3, "speed": 20_000.0}})
    home.json("start")
    program = Path(sys.executable).with_name("autopilot")
    with subprocess.Popen(
        [program, "--data-dir", home.data_dir, "signals", "--follow", "--json"],
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
    stored = {signal["id"] for signal in home.run("signals", *ALL, "--json").document["signals"]}
    assert followed <= stored
    assert all(line["signal_type"] in ("buy", "sell") for line in lines)
