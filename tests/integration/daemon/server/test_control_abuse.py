"""Clients that are broken, slow, many or not ours: each gets an answer or the door, and the others notice nothing."""

import asyncio
import json
import os
import random
import socket
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mutated_requests import send

from autopilot.control.protocol import BODY_MAX_BYTES
from autopilot.daemon.server.admission import ServerLimits

API = "/api/autopilot"


def post(body: bytes, length: int | None = None, path: str = f"{API}/start") -> bytes:
    size = len(body) if length is None else length
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode() + body


def parsed(answer: bytes) -> tuple[int, str, str]:
    """Status, code and message of an error answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/json" in head
    error = json.loads(body)["error"]
    assert error["hint"]
    return int(head.split()[1]), error["code"], error["message"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not usable JSON"),
        (b"[]", "it is not an object"),
        (b'"x"', "it is not an object"),
        (b"null", "it is not an object"),
        (b"[" * 60_000, "nested too deeply"),
        (b'{"x":' * 10_000, "nested too deeply"),
        (b'{"interval": NaN}', "NaN is not a JSON number"),
        (b'{"interval": Infinity}', "Infinity is not a JSON number"),
        (b'{"interval": 5, "interval": 6}', "a key twice"),
        (b'{"interval": ' + b"9" * 5_000 + b"}", "not usable JSON"),
        (b"\xff\xfe\x00\x01", "not usable JSON"),
        (b"symbol=BTC", "not usable JSON"),
        (b'{"' + b"k" * 1_000 + b'": 1}', "there is no 'kkk"),
    ],
)
async def test_bodies_that_are_not_a_command(serving: Any, body: bytes, says: str) -> None:
    status, code, message = parsed(await serving.raw(post(body)))
    assert (status, code) == (400, "REQUEST_INVALID")
    assert says in message
    assert len(message) < 400


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n\r\n\x00\x00",
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"GET /health HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"A" * 200_000,
    ],
)
async def test_what_is_not_http_is_answered_in_json(serving: Any, request_bytes: bytes) -> None:
    status, code, message = parsed(await serving.raw(request_bytes))
    assert status in (400, 405)
    assert code
    assert "Traceback" not in message


@pytest.mark.parametrize(
    ("request_bytes", "status", "says"),
    [
        (b"GET /health HTTP/1.1\r\nHost: \xff\r\n\r\n", 400, "its header Host has a character outside ASCII"),
        (
            b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: \xc3\xa9\r\n\r\n",
            400,
            "its header X-A has a character outside ASCII",
        ),
        (b"GET /health HTTP/2.0\r\n\r\n", 400, "its version is neither HTTP/1.0 nor HTTP/1.1"),
        (b"GET /health HTTP/0.9\r\n\r\n", 400, "its version is neither HTTP/1.0 nor HTTP/1.1"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nExpect: nonsense\r\n\r\n", 417, "Expectation Failed"),
        (
            f"POST {API}/pause HTTP/1.0\r\nContent-Encoding: deflate\r\nContent-Length: 4\r\n\r\nabcd".encode(),
            400,
            "the body is not usable JSON",
        ),
    ],
)
async def test_a_head_that_we_do_not_take_is_refused_in_our_http(
    serving: Any, caplog: pytest.LogCaptureFixture, request_bytes: bytes, status: int, says: str
) -> None:
    answer = await serving.raw(request_bytes)
    assert answer.startswith((b"HTTP/1.1 ", b"HTTP/1.0 "))
    found, _, message = parsed(answer)
    assert (found, says in message) == (status, True)
    assert caplog.records == []


@pytest.mark.parametrize("first", range(0, 1_000, 250))
async def test_mutated_requests_are_answered_or_refused_but_never_fail(
    hasty: Any, caplog: pytest.LogCaptureFixture, first: int
) -> None:
    answers = await asyncio.to_thread(send, range(first, first + 250), hasty.path, 5.0, 4)
    assert {seed: answer for seed, answer in answers.items() if answer.startswith(("5", "not", "no answer"))} == {}
    assert [record.getMessage() for record in caplog.records if record.exc_info or record.levelname == "ERROR"] == []
    await hasty.until(lambda: not hasty.clients)


async def test_random_bytes_do_no_harm(serving: Any) -> None:
    random_source = random.Random(7)
    for _ in range(60):
        junk = random_source.randbytes(random_source.choice([1, 7, 100, 5_000])) + b"\r\n\r\n"
        answer = await serving.raw(junk)
        assert answer == b"" or parsed(answer)[0] == 400
    assert await serving.get("/health") == {"ok": True}
    assert serving.service.asked == []


async def test_a_body_beyond_the_limit_is_not_read(serving: Any) -> None:
    status, code, _ = parsed(await serving.raw(post(b"x" * (BODY_MAX_BYTES + 1))))
    assert (status, code) == (413, "TOO_LARGE")
    assert serving.service.asked == []


@pytest.mark.parametrize("start", [b"", b"G", b"GET /health HTTP/1.1\r\nHost: x\r\n"])
async def test_a_client_that_does_not_finish_its_request_is_shown_the_door(hasty: Any, start: bytes) -> None:
    status, code, message = parsed(await hasty.raw(start))
    assert (status, code) == (408, "TOO_SLOW")
    assert "no request within 0.3 s" in message


def trickled(path: Path) -> bytes:
    """The answer to a head that never ends, of which a little comes again and again."""
    received = b""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET /health HTTP/1.1\r\n")
        client.settimeout(0.05)
        while True:
            try:
                part = client.recv(1 << 16)
            except TimeoutError:
                with suppress(BrokenPipeError):
                    client.sendall(b"X: y\r\n")
                continue
            except ConnectionResetError:
                return received
            if not part:
                return received
            received += part


async def test_a_trickle_does_not_buy_time(hasty: Any) -> None:
    begin = time.monotonic()
    answer = await asyncio.to_thread(trickled, hasty.path)
    assert time.monotonic() - begin < 2
    assert parsed(answer)[0] == 408


async def test_a_body_that_does_not_come_is_not_waited_for(hasty: Any) -> None:
    status, code, message = parsed(await hasty.raw(post(b'{"symbols"', length=100)))
    assert (status, code) == (408, "TOO_SLOW")
    assert "body" in message


async def test_slow_work_is_not_hurried(hasty: Any) -> None:
    hasty.service.gate.clear()
    waiting = asyncio.ensure_future(hasty.post(f"{API}/start"))
    await asyncio.sleep(3 * 0.3)
    assert not waiting.done()
    hasty.service.gate.set()
    assert (await waiting)["answer"] == 1


FEW = ServerLimits(waiting=3, queries=2, streams=2, commands=1, of_each_risk_reducing=1, yields_s=0.1)
EVENTS = f"GET {API}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode()
QUERY = f"GET {API}/positions HTTP/1.1\r\nHost: x\r\n\r\n".encode()
HELD = {
    "silent": b"",
    "in its head": b"GET /health HTTP/1.1\r\nHost: x\r\n",
    "in its body": post(b"{", length=20, path=f"{API}/panic"),
    "in chunks": f"POST {API}/pause HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n".encode(),
}
"""What clients send that do not finish their requests."""


async def hold(serving: Any, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that sends this, and takes nothing."""
    reader, writer = await serving.connect()
    writer.transport.pause_reading()
    writer.write(request)
    return reader, writer


@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
async def test_the_oldest_silent_client_gives_way_to_a_new_one(serve: Any, held: bytes) -> None:
    async with serve(FEW) as serving:
        silent = []
        for number in range(3):
            silent.append(await hold(serving, held))
            await serving.until(lambda number=number: serving.clients == number + 1)
        assert await serving.get("/health") == {"ok": True}
        assert "answer" in await serving.post(f"{API}/panic")
        for _, writer in silent:
            writer.transport.resume_reading()
        status, code, message = parsed(await serving.rest(silent[0][0]))
        assert (status, code) == (503, "TOO_MANY_CLIENTS")
        assert "silent" in message
        assert serving.clients == 2
        for _, writer in silent:
            writer.close()


async def test_no_kind_of_request_takes_the_place_of_another(serve: Any, refused: Any) -> None:
    async with serve(replace(FEW, waiting=9)) as serving:
        watching = [await hold(serving, EVENTS) for _ in range(2)]
        await serving.until(lambda: len(serving.server._admission._places["events"]) == 2)
        assert (await refused(serving.get(f"{API}/events"))).code == "TOO_MANY_CLIENTS"
        serving.service.gate.clear()
        busy = [asyncio.ensure_future(serving.raw(QUERY)) for _ in range(2)]
        await serving.until(lambda: len(serving.service.asked) == 2)
        assert (await refused(serving.get(f"{API}/positions"))).status == 503
        assert await serving.get("/health") == {"ok": True}
        commands = ["retrain", "pause", "panic", "stop", "exit"]
        bodies = {"exit": {"symbol": "BTC/USD"}}
        busy += [asyncio.ensure_future(serving.post(f"{API}/{each}", bodies.get(each))) for each in commands]
        await serving.until(lambda: len(serving.service.asked) == 7)
        for command in ["start", *commands[1:]]:
            assert (await refused(serving.post(f"{API}/{command}", bodies.get(command)))).status == 503
        serving.service.gate.set()
        await asyncio.gather(*busy)
        for _, writer in watching:
            writer.close()


async def test_every_command_that_reduces_risk_works_among_500_clients_of_every_kind(serve: Any) -> None:
    async with serve() as serving:
        serving.service.padding = "x" * 1_000_000
        kinds = [*HELD.values(), EVENTS, QUERY]
        clients = [await hold(serving, kinds[number % len(kinds)]) for number in range(500)]
        for command, body in {
            "pause": {},
            "panic": {"flatten": True},
            "exit": {"symbol": "BTC/USD"},
            "stop": {},
        }.items():
            assert "answer" in await serving.post(f"{API}/{command}", body)
        for _, writer in clients:
            writer.transport.abort()


async def test_work_keeps_its_place_though_its_client_has_left(serve: Any, refused: Any) -> None:
    async with serve(FEW) as serving:
        serving.service.gate.clear()
        left = [await hold(serving, QUERY) for _ in range(2)]
        await serving.until(lambda: len(serving.service.asked) == 2)
        for _, writer in left:
            writer.transport.abort()
        await serving.until(lambda: not serving.server._admission._waiting)
        assert (await refused(serving.get(f"{API}/positions"))).code == "TOO_MANY_CLIENTS"
        serving.service.gate.set()
        await serving.until(lambda: not serving.clients)


async def test_a_stream_whose_client_has_left_ends_at_once(serve: Any) -> None:
    async with serve(replace(FEW, keep_alive_s=60.0)) as serving:
        for _ in range(3):
            watching = [await hold(serving, EVENTS) for _ in range(2)]
            await serving.until(lambda: len(serving.server._admission._places["events"]) == 2)
            for _, writer in watching:
                writer.close()
            await serving.until(lambda: not serving.clients)


async def test_a_client_that_does_not_take_its_answer_gives_way_to_the_next(serve: Any) -> None:
    async with serve(FEW) as serving:
        serving.service.padding = "x" * 5_000_000
        slow = [await hold(serving, QUERY) for _ in range(2)]
        await serving.until(lambda: all(each.is_slow() for each in serving.server._admission._places["queries"]))
        serving.service.padding = ""
        assert "answer" in await serving.get(f"{API}/positions")
        for _, writer in slow:
            writer.close()


@pytest.mark.parametrize("size", [100_000, 250_000, 5_000_000])
async def test_an_answer_of_any_size_is_dropped_with_a_client_that_does_not_take_it(hasty: Any, size: int) -> None:
    hasty.service.padding = "x" * size
    _, writer = await hold(hasty, QUERY)
    await hasty.until(lambda: hasty.service.asked and not hasty.clients)
    writer.close()


@pytest.mark.parametrize("held", [HELD["in its body"], HELD["in chunks"]], ids=["length", "chunks"])
async def test_a_client_that_leaves_in_the_middle_of_a_body_is_one_line(
    serving: Any, caplog: pytest.LogCaptureFixture, held: bytes
) -> None:
    caplog.set_level("INFO", "autopilot")
    _, writer = await hold(serving, held)
    await serving.until(lambda: serving.clients)
    writer.close()
    await serving.until(lambda: not serving.clients)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "left before its request was whole: POST" in line
    assert all(record.exc_info is None for record in caplog.records)
    assert serving.service.commands == []


async def test_a_client_that_sends_no_more_gets_its_answer(serving: Any) -> None:
    serving.service.gate.clear()
    reader, writer = await serving.connect()
    writer.write(post(b'{"flatten": true}', path=f"{API}/panic"))
    writer.write_eof()
    await serving.until(lambda: serving.service.asked)
    serving.service.gate.set()
    assert b"200 OK" in await serving.rest(reader)
    writer.close()


async def test_a_whole_command_is_done_though_its_client_has_left(serving: Any) -> None:
    _, writer = await serving.connect()
    writer.write(post(b"{}", path=f"{API}/panic"))
    writer.close()
    await serving.until(lambda: serving.service.commands and not serving.clients)
    assert serving.service.commands[0][-1] == "done"


async def test_two_hundred_clients_at_once_each_get_an_answer(serving: Any) -> None:
    request = f"GET {API}/positions HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    answers = await asyncio.gather(*(serving.raw(request) for _ in range(200)))
    statuses = [int(answer.split()[1]) for answer in answers]
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= 64
    assert await serving.get("/health") == {"ok": True}


async def test_another_users_process_is_turned_away(serve: Any, refused: Any) -> None:
    async with serve(uids={os.geteuid() + 1}) as serving:
        error = await refused(serving.get("/health"))
        assert (error.status, error.code) == (403, "FORBIDDEN")
        assert str(os.geteuid()) in str(error)
        assert (await refused(serving.post(f"{API}/start", {"symbols": ["BTC/USD"]}))).status == 403
        assert serving.service.asked == []


async def test_stopping_does_not_wait_for_idle_or_stuck_clients(serve: Any) -> None:
    async with serve(ServerLimits(shutdown_s=0.2)) as serving:
        _, idle = await serving.connect()
        serving.service.gate.clear()
        stuck = asyncio.ensure_future(serving.raw(f"GET {API}/positions HTTP/1.1\r\nHost: x\r\n\r\n".encode()))
        await serving.until(lambda: serving.service.asked)
        begin = time.monotonic()
        await serving.server.stop()
        assert time.monotonic() - begin < 2
        assert await stuck == b""
        assert not serving.path.exists()
        idle.close()


async def test_a_request_under_way_is_finished_before_the_end(serving: Any) -> None:
    serving.service.gate.clear()
    answer = asyncio.ensure_future(serving.post(f"{API}/stop"))
    await serving.until(lambda: serving.service.asked)
    stopping = asyncio.ensure_future(serving.server.stop())
    await asyncio.sleep(0.05)
    serving.service.gate.set()
    assert (await answer)["answer"] == 1
    await stopping
