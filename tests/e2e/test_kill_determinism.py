"""SIGKILL at any moment of a run: what is stored at the end is the same to the last digit."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest
from home import Home

from autopilot.adapters.store.compact_documents import decision_document
from autopilot.adapters.store.views.bookkeeping import check_books

SYMBOLS = {"BTC/USD", "ETH/USD"}
DAYS = 3
Event = dict[str, Any]


@pytest.fixture(scope="module")
def trading_home(new_home: Callable[[], Home]) -> Callable[[], Home]:
    """A home whose configuration trades a simulated market as fast as it can."""

    def make() -> Home:
        home = new_home()
        home.configure(
            symbols=sorted(SYMBOLS),
            exchange="simulated",
            auto_execute=True,
            min_confidence_threshold=0.45,
            interval=0.05,
            simulated={"seed": 3, "end": f"2024-01-{DAYS + 1:02}", "speed": 0.0},
        )
        return home

    return make


@pytest.fixture(scope="module")
def undisturbed(trading_home: Callable[[], Home]) -> dict[str, list[str]]:
    home = trading_home()
    home.start()
    assert home.follow(SYMBOLS)
    home.stop()
    books = home.contents()
    home.clear()
    return books


def killed_run(home: Home, moments: list[Callable[[Event], bool]]) -> int:
    """Run to the end of the market, killed once at each moment; how often it was killed."""
    home.start()
    for kills, moment in enumerate(moments):
        if home.follow(SYMBOLS, moment):
            return kills
        home.kill_hard()
        home.foreground()
    assert home.follow(SYMBOLS)
    return len(moments)


def nth(count: int, *kinds: str) -> Callable[[Event], bool]:
    """The moment of the ``count``-th event of these kinds in this life."""
    seen: list[int] = []

    def is_now(event: Event) -> bool:
        if event["kind"] in kinds:
            seen.append(event["seq"])
        return len(seen) >= count

    return is_now


def order_decided(event: Event) -> bool:
    return event["kind"] == "decision" and event["body"]["action"] == "order"


DOCUMENT_COLUMN = 20
"""Of a row of decisions."""
MOMENTS: dict[str, Callable[[], list[Callable[[Event], bool]]]] = {
    "after some decisions": lambda: [nth(count, "decision") for count in (1, 23, 2, 17)],
    "around orders": lambda: [order_decided, nth(1, "order"), nth(1, "fill"), order_decided],
}


def test_the_undisturbed_run_has_something_to_lose(undisturbed: dict[str, list[str]]) -> None:
    assert len(undisturbed["decisions"]) == DAYS * 24 * len(SYMBOLS)
    assert len(undisturbed["fills"]) >= 6
    assert len(undisturbed["round_trips"]) >= 2
    assert undisturbed["performance_samples"]


@pytest.mark.parametrize("moments", MOMENTS)
def test_kills_change_nothing(
    trading_home: Callable[[], Home], undisturbed: dict[str, list[str]], moments: str
) -> None:
    home = trading_home()
    assert killed_run(home, MOMENTS[moments]()) >= 3, "the run was over too early to be killed"
    found, books = home.contents(), check_books(home.database)
    home.clear()
    assert books.disagreements == ()
    for table, rows in undisturbed.items():
        assert found[table] == rows, table


def test_orders_are_linked_to_their_decisions(undisturbed: dict[str, list[str]]) -> None:
    documents = [bytes.fromhex(json.loads(row)[DOCUMENT_COLUMN]) for row in undisturbed["decisions"]]
    orders = [decision_document(stored)["order"] for stored in documents]
    decided = {order["client_order_id"] for order in orders if order}
    stored = {json.loads(row)[0] for row in undisturbed["orders"]}
    assert decided
    assert decided <= stored


def test_graceful_ends_change_nothing(trading_home: Callable[[], Home], undisturbed: dict[str, list[str]]) -> None:
    home = trading_home()
    home.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        assert not home.follow(SYMBOLS, nth(9, "decision"))
        home.end(number)
        home.foreground()
    assert home.follow(SYMBOLS)
    found = home.contents()
    home.clear()
    assert found == undisturbed
