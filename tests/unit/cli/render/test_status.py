"""The status screen: rows, accounts, troubles, and one symbol in full."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autopilot.cli.render.blocks import BANNERS, Style, banner
from autopilot.cli.render.layout import lines, plain, text_of
from autopilot.cli.render.status import status_screen, unrealized
from autopilot.cli.render.trading import started_screen, stopped_screen
from autopilot.domain.market import MarketKind

GOLDEN = Path(__file__).parents[3] / "golden" / "cli"


@pytest.fixture
def document() -> dict[str, Any]:
    return json.loads((GOLDEN / "documents" / "status.json").read_text())


def test_at_80_columns_it_reads_as_it_always_did(document) -> None:
    shown = [text_of(item) for item in lines(status_screen(document), 80)]
    assert shown == (GOLDEN / "status" / "all.txt").read_text().splitlines()


def test_one_symbol_in_full_at_80_columns(document) -> None:
    document["symbols"] = document["symbols"][1:2]
    shown = [text_of(item) for item in lines(status_screen(document, full=True), 80)]
    assert shown == (GOLDEN / "status" / "one.txt").read_text().splitlines()


def test_a_symbol_of_which_nothing_is_known_yet_can_be_shown_in_full(document) -> None:
    document["symbols"] = document["symbols"][2:]
    shown = plain(status_screen(document, full=True))
    assert "candles   none yet" in shown
    assert "decision  none yet" in shown


@pytest.mark.parametrize("kind", MarketKind)
def test_the_next_cycle_is_told_only_in_the_market_s_own_time(document, kind) -> None:
    symbol = document["symbols"][1] | {"market": kind}
    shown = plain(status_screen(document | {"symbols": [symbol]}, full=True))
    (cycles,) = [item for item in shown if item.startswith("cycles")]
    assert (", next 2024-05-01 14:01Z" in cycles) is (kind is MarketKind.REAL)


def test_a_daemon_that_ran_before_an_upgrade_is_shown_too(document) -> None:
    """It answers without the keys that came later."""
    for symbol in document["symbols"]:
        symbol.pop("model", None)
    document.pop("models", None)
    document["model"] = {"id": "m-1", "state": "live", "usable": True, "message": ""}
    assert (
        "model m-1 (live) chooses the group of strategies"
        in [text_of(each) for each in lines(status_screen(document), None)][1]
    )


def test_a_retrying_symbol_says_why_and_what_to_try(document) -> None:
    document["symbols"][2]["hint"] = None
    shown = plain(status_screen(document))
    assert "SOL/USD is retrying: coinbase cannot be reached: no route to host" in shown
    assert any(item.startswith("  try: ") for item in shown)


@pytest.mark.parametrize(("is_stop", "state"), [(False, "exit refused"), (True, "running")])
def test_a_symbol_whose_exit_is_refused_is_not_plainly_running(document, is_stop: bool, state: str) -> None:
    refused = {"is_stop": is_stop, "reason": "locked", "words": "ETrade:User Locked", "since_ms": 0, "attempts": 3}
    symbol = document["symbols"][1] | {"refused_exit": {**refused, "next_at_ms": 1, "hint": "unlock it"}}
    shown = [text_of(item) for item in lines(status_screen(document | {"symbols": [symbol]}), 80)]
    (row,) = [item for item in shown if item.lstrip().startswith(symbol["symbol"])]
    assert f" {state} " in row
    assert max(map(len, shown)) <= 80


def test_no_error_is_left_out_however_many_there_are(document) -> None:
    levels = ["error"] * 8 + ["warning"] * 2
    health = [
        {
            "code": "X",
            "level": level,
            "subject": f"subject {number}",
            "detail": "is wrong",
            "since_ms": None,
            "hint": "y",
        }
        for number, level in enumerate(levels)
    ]
    shown = plain(status_screen(document | {"health": health}))
    assert [item for item in shown if item.startswith("subject")] == [f"subject {at}: is wrong" for at in range(8)]
    assert "and 2 more: autopilot status --json" in shown


def test_unrealized_is_the_value_less_the_cost(document) -> None:
    assert [unrealized(symbol) for symbol in document["symbols"]] == [None, (2_061_025, 5), None]


ARMING = {
    **{"currency": "USD", "max_value": "500", "limit": "500", "invested": "120.5", "unproven": False},
    **{"armed_at_ms": 1_713_963_600_000, "expires_at_ms": 1_714_568_400_000},
}
KRAKEN = {
    **{"account": "live:kraken", "exchange": "kraken", "armed": True, "arming": ARMING},
    **{"symbols": ["BTC/USD", "ETH/USD"], "unarmed_symbols": []},
}
IDLE = {"symbols": [], "unarmed_symbols": []}
UNARMED = {"armed": False, "symbols": [], "unarmed_symbols": ["BTC/USD"]}


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        (
            {},
            [
                "REAL MONEY on kraken: BTC/USD, ETH/USD",
                "live:kraken: armed for 500.00 USD until 2024-05-01 13:00Z; 120.50 of it invested",
            ],
        ),
        (
            {"arming": {**ARMING, "limit": "482.5", "unproven": True}},
            [
                "REAL MONEY on kraken: BTC/USD, ETH/USD",
                "live:kraken: armed for 500.00 USD until 2024-05-01 13:00Z, UNPROVEN; 120.50 invested of 482.50,"
                " reduced by losses",
            ],
        ),
        (
            IDLE,
            [
                "live:kraken: armed for 500.00 USD until 2024-05-01 13:00Z; 120.50 of it invested; no symbol trades"
                " it now",
            ],
        ),
        (
            {**UNARMED, "arming": None},
            [
                "NOT ARMED on kraken, so BTC/USD is not bought: it was never armed",
                "  try: autopilot arm --exchange kraken --max-value AMOUNT",
            ],
        ),
        (
            UNARMED,
            [
                "NOT ARMED on kraken, so BTC/USD is not bought: its authorization ended at 2024-05-01 13:00Z",
                "  try: autopilot arm --exchange kraken --max-value AMOUNT",
            ],
        ),
        (
            {"symbols": ["BTC/USD"], "unarmed_symbols": ["ETH/EUR"]},
            [
                "REAL MONEY on kraken: BTC/USD",
                "live:kraken: armed for 500.00 USD until 2024-05-01 13:00Z; 120.50 of it invested",
                "NOT ARMED on kraken, so ETH/EUR is not bought: only USD is armed",
                "  try: autopilot arm --exchange kraken --max-value AMOUNT --currency EUR",
            ],
        ),
    ],
    ids=["armed", "after losses", "idle", "never", "ended", "another currency"],
)
def test_real_money_is_told_with_what_is_armed(document, changes, shown) -> None:
    without = plain(status_screen(document))
    document["real_money"] = [{**KRAKEN, **changes}]
    told = plain(status_screen(document))
    assert told == [*without[:2], *shown, *without[2:]]
    assert max(len(text_of(item)) for item in lines(status_screen(document), 80)) <= 80


def test_that_it_is_not_armed_is_told_once(document) -> None:
    hint = "autopilot arm --exchange kraken --max-value AMOUNT"
    record = {"code": "NOT_ARMED", "level": "warning", "detail": "reducing: it was never armed", "hint": hint}
    document["real_money"] = [{**KRAKEN, **UNARMED, "arming": None}]
    document["health"] = [
        {**record, "subject": "live:kraken", "since_ms": 0},
        {**record, "subject": "live:coinbase", "since_ms": 0},
    ]
    shown = "\n".join(plain(status_screen(document)))
    assert "live:kraken: reducing" not in shown
    assert "live:coinbase: reducing" in shown


def test_a_daemon_that_does_not_run_is_said_to(document) -> None:
    document["daemon"] |= {"running": False, "pid": None, "version": None, "started_at_ms": None}
    assert plain(status_screen(document))[0] == "daemon not running"


@pytest.mark.parametrize("kind", MarketKind)
def test_every_market_that_is_not_real_has_its_banner(kind: MarketKind) -> None:
    (shown,) = [list(banner([{"market": kind.value}]))]
    assert bool(shown) == (kind is not MarketKind.REAL)
    assert list(banner([{"account": f"paper:{kind}"}])) == shown
    assert all(item.spans[0].style is Style.WARNING for item in shown)


def test_two_kinds_of_market_make_two_banners() -> None:
    assert len(banner([{"market": "replay"}, {"market": "simulated"}, {"market": "real"}])) == len(BANNERS) == 2


def test_real_money_is_spelled_out_when_a_symbol_starts(document) -> None:
    document["symbols"][0]["paper_trading"] = False
    shown = plain(started_screen({"started": document["symbols"][:1], "already_running": []}))
    assert "REAL MONEY" in shown[1]


@pytest.mark.parametrize(
    ("stopped", "flattened", "daemon", "shown"),
    [
        ([], [], "running", ["no symbol was running"]),
        (["BTC/USD"], [], "running", ["BTC/USD stopped"]),
        (["BTC/USD"], ["BTC/USD"], "stopping", ["BTC/USD stopped", "BTC/USD sold", "the daemon is stopping"]),
    ],
)
def test_what_stop_did(stopped, flattened, daemon, shown) -> None:
    document = {"stopped": stopped, "flattened": flattened, "warnings": [], "daemon": daemon}
    assert plain(stopped_screen(document)) == shown


SIZES = {"bytes": 1_234_567, "reusable_bytes": 0, "disk_free_bytes": 10**9, "locked_at_ms": None}


@pytest.mark.parametrize(
    ("growth", "days", "words"),
    [
        (None, None, "database 1.2 MB, its growth is not known yet"),
        (-5, None, "database 1.2 MB, it does not grow"),
        (0, None, "database 1.2 MB, it does not grow"),
        (9_100_000, 109.9, "database 1.2 MB, it grows by 9.1 MB per day, the disk is full in 110 days"),
        (2_000_000_000, 0.6, "database 1.2 MB, it grows by 2.0 GB per day, the disk is full in 1 day"),
        (2_000, 5e6, "database 1.2 MB, it grows by 2 kB per day, the disk lasts for a century"),
    ],
)
def test_the_size_of_the_database_is_shown_with_its_growth(document, growth, days, words) -> None:
    document["database"] = {**SIZES, "growth_bytes_per_day": growth, "days_until_full": days}
    assert words in plain(status_screen(document))
