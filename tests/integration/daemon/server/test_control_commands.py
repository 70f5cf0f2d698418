"""Every command is told to the service with its caller and its result, and no query is."""

from __future__ import annotations

import os
from typing import Any

import pytest

from autopilot.control.errors import Conflict
from autopilot.control.peer import Peer

API = "/api/autopilot"
ME = Peer(os.getpid(), os.geteuid())


async def test_a_command_is_told_with_what_was_asked(serving: Any) -> None:
    await serving.post(f"{API}/start", {"symbols": ["btc-usd"], "timeframe": "4h"})
    await serving.post(f"{API}/models/rollback")
    asked = {
        "symbols": ["BTC/USD"],
        "exchange": None,
        "timeframe": "4h",
        "interval": None,
        "paper_trading": None,
        "auto_execute": None,
    }
    assert serving.service.commands == [
        (ME, f"POST {API}/start", asked, "done"),
        (ME, f"POST {API}/models/rollback", {"kind": None, "timeframe": None}, "done"),
    ]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/start"),
        ("POST", "/stop"),
        ("POST", "/retrain"),
        ("POST", "/tasks/t-1/cancel"),
        ("POST", "/models/m-1/promote"),
        ("POST", "/models/rollback"),
        ("POST", "/reset"),
        ("PUT", "/bootstrap-config"),
    ],
)
async def test_each_command_there_is(serving: Any, method: str, path: str) -> None:
    assert b" 200 " in await serving.raw(f"{method} {API}{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    ((caller, command, _, result),) = serving.service.commands
    assert (caller, command, result) == (ME, f"{method} {API}{path}", "done")


async def test_what_is_refused_or_fails_is_told_too(serving: Any, refused: Any) -> None:
    await refused(serving.post(f"{API}/stop", {"symbol": "BTC", "password": "secret"}))
    serving.service.fails = Conflict("a training is under way")
    await refused(serving.post(f"{API}/retrain"))
    serving.service.fails = ZeroDivisionError("a bug")
    await refused(serving.post(f"{API}/reset"))
    told = [(command.rpartition("/")[2], asked, result) for _, command, asked, result in serving.service.commands]
    assert told[0] == ("stop", {}, "REQUEST_INVALID"), "nothing of what was not understood"
    assert [(name, result) for name, _, result in told[1:]] == [("retrain", "CONFLICT"), ("reset", "INTERNAL_ERROR")]


async def test_a_body_that_never_comes_is_told(hasty: Any) -> None:
    await hasty.raw(f"POST {API}/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n".encode())
    assert [result for *_, result in hasty.service.commands] == ["TOO_SLOW"]


async def test_queries_and_what_is_no_address_are_not_told(serving: Any, refused: Any) -> None:
    await serving.get(f"{API}/status")
    await refused(serving.post(f"{API}/nothing"))
    await refused(serving.post(f"{API}/status"))
    assert serving.service.commands == []
