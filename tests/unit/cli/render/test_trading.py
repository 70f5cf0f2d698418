"""What pause, resume and panic say, at 80 columns and through a pipe."""

from __future__ import annotations

from typing import Any

import pytest

from autopilot.cli.render.blocks import Screen
from autopilot.cli.render.layout import lines, plain, text_of
from autopilot.cli.render.trading import (
    exited_screen,
    panic_screen,
    paused_screen,
    resumed_screen,
    started_screen,
    stopped_screen,
    whose,
)

ORDER = {
    "symbol": "BTC/USD",
    "side": "buy",
    "quantity": "0.25",
    "filled": "0.1",
    "price": "64000.5",
    "status": "canceled",
}
LEFT = {"symbol": "ETH/USD", "what": "1.5 held are not sold: the exchange does not answer", "hint": "look there"}
ADA = {
    "symbol": "ADA/USD",
    "reason": "missing",
    "quantity": "12.50",
    "missing": "12.50",
    "cost": "10.04",
    "price": "0.75",
    "result": "-0.665",
    "net": None,
}
PANIC: dict[str, Any] = {
    "account": "*",
    "before": "active",
    "now": "halted",
    "accounts": [
        {
            "account": "live:kraken",
            "canceled": [ORDER],
            "kept": ["SOL/USD"],
            "sold": ["BTC/USD"],
            "dust": ["XRP/USD"],
            "written_off": {"ADA/USD": "12.50"},
            "write_offs": [ADA],
            "left": [LEFT],
        }
    ],
    "complete": False,
}


def words(screen: Screen) -> list[str]:
    narrow = [text_of(item) for item in lines(screen, 80)]
    assert all(len(item) <= 80 for item in narrow)
    return plain(screen)


def test_panic_tells_everything_it_did_and_could_not_do() -> None:
    assert words(panic_screen(PANIC, flatten=True)) == [
        "every account: halted (was active); only stop-losses are sent",
        "live:kraken: 1 order canceled",
        "  BTC/USD buy 0.25 at 64,000.50: canceled, 0.1 of it filled before",
        "live:kraken: SOL/USD: its stop order stays open on the exchange",
        "live:kraken: BTC/USD sold",
        "live:kraken: XRP/USD: the rest is too small to be sold",
        "live:kraken: ADA/USD: 12.5 ADA written off: the account does not own it",
        "  cost 10.04 USD, counts as withdrawn at the last known price, 0.75 USD: result -0.66,"
        " booked in the equity only",
        "LEFT: live:kraken: ETH/USD: 1.5 held are not sold: the exchange does not answer",
        "  try: look there",
        "NOT COMPLETE",
        "Undo with: autopilot resume",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ["12.5 ADA written off: the account does not own it"]),
        (
            {"missing": "0", "reason": "market_gone"},
            ["kraken no longer has this market", "12.5 ADA stay in the account"],
        ),
        ({"missing": "10"}, ["written off: the account does not own 10", "2.5 ADA stay in the account"]),
        ({"net": "-1.239"}, ["what was sold of it before is booked as a trade: result -1.24"]),
    ],
)
def test_what_became_of_a_position_that_was_written_off(changes: dict[str, Any], said: list[str]) -> None:
    account = {**PANIC["accounts"][0], "write_offs": [{**ADA, **changes}]}
    shown = "\n".join(words(resumed_screen({**PANIC, "accounts": [account]})))
    assert all(each in shown for each in said)


@pytest.mark.parametrize(
    ("flatten", "said"), [(False, "no order was open"), (True, "no order and no position was open")]
)
def test_panic_with_nothing_to_do_says_so(flatten: bool, said: str) -> None:
    shown = words(panic_screen({**PANIC, "accounts": [], "complete": True}, flatten=flatten))
    assert shown[1] == said
    assert "NOT COMPLETE" not in shown


def test_a_pause_says_what_it_was_and_how_it_ends() -> None:
    answer: dict[str, Any] = {**PANIC, "account": "*:kraken", "before": "reducing", "now": "reducing", "accounts": []}
    first, last = words(paused_screen(answer))
    assert first.startswith("every account on kraken: reducing (was reducing already)")
    assert last == "Undo with: autopilot resume --exchange kraken"


def test_resuming_says_what_it_was() -> None:
    answer = {"account": "*", "before": "halted", "now": "active"}
    assert words(resumed_screen(answer)) == ["every account: active (was halted); entries and exits"]


@pytest.mark.parametrize(
    ("account", "spoken"),
    [("*", "every account"), ("*:kraken", "every account on kraken"), ("live:kraken", "live:kraken")],
)
def test_whom_a_mode_holds_for(account: str, spoken: str) -> None:
    assert whose(account) == spoken


SYMBOL = {
    "symbol": "BTC/USD",
    "exchange": "kraken",
    "market": "real",
    "timeframe": "4h",
    "interval": 30.0,
    "paper_trading": True,
    "auto_execute": False,
    "state": "running",
    "message": None,
    "position": {"quantity": "0.1"},
    "open_orders": [],
}
STARTED: dict[str, Any] = {"started": [], "already_running": ["BTC/USD"], "running": [SYMBOL], "left_out": []}
AS_IT_RUNS = "BTC/USD on kraken (4h, every 30 s, paper money, auto-execute off): running"


@pytest.mark.parametrize(
    ("answer", "is_new", "shown"),
    [
        (STARTED, False, ["BTC/USD is running already; nothing changed"]),
        (STARTED, True, [AS_IT_RUNS, "  taken up: it ran before and it holds a position"]),
        (
            {"started": [SYMBOL], "already_running": [], "taken_up": {"BTC/USD": ["has_live_order"]}},
            False,
            [AS_IT_RUNS, "  taken up: it has a live order"],
        ),
        (
            {
                "started": [SYMBOL],
                "already_running": [],
                "changed": [{"symbol": "BTC/USD", "setting": "timeframe", "before": "1h", "now": "4h"}],
                "left_out": [{"symbol": "ETH/USD", "message": "the keys are locked", "hint": "autopilot restart"}],
            },
            False,
            [
                AS_IT_RUNS,
                "  timeframe: 1h → 4h",
                "ETH/USD could not be taken up: the keys are locked",
                "  try: autopilot restart",
            ],
        ),
    ],
)
def test_a_start_says_why_and_what_changed(answer: dict[str, Any], is_new: bool, shown: list[str]) -> None:
    assert words(started_screen(answer, is_new=is_new)) == shown


def test_a_stop_that_could_not_sell_says_that_the_symbol_runs_on() -> None:
    answer = {"stopped": [], "flattened": [], "dust": ["XRP/USD"], "left": [LEFT], "daemon": "running"}
    assert words(stopped_screen(answer)) == [
        "XRP/USD: the rest is too small to be sold",
        "LEFT: ETH/USD: 1.5 held are not sold: the exchange does not answer; it runs on",
        "  try: look there",
    ]


def test_what_a_daemon_wrote_off_that_ran_before_an_upgrade_is_told_too() -> None:
    account = {"account": "live:kraken", "canceled": [], "kept": [], "sold": [], "dust": [], "left": []}
    shown = words(resumed_screen({**PANIC, "accounts": [{**account, "written_off": {"ADA/USD": "12.5"}}]}))
    assert "live:kraken: ADA/USD: 12.5 written off" in shown


def test_an_exit_says_what_was_sold_and_what_stays() -> None:
    rest = {"quantity": "0.150", "stop": "61000", "target": None}
    (account,) = PANIC["accounts"]  # type: ignore[misc]
    cleared = {**account, "kept": [], "dust": [], "written_off": {}, "write_offs": [], "left": []}
    answer = {"symbol": "BTC/USD", "sold": "0.10", "position": rest, "running": True, "complete": True}
    assert words(exited_screen({**answer, "accounts": [cleared]})) == [
        "live:kraken: 1 order canceled",
        "  BTC/USD buy 0.25 at 64,000.50: canceled, 0.1 of it filled before",
        "BTC/USD: 0.1 BTC sold",
        "0.15 BTC stay, stop 61,000.00, target -; the symbol runs on",
    ]
    shown = words(exited_screen({**answer, "accounts": [account], "position": None, "complete": False}))
    assert shown[-3:] == ["BTC/USD: 0.1 BTC sold", "nothing stays; the symbol runs on", "NOT COMPLETE"]
