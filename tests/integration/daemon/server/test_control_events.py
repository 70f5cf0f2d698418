"""Server-sent events: in order, numbered, resumable, and never a burden."""

import asyncio
import threading
import time
from typing import Any

import pytest

from autopilot.control.client import ControlClient
from autopilot.control.errors import CommandRefused

API = "/api/autopilot"
REQUEST = f"GET {API}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def take(path: Any, count: int, got: list[dict[str, Any]], **options: Any) -> None:
    stream = ControlClient(path, 5.0).events(**options)
    while len(got) < count:
        got.append(next(stream))
    stream.close()


async def test_events_come_as_they_happen(serving: Any) -> None:
    got: list[dict[str, Any]] = []
    following = asyncio.ensure_future(asyncio.to_thread(take, serving.path, 3, got))
    number = 0
    while not following.done():
        number += 1
        serving.service.events.publish("decision", {"number": number, "text": "é\n"})
        await asyncio.sleep(0.01)
    await following
    first = got[0]["seq"]
    assert got == [
        {"seq": seq, "at_ms": 7, "kind": "decision", "body": {"number": seq, "text": "é\n"}}
        for seq in range(first, first + 3)
    ]


async def test_a_returning_client_misses_nothing(serving: Any) -> None:
    for number in range(1, 7):
        serving.service.events.publish("fill" if number % 2 else "cycle", {"n": number})
    got: list[dict[str, Any]] = []
    await asyncio.to_thread(take, serving.path, 4, got, after=2)
    assert [event["seq"] for event in got] == [3, 4, 5, 6]


async def test_only_the_kinds_asked_for_are_sent(serving: Any) -> None:
    for number, kind in enumerate(["a", "b", "c", "a", "b"], 1):
        serving.service.events.publish(kind, {"n": number})
    got: list[dict[str, Any]] = []
    await asyncio.to_thread(take, serving.path, 3, got, kinds=["a", "c"], after=0)
    assert [event["kind"] for event in got] == ["a", "c", "a"]


async def test_a_silent_stream_is_kept_alive(hasty: Any) -> None:
    reader, writer = await hasty.connect()
    writer.write(REQUEST)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert b"text/event-stream" in head
    for _ in range(3):
        await asyncio.wait_for(reader.readuntil(b": keep-alive\n\n"), 5)
    writer.close()


async def test_a_stream_outlives_the_limits_of_a_request(hasty: Any) -> None:
    got: list[dict[str, Any]] = []
    following = asyncio.ensure_future(asyncio.to_thread(take, hasty.path, 1, got))
    await asyncio.sleep(4 * 0.3)
    hasty.service.events.publish("late", {})
    await following
    assert got[0]["kind"] == "late"


async def test_a_reader_that_falls_behind_is_dropped_and_nobody_waits_for_it(hasty: Any) -> None:
    reader, writer = await hasty.connect()
    writer.write(REQUEST)
    await reader.readuntil(b": connected\n\n")
    writer.transport.pause_reading()
    begin = time.monotonic()
    while hasty.clients and time.monotonic() < begin + 5:
        hasty.service.events.publish("bulk", {"x": "y" * 100_000})
        await asyncio.sleep(0.005)
    assert not hasty.clients
    assert await hasty.get("/health") == {"ok": True}
    writer.close()


async def test_the_stream_ends_when_the_daemon_does(serving: Any) -> None:
    finished = threading.Event()

    def follow() -> None:
        assert list(ControlClient(serving.path, 5.0).events()) == []
        finished.set()

    following = asyncio.ensure_future(asyncio.to_thread(follow))
    await serving.until(lambda: serving.clients)
    begin = time.monotonic()
    await serving.server.stop()
    await following
    assert finished.is_set()
    assert time.monotonic() - begin < 1.5


async def test_a_client_that_leaves_frees_its_place(hasty: Any) -> None:
    reader, writer = await hasty.connect()
    writer.write(REQUEST)
    await reader.readuntil(b": connected\n\n")
    writer.close()
    await hasty.until(lambda: not hasty.clients)


@pytest.mark.parametrize("last", [b"x", b"-1", b"1.5", b"9" * 40])
async def test_a_bad_resume_number_is_refused(serving: Any, last: bytes) -> None:
    answer = await serving.raw(REQUEST[:-2] + b"Last-Event-ID: " + last + b"\r\n\r\n")
    assert b" 400 " in answer
    assert b"Last-Event-ID is not a number" in answer


async def test_an_unknown_parameter_is_refused_by_the_iterator(serving: Any) -> None:
    with pytest.raises(CommandRefused, match="given twice"):
        await asyncio.to_thread(lambda: list(ControlClient(serving.path, 5.0).events(kinds=["a&kinds=b"])))
