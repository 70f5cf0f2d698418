"""The audit log on a narrow terminal."""

from __future__ import annotations

from typing import Any

import pytest

from autopilot.cli.render.audit import audit_screen, verdict_screen
from autopilot.cli.render.layout import lines, plain, text_of

AT = 1_714_568_400_000
ID = "f2fe622d-b1e2-5432-ae62-15cd610d1c33"
BODIES: dict[str, tuple[dict[str, Any], str]] = {
    "command": (
        {"command": "POST /api/autopilot/stop", "asked": {"symbol": "BTC/USD", "flatten": False}, "result": "CONFLICT"},
        "POST stop: CONFLICT, symbol BTC/USD",
    ),
    "daemon": (
        {"event": "start", "version": "1.2", "config_sha256": "ab" * 32, "pid": 7},
        "start, version 1.2, configuration abababab",
    ),
    "model": (
        {"event": "promoted", "model_id": "m-2", "previous_id": None, "reason": "by hand", "at_ms": 1},
        "promoted: rules → m-2 (by hand)",
    ),
    "arming": (
        {
            **{"event": "armed", "account": "live:kraken", "max_value": "500", "currency": "USD", "unproven": 0},
            **{"armed_at_ms": 1, "expires_at_ms": AT, "actor": "uid 1000 pid 424242"},
        },
        "live:kraken armed up to 500 USD until 2024-05-01 13:00Z",
    ),
    "decision": (
        {"decision_id": "08e9378685", "order_id": ID, "symbol": "BTC/USD", "side": "buy", "strategy": "macd"},
        "BTC/USD buy, 08e9378685 by macd, order f2fe622d",
    ),
    "order": (
        {"client_order_id": ID, "symbol": "BTC/USD", "side": "sell", "status": "partially_filled", "filled": "0.50"},
        "BTC/USD sell partially filled 0.5, order f2fe622d",
    ),
    "break": ({"problem": "row 3 is missing"}, "row 3 is missing"),
    "from later": ({"a": 1}, '{"a": 1}'),
}


def row(kind: str, body: Any, seq: int = 12345) -> dict[str, Any]:
    return {"seq": seq, "at_ms": AT, "kind": kind, "actor": "uid 1000 pid 424242", "body": body}


@pytest.mark.parametrize("kind", BODIES)
def test_each_kind_in_words(kind: str) -> None:
    body, words = BODIES[kind]
    assert plain(audit_screen({"audit": [row(kind, body)]}))[1].endswith(words)


def test_arming_for_the_unproven_and_disarming() -> None:
    unproven = {**BODIES["arming"][0], "unproven": 1}
    disarmed = {"event": "disarmed", "account": "live:kraken"}
    shown = plain(audit_screen({"audit": [row("arming", unproven), row("arming", disarmed)]}))
    assert shown[1].endswith("live:kraken armed up to 500 USD until 2024-05-01 13:00Z, UNPROVEN")
    assert shown[2].endswith("arming  live:kraken disarmed")


def test_it_fits_80_columns_with_everything_in_sight() -> None:
    screen = audit_screen({"audit": [row(kind, body) for kind, (body, _) in BODIES.items()]})
    shown = [text_of(item) for item in lines(screen, 80)]
    assert max(map(len, shown)) <= 80
    assert "2024-05-01 13:00Z" in shown[2]
    assert "uid 1000" in shown[2]
    assert "POST stop: CONFLI" in shown[2]


@pytest.mark.parametrize("body", [None, [], "text", {}, {"asked": 3, "command": 1}])
def test_a_row_that_somebody_edited_is_shown_as_it_is(body: Any) -> None:
    for kind in BODIES:
        assert len(plain(audit_screen({"audit": [row(kind, body)]}))) == 2


def test_verdicts() -> None:
    whole = {
        **{"rows": 3, "anchor": {"seq": 2, "hash": ""}, "since_anchor": 1, "since_anchor_ms": 60_000},
        **{"fault": None, "breaks": [], "altered": [], "altered_modes": [], "altered_models": []},
        **{"checked": {"rows": 3, "armings": 1, "modes": 0, "models": 2}, "cannot_show": ["the weather"]},
    }
    assert plain(verdict_screen(whole)) == [
        "The audit log is intact: 3 rows.",
        "1 row since the anchor, which is at row 2",
        "compared with the log: 1 arming, 0 trading modes, 2 models",
        "It cannot show:",
        "- the weather",
    ]
    edited = {**whole, "fault": {"seq": 2, "problem": "row 2 was edited"}}
    assert plain(verdict_screen(edited))[0] == "NOT INTACT: row 2 was edited"
    broken = plain(verdict_screen({**whole, "breaks": [2]}))
    assert broken[0].startswith("row 2: when a daemon started, the log had been changed")
    assert broken[1] == "It is intact since then."
    altered = plain(verdict_screen({**whole, "altered": ["live:kraken"]}))
    assert altered[0].startswith("the arming of live:kraken differs from the log")
    modes = plain(verdict_screen({**whole, "altered_modes": ["*", "*:kraken"], "altered_models": ["m-1"]}))
    assert [words.partition(" differs")[0] for words in modes[:3]] == [
        "the trading mode of every account",
        "the trading mode of every account on kraken",
        "model m-1",
    ]
    late = plain(verdict_screen({**whole, "since_anchor_ms": 61_000}))
    assert late[2].startswith("the anchor is 61 s behind")
    assert plain(audit_screen({"audit": []})) == ["Nothing is recorded yet."]
