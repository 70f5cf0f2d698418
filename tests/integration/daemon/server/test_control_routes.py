"""Address by address, over a real socket."""

import os
from decimal import Decimal
from typing import Any

import pytest

from autopilot.control.errors import Conflict, RequestInvalid, SafetyRefused
from autopilot.control.peer import Peer
from autopilot.control.requests import BootstrapRequest, ExitRequest, StartRequest, StopRequest
from autopilot.domain.decision import Action
from autopilot.domain.errors import (
    ConfigError,
    MarketUnavailable,
    ModelError,
    StoreCorrupt,
    StoreUnavailable,
    UnknownExchange,
    UnknownSymbol,
    UnknownTimeframe,
)
from autopilot.domain.paging import Cursor
from autopilot.domain.timeframe import Timeframe

API = "/api/autopilot"
ME = str(Peer(os.getpid(), os.geteuid()))


async def test_health_answers(serving: Any) -> None:
    assert await serving.get("/health") == {"ok": True}


@pytest.mark.parametrize(
    ("body", "request_seen"),
    [
        ({}, StartRequest()),
        ({"symbols": None, "exchange": None}, StartRequest()),
        (
            {
                "symbols": ["btc-usd", "ETH/USD", "BTC/USD"],
                "exchange": "kraken",
                "timeframe": "4h",
                "interval": 5,
                "paper_trading": True,
                "auto_execute": False,
            },
            StartRequest(("BTC/USD", "ETH/USD"), "kraken", Timeframe.H4, 5.0, True, False),
        ),
    ],
)
async def test_start(serving: Any, body: dict[str, Any], request_seen: StartRequest) -> None:
    assert (await serving.post(f"{API}/start", body))["answer"] == 1
    assert serving.service.asked == [request_seen]


async def test_stop(serving: Any) -> None:
    await serving.post(f"{API}/stop", {"symbol": "BTC/USD", "flatten": True})
    await serving.post(f"{API}/stop")
    assert serving.service.asked == [StopRequest("BTC/USD", True), StopRequest()]


async def test_exit(serving: Any) -> None:
    await serving.post(f"{API}/exit", {"symbol": "btc-usd"})
    await serving.post(f"{API}/exit", {"symbol": "BTC/USD", "quantity": "0.250", "account": "paper:kraken"})
    assert serving.service.asked == [ExitRequest("BTC/USD"), ExitRequest("BTC/USD", Decimal("0.25"), "paper:kraken")]


async def test_modes_are_changed_by_somebody(serving: Any) -> None:
    await serving.post(f"{API}/pause", {"exchange": "kraken"})
    await serving.post(f"{API}/resume")
    await serving.post(f"{API}/panic", {"flatten": True})
    assert serving.service.asked == [
        ("pause", "kraken", ME),
        ("resume", None, ME, False),
        ("panic", ME, True),
    ]


@pytest.mark.parametrize(
    ("path", "body", "asked"),
    [
        ("/models/m-1/promote", {}, ("promote", "m-1", False)),
        ("/models/m-1/promote", {"force": True}, ("promote", "m-1", True)),
        ("/models/rollback", {}, ("rollback", None, None)),
        ("/models/rollback", {"kind": "real", "timeframe": "5m"}, ("rollback", "real", "5m")),
        ("/reset", {}, "reset"),
    ],
)
async def test_models_are_changed(serving: Any, path: str, body: dict[str, Any], asked: Any) -> None:
    await serving.post(f"{API}{path}", body)
    assert serving.service.asked == [asked]


async def test_the_training_configuration_is_changed(serving: Any) -> None:
    body = b'{"days": 30, "symbols": ["btc-usd"], "timeframe": "4h"}'
    head = f"PUT {API}/bootstrap-config HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    assert b"200 OK" in await serving.raw(head + body)
    assert serving.service.asked == [BootstrapRequest(days=30, timeframe=Timeframe.H4, symbols=("BTC/USD",))]


async def test_curl_needs_neither_body_nor_content_type(serving: Any) -> None:
    head = f"POST {API}/stop HTTP/1.1\r\nHost: x\r\n".encode()
    assert b"200 OK" in await serving.raw(head + b"\r\n")
    form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 17\r\n\r\n"
    assert b"200 OK" in await serving.raw(head + form + b'{"flatten": true}')
    assert serving.service.asked == [StopRequest(), StopRequest(None, True)]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/status", ("status", None)),
        ("/status/BTC%2FUSD", ("status", "BTC/USD")),
        ("/status/BTC/USD", ("status", "BTC/USD")),
        ("/status/btc-usd", ("status", "BTC/USD")),
        ("/decisions", ("decisions", {})),
        (
            "/decisions?symbol=BTC%2FUSD&limit=7&action=denied&before=99",
            ("decisions", {"symbol": "BTC/USD", "limit": 7, "action": Action.DENIED, "before": Cursor(99)}),
        ),
        ("/decisions/0123456789", ("decisions/{ref}", {"ref": "0123456789"})),
        ("/decisions/BTC-USD", ("decisions/{ref}", {"ref": "BTC/USD"})),
        ("/decisions/BTC%2FUSD", ("decisions/{ref}", {"ref": "BTC/USD"})),
        ("/signals?symbol=BTC-USD", ("signals", {"symbol": "BTC/USD"})),
        ("/performance", ("performance", {})),
        ("/performance?symbol=btc-usd&days=30", ("performance", {"symbol": "BTC/USD", "days": 30})),
        ("/orders?open=true&limit=1000", ("orders", {"limit": 1000, "open_only": True})),
        ("/orders?open=0", ("orders", {"open_only": False})),
        ("/positions", ("positions", {})),
        ("/trades?limit=1", ("trades", {"limit": 1})),
        ("/tasks", ("tasks", {})),
        ("/tasks/t-1", ("tasks/{task_id}", {"task_id": "t-1"})),
        ("/model-info", ("card", None, None, None)),
        ("/model-info?kind=simulated&timeframe=1h", ("card", None, "simulated", "1h")),
        ("/model-info?id=m-20240630-1f3a9c2b", ("card", "m-20240630-1f3a9c2b", None, None)),
        ("/models", "models"),
        ("/models/m-20240630-1f3a9c2b", ("card", "m-20240630-1f3a9c2b", None, None)),
        ("/bootstrap-config", "bootstrap_config"),
    ],
)
async def test_queries(serving: Any, path: str, asked: Any) -> None:
    assert (await serving.get(API + path))["answer"] == 1
    assert serving.service.asked == [asked]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/status/BTC", "'BTC' must be a symbol"),
        ("/status?symbol=BTC", "there is no 'symbol' here"),
        ("/decisions?limt=5", "there is no 'limt' here; did you mean \"limit\"?"),
        ("/decisions?limit=0", "limit must be a whole number from 1 to 1000"),
        ("/decisions?limit=1001", "limit must be"),
        ("/decisions?limit=-1", "limit must be"),
        ("/performance?days=0", "days must be a whole number from 1 to 99999"),
        ("/performance?days=100000", "days must be"),
        ("/performance?days=1.5", "days must be"),
        ("/decisions?limit=%D9%A3", "limit must be"),
        ("/decisions?limit=5&limit=6", "given twice"),
        ("/decisions?action=buy", "action must be one of hold, signal, denied, order"),
        ("/decisions?before=yesterday", "before must be a time in milliseconds"),
        ("/decisions?limit=x&symbol=x", "limit must be a whole number from 1 to 1000; symbol must be"),
        ("/orders?open=perhaps", "open must be true or false"),
        ("/model-info?model=m-1", "there is no 'model' here"),
        ("/models/m-1?x=1", "there is no 'x' here"),
        ("/positions?x=1", "there is no 'x' here"),
    ],
)
async def test_bad_queries_are_refused_with_every_problem(serving: Any, refused: Any, path: str, says: str) -> None:
    error = await refused(serving.get(API + path))
    assert (error.status, error.code) == (400, "REQUEST_INVALID")
    assert says in str(error)
    assert serving.service.asked == []


@pytest.mark.parametrize(
    ("command", "body", "says"),
    [
        ("start", {"symbol": "BTC/USD"}, "there is no 'symbol' here; did you mean \"symbols\"?"),
        ("start", {"symbols": "BTC/USD"}, "symbols must be a list"),
        ("start", {"symbols": []}, "symbols must be a list"),
        ("start", {"symbols": [5]}, "symbols must be a symbol such as BTC/USD"),
        ("start", {"symbols": ["BTCUSD"]}, "symbols must be a symbol"),
        ("start", {"exchange": "Kraken!"}, "exchange must be a name in lower case"),
        ("start", {"timeframe": "2h"}, "timeframe must be one of 1m, 5m, 15m, 30m, 1h, 4h, 1d"),
        ("start", {"timeframe": ["1h"]}, "timeframe must be one of 1m, 5m, 15m, 30m, 1h, 4h, 1d"),
        ("start", {"timeframe": 1}, "timeframe must be one of 1m, 5m, 15m, 30m, 1h, 4h, 1d"),
        ("start", {"interval": 0}, "interval must be above 0"),
        ("start", {"interval": True}, "interval must be a number"),
        ("start", {"interval": "5"}, "interval must be a number"),
        ("start", {"interval": 10**400}, "interval must be"),
        ("start", {"paper_trading": "no"}, "paper_trading must be true or false"),
        ("start", {"auto_execute": 1}, "auto_execute must be true or false"),
        ("start", {"interval": -1, "exchange": 5, "x": 1}, "interval must be"),
        ("stop", {"flatten": "yes"}, "flatten must be true or false"),
        ("panic", {"flatten": 1}, "flatten must be true or false"),
        ("exit", {}, "symbol is missing"),
        ("exit", {"quantity": "0.1"}, "symbol is missing"),
        ("exit", {"symbol": "BTC/USD", "quantity": 0.1}, "quantity must be an amount above 0 as text"),
        ("exit", {"symbol": "BTC/USD", "quantity": "-0.1"}, "quantity must be an amount above 0 as text"),
        ("exit", {"symbol": "BTC/USD", "quantity": "0"}, "quantity must be an amount above 0 as text"),
        ("exit", {"symbol": "BTC/USD", "quantity": "1e3"}, "quantity must be an amount above 0 as text"),
        ("exit", {"symbol": "BTC/USD", "quantity": "NaN"}, "quantity must be an amount above 0 as text"),
        ("exit", {"symbol": "BTC/USD", "account": "kraken"}, "account must be an account such as paper:coinbase"),
        ("pause", {"exchange": "Kraken!"}, "exchange must be a name in lower case"),
        ("resume", {"symbol": "BTC/USD"}, "there is no 'symbol' here"),
        ("models/m-1/promote", {"force": "yes"}, "force must be true or false"),
        ("models/m-1/promote", {"forced": True}, "there is no 'forced' here; did you mean \"force\"?"),
        ("models/rollback", {"to": "m-1"}, "there is no 'to' here"),
        ("models/rollback", {"kind": "replay"}, "kind must be one of real, simulated"),
        ("reset", {"yes": True}, "there is no 'yes' here"),
        ("stop", {"symbols": ["BTC/USD"]}, "there is no 'symbols' here; did you mean \"symbol\"?"),
        ("retrain", {"days": 0}, "days must be a whole number from 1 to 100,000"),
        ("retrain", {"days": 2.5}, "days must be a whole number from 1 to 100,000"),
        ("retrain", {"days": True, "symbols": [None]}, "from 1 to 100,000; symbols must be a symbol such as"),
        ("stop", {"symbol": 5, "flatten": 0, "x": None}, "symbol must be a symbol such as BTC/USD; flatten must be"),
    ],
)
async def test_bad_commands_are_refused(serving: Any, refused: Any, command: str, body: Any, says: str) -> None:
    error = await refused(serving.post(f"{API}/{command}", body))
    assert (error.status, error.code) == (400, "REQUEST_INVALID")
    assert says in str(error)
    assert error.hint.startswith("this address takes: ")
    assert serving.service.asked == []


@pytest.mark.parametrize("command", ["start", "pause", "resume", "retrain"])
async def test_an_exchange_that_does_not_exist_is_refused_with_the_nearest(
    serving: Any, refused: Any, command: str
) -> None:
    """A pause of a misspelled name would restrict no account."""
    error = await refused(serving.post(f"{API}/{command}", {"exchange": "simulatd"}))
    assert (error.status, error.code, str(error)) == (404, "UNKNOWN_EXCHANGE", "there is no exchange 'simulatd'")
    assert error.hint.startswith('did you mean "simulated"? ')
    assert serving.service.asked == []


async def test_a_key_that_is_half_a_character_is_refused_in_words(serving: Any, refused: Any) -> None:
    error = await refused(serving.post(f"{API}/stop", {"\ud800": 1}))
    assert (error.status, str(error)) == (400, "a key is not text")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RequestInvalid("m", hint="h"), 400, "REQUEST_INVALID"),
        (ConfigError("m", hint="h"), 400, "CONFIG_ERROR"),
        (UnknownTimeframe("m", hint="h"), 400, "UNKNOWN_TIMEFRAME"),
        (SafetyRefused("m", hint="h"), 403, "SAFETY_REFUSED"),
        (UnknownSymbol("m", hint="h"), 404, "UNKNOWN_SYMBOL"),
        (UnknownExchange("m", hint="h"), 404, "UNKNOWN_EXCHANGE"),
        (Conflict("m", hint="h"), 409, "CONFLICT"),
        (ModelError("m", hint="h"), 409, "MODEL_ERROR"),
        (MarketUnavailable("m", hint="h"), 503, "MARKET_UNAVAILABLE"),
        (StoreUnavailable("m", hint="h"), 503, "STORE_UNAVAILABLE"),
        (StoreCorrupt("m", hint="h"), 500, "STORE_CORRUPT"),
    ],
)
async def test_the_daemons_errors_reach_the_client_whole(
    serving: Any, refused: Any, error: Exception, status: int, code: str
) -> None:
    serving.service.fails = error
    seen = await refused(serving.get(f"{API}/status"))
    assert (seen.status, seen.code, str(seen), seen.hint) == (status, code, "m", "h")


async def test_a_bug_is_told_without_its_traceback_and_logged_with_it(
    serving: Any, refused: Any, caplog: pytest.LogCaptureFixture
) -> None:
    serving.service.fails = ZeroDivisionError("secret detail")
    seen = await refused(serving.get(f"{API}/status"))
    assert (seen.status, seen.code) == (500, "INTERNAL_ERROR")
    assert "secret detail" not in str(seen)
    assert "Traceback" in caplog.text
    assert await serving.get("/health") == {"ok": True}


async def test_what_is_not_there_is_said_in_json(serving: Any, refused: Any) -> None:
    assert (await refused(serving.get(f"{API}/decisions/none"))).code == "NOT_FOUND"
    missing = await refused(serving.get("/nothing"))
    assert (missing.status, missing.code) == (404, "NOT_FOUND")
    method = await refused(serving.get(f"{API}/start"))
    assert (method.status, method.code) == (405, "METHOD_NOT_ALLOWED")
    assert (await refused(serving.post(f"{API}/status"))).status == 405


async def test_answers_larger_than_a_socket_buffer_arrive_whole(serving: Any) -> None:
    serving.service.padding = "é" * 2_000_000
    assert (await serving.get(f"{API}/trades"))["padding"] == serving.service.padding
